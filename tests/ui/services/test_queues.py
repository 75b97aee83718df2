import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from mnist_demo.errors import InputError
from mnist_demo.ui.services.queues import FairQueue, WorkQueue

FULL = "Too many requests are waiting already"


def numbers(*positions: Callable[[], int]) -> list[int]:
    return [position() for position in positions]


def test_the_first_get_their_turn_and_the_others_move_up_as_they_leave():
    queue = WorkQueue(2)
    with ExitStack() as others:
        first = others.enter_context(queue.enter("a"))
        with queue.enter("a") as second, queue.enter("a") as third, queue.enter("a") as fourth:
            assert numbers(first, second, third, fourth) == [0, 0, 1, 2]
            others.close()
            assert numbers(second, third, fourth) == [0, 0, 1]


def test_those_behind_a_client_that_leaves_move_up():
    queue = WorkQueue()
    with queue.enter("a") as first:
        leaving = queue.enter("a")
        leaving.__enter__()
        with queue.enter("a") as last:
            assert last() == 2
            leaving.__exit__(None, None, None)
            assert numbers(first, last) == [0, 1]


def test_a_full_queue_refuses_more():
    queue = WorkQueue()
    with ExitStack() as waiting:
        positions = [waiting.enter_context(queue.enter("a")) for _ in range(1 + 20)]
        with pytest.raises(InputError, match=FULL), queue.enter("a") as position:
            position()
        assert numbers(*positions) == list(range(21))
    with queue.enter("a") as position:
        assert position() == 0


def test_turns_go_round_the_clients_and_a_client_keeps_the_turn_it_has():
    queue = WorkQueue()
    with ExitStack() as first, ExitStack() as waiting:
        positions = {"greedy 1": first.enter_context(queue.enter("greedy"))}
        for name in ("greedy 2", "greedy 3", "another 1", "third 1", "another 2"):
            positions[name] = waiting.enter_context(queue.enter(name.split()[0]))
        order = ["greedy 1", "another 1", "third 1", "greedy 2", "another 2", "greedy 3"]
        assert sorted(positions, key=lambda name: positions[name]()) == order
        first.close()
        del positions["greedy 1"]
        assert sorted(positions, key=lambda name: positions[name]()) == order[1:]


def test_turns_come_in_the_order_of_the_positions():
    queue, served = FairQueue(), []
    tickets = {queue.add(name[0]): name for name in ("a1", "a2", "a3", "b1", "b2", "c1")}
    for _ in range(3):
        served.append(queue.start_next())
        queue.remove(served[-1])
    tickets |= {queue.add("b"): "b3", queue.add("d"): "d1"}
    while queue.waiting():
        served.append(queue.start_next())
        queue.remove(served[-1])
    assert [tickets[ticket] for ticket in served] == ["a1", "b1", "c1", "d1", "a2", "b2", "a3", "b3"]


def test_a_client_that_returns_after_its_turn_passes_no_waiting_client():
    queue, turns = FairQueue(), Counter[str]()
    for client in ("a", "b", "waits", "waits"):
        queue.add(client)
    for _ in range(100):
        ticket = queue.start_next()
        (client,) = ticket.clients
        turns[client] += 1
        queue.remove(ticket)
        queue.add(client)
    assert turns == {"a": 33, "b": 33, "waits": 34}


def test_a_full_queue_drops_the_last_ticket_of_the_client_with_most():
    queue = WorkQueue()
    with ExitStack() as waiting:
        greedy = [waiting.enter_context(queue.enter("greedy")) for _ in range(1 + 20)]
        with queue.enter("another") as another:
            assert numbers(*greedy[:-1], another) == [0, *range(2, 21), 1]
            with pytest.raises(InputError, match=FULL):
                greedy[-1]()
            with pytest.raises(InputError), queue.enter("greedy") as again:
                again()
            assert another() == 1


def test_a_client_with_one_request_is_not_passed_by_later_clients():
    queue = WorkQueue()
    with ExitStack() as stack:
        positions = [stack.enter_context(queue.enter(client)) for client in ("early", "waits", "new", "newer", "early")]
        assert numbers(*positions) == [0, 1, 2, 3, 4]


def test_shared_work_has_the_earliest_turn_of_its_clients():
    queue = FairQueue()
    one, two, three = (queue.add("greedy") for _ in range(3))
    queue.share(three, "another")
    assert queue.waiting() == [one, three, two]
    queue.share(three, "greedy")
    queue.share(two, "another")  # it waits for the third already
    assert queue.waiting() == [one, three, two]


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.001)


def test_turns_are_taken_one_at_a_time():
    queue, go_on, entered = WorkQueue(1, max_waiting=2), threading.Event(), threading.Event()
    active, most = 0, 0

    def compute() -> None:
        nonlocal active, most
        with queue.turn("a"):
            active += 1
            most = max(most, active)
            entered.set()
            go_on.wait(30)
            active -= 1

    threads = [threading.Thread(target=compute) for _ in range(3)]
    for thread in threads:
        thread.start()
        entered.wait(30)
    wait_until(lambda: len(queue._queue.waiting()) == 2)
    with pytest.raises(InputError, match=FULL), queue.turn("a"):
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert most == 1
    with queue.turn("a"):  # all places are free again
        pass


def test_a_client_that_loses_its_place_gets_an_error_at_once():
    queue, problems = WorkQueue(1, max_waiting=1), []

    def wait() -> None:
        try:
            with queue.turn("greedy"):
                pass
        except InputError as error:
            problems.append(str(error))

    with queue.turn("greedy"):
        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: bool(queue._queue.waiting()))
        with queue.enter("another"):
            thread.join(30)
            assert len(problems) == 1 and FULL in problems[0]
