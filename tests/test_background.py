import gc
import threading
import time

import pytest

from mnist_demo.ui.background import Background, Busy


class Owner:
    pass


def wait_for(background: Background, owner: Owner, make, name: str = "thing"):
    for _ in range(500):
        try:
            return background.get(owner, name, make, "Making it…")
        except Busy:
            time.sleep(0.01)
    raise AssertionError("never done")


def test_a_thing_is_made_once_and_who_asks_meanwhile_hears_how_far_it_is():
    background, owner, half, go = Background(), Owner(), threading.Event(), threading.Event()
    made = []

    def make(report):
        report("Half of it…")
        half.set()
        go.wait()
        made.append("it")
        return "it"

    with pytest.raises(Busy, match=r"Making it…|Half of it…"):
        background.get(owner, "thing", make, "Making it…")
    half.wait()
    with pytest.raises(Busy, match="Half of it…"):
        background.get(owner, "thing", make, "Making it…")
    go.set()
    assert wait_for(background, owner, make) == wait_for(background, owner, make) == "it"
    assert made == ["it"]


def test_a_failure_is_told_once_and_then_tried_again():
    background, owner, answers = Background(), Owner(), iter([OSError("no disk"), "it"])

    def make(report):
        if isinstance(answer := next(answers), OSError):
            raise answer
        return answer

    with pytest.raises(OSError, match="no disk"):
        wait_for(background, owner, make)
    assert wait_for(background, owner, make) == "it"


def test_what_was_made_goes_with_its_owner():
    background, owner = Background(), Owner()
    wait_for(background, owner, lambda report: "it")
    del owner
    gc.collect()
    assert not background._jobs


def test_what_nobody_waits_for_is_given_up_and_made_anew_for_the_next_who_asks():
    background, owner, started, go = Background(patience=0.05), Owner(), threading.Event(), threading.Event()
    reached = []

    def make(report):
        started.set()
        go.wait()
        report("Half of it…")
        reached.append("the end")
        return "it"

    for name in ("thing", "behind it"):
        with pytest.raises(Busy):
            background.get(owner, name, make, "Making it…")
    started.wait()
    time.sleep(0.1)
    go.set()
    assert wait_for(background, owner, lambda report: "another", "another") == "another"
    assert reached == [] and list(background._jobs[owner]) == ["another"]
    assert wait_for(background, owner, make) == "it"


def test_what_waits_is_made_in_an_order_that_is_fair_to_those_who_ask():
    background, owner, started, go = Background(), Owner(), threading.Event(), threading.Event()
    made = []

    def ask(name: str, asker: str) -> None:
        def make(report):
            started.set()
            go.wait(30)
            made.append(name)

        with pytest.raises(Busy):
            background.get(owner, name, make, "Making it…", asker)

    for name in "abcd":
        ask(name, "greedy")
    started.wait(30)
    ask("own", "another")
    ask("d", "a third")  # which is being waited for already
    go.set()
    while len(made) < 5:
        time.sleep(0.01)
    assert made == ["a", "d", "own", "b", "c"]
