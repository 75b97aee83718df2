import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from mnist_demo.errors import InputError
from mnist_demo.ui.line import FairQueue, Line


def numbers(*places) -> list[int]:
    return [place() for place in places]


def test_the_first_have_their_turn_and_the_others_move_up_as_they_leave():
    line = Line(2, most=20)
    with ExitStack() as others:
        first = others.enter_context(line.enter("a"))
        with line.enter("a") as second, line.enter("a") as third, line.enter("a") as fourth:
            assert numbers(first, second, third, fourth) == [0, 0, 1, 2]
            others.close()
            assert numbers(second, third, fourth) == [0, 0, 1]


def test_who_leaves_while_waiting_makes_room_behind():
    line = Line()
    with line.enter("a") as first:
        leaving = line.enter("a")
        leaving.__enter__()
        with line.enter("a") as last:
            assert last() == 2
            leaving.__exit__(None, None, None)
            assert numbers(first, last) == [0, 1]


def test_the_line_has_an_end():
    line = Line()
    with ExitStack() as waiting:
        places = [waiting.enter_context(line.enter("a")) for _ in range(1 + 20)]
        with pytest.raises(InputError, match="Too many wait for this already"), line.enter("a") as place:
            place()
        assert numbers(*places) == list(range(21))
    with line.enter("a") as place:
        assert place() == 0


def test_who_asks_often_waits_behind_who_asks_once_but_keeps_the_turn_they_have():
    line = Line()
    with ExitStack() as first, ExitStack() as waiting:
        places = {"greedy 1": first.enter_context(line.enter("greedy"))}
        for name in ("greedy 2", "greedy 3", "another 1", "third 1", "another 2"):
            places[name] = waiting.enter_context(line.enter(name.split()[0]))
        order = ["greedy 1", "another 1", "third 1", "greedy 2", "another 2", "greedy 3"]
        assert sorted(places, key=lambda name: places[name]()) == order
        first.close()
        del places["greedy 1"]
        assert sorted(places, key=lambda name: places[name]()) == order[1:]


def test_turns_are_given_in_the_order_that_was_told():
    queue, given = FairQueue(), []
    tickets = {queue.enter(name[0]): name for name in ("a1", "a2", "a3", "b1", "b2", "c1")}
    for _ in range(3):
        given.append(queue.give_turn())
        queue.leave(given[-1])
    tickets |= {queue.enter("b"): "b3", queue.enter("d"): "d1"}
    while queue.waiting():
        given.append(queue.give_turn())
        queue.leave(given[-1])
    assert [tickets[ticket] for ticket in given] == ["a1", "b1", "c1", "d1", "a2", "b2", "a3", "b3"]


def test_who_comes_again_as_soon_as_they_had_their_turn_passes_nobody_who_waits():
    queue, turns = FairQueue(), Counter[str]()
    for address in ("a", "b", "waits", "waits"):
        queue.enter(address)
    for _ in range(100):
        ticket = queue.give_turn()
        (address,) = ticket.addresses
        turns[address] += 1
        queue.leave(ticket)
        queue.enter(address)
    assert turns == {"a": 33, "b": 33, "waits": 34}


def test_a_full_line_sends_away_who_asked_most():
    line = Line()
    with ExitStack() as waiting:
        greedy = [waiting.enter_context(line.enter("greedy")) for _ in range(1 + 20)]
        with line.enter("another") as another:
            assert numbers(*greedy[:-1], another) == [0, *range(2, 21), 1]
            with pytest.raises(InputError, match="Too many wait for this already"):
                greedy[-1]()
            with pytest.raises(InputError), line.enter("greedy") as again:
                again()
            assert another() == 1


def test_whoever_waits_for_their_only_turn_is_passed_by_nobody_who_comes_later():
    line = Line()
    with ExitStack() as stack:
        places = [stack.enter_context(line.enter(who)) for who in ("early", "waits", "new", "newer", "early")]
        assert numbers(*places) == [0, 1, 2, 3, 4]


def test_what_several_wait_for_comes_when_it_would_for_who_asked_least():
    queue = FairQueue()
    one, two, three = (queue.enter("greedy") for _ in range(3))
    queue.share(three, "another")
    assert queue.waiting() == [one, three, two]
    queue.share(three, "greedy")
    queue.share(two, "another")  # who has asked for the third before
    assert queue.waiting() == [one, three, two]


def test_taking_a_turn_waits_for_it_one_at_a_time():
    line, go_on, entered = Line(1, most=2), threading.Event(), threading.Event()
    at_once, most = 0, 0

    def compute() -> None:
        nonlocal at_once, most
        with line.take("a"):
            at_once += 1
            most = max(most, at_once)
            entered.set()
            go_on.wait(30)
            at_once -= 1

    threads = [threading.Thread(target=compute) for _ in range(3)]
    for thread in threads:
        thread.start()
        entered.wait(30)
    while len(line._queue.waiting()) < 2:
        time.sleep(0.001)
    with pytest.raises(InputError, match="Too many wait for this already"), line.take("a"):
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert most == 1
    with line.take("a"):  # all places are free again
        pass


def test_who_is_sent_away_while_waiting_hears_it_at_once():
    line, problems = Line(1, most=1), []

    def wait() -> None:
        try:
            with line.take("greedy"):
                pass
        except InputError as error:
            problems.append(str(error))

    with line.take("greedy"):
        waiter = threading.Thread(target=wait)
        waiter.start()
        while not line._queue.waiting():
            time.sleep(0.001)
        with line.enter("another"):
            waiter.join(30)
            assert len(problems) == 1 and "Too many" in problems[0]
