import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from mnist_demo.ui.services.result_cache import NotReady, Report, ResultCache


class Owner:
    pass


def get(cache: ResultCache, owner: Owner, compute: Callable[[Report], Any], name: str = "result") -> Any:
    """Poll until the result is ready."""
    for _ in range(500):
        try:
            return cache.get(owner, name, compute, "Computing…")
        except NotReady:
            time.sleep(0.01)
    raise AssertionError("the result was not ready in time")


def test_a_result_is_computed_once_and_its_status_reported():
    cache, owner, halfway, go_on = ResultCache(), Owner(), threading.Event(), threading.Event()
    computed = []

    def compute(report: Report) -> str:
        report("Half of it…")
        halfway.set()
        go_on.wait()
        computed.append("result")
        return "result"

    with pytest.raises(NotReady, match=r"Computing…|Half of it…"):
        cache.get(owner, "result", compute, "Computing…")
    halfway.wait()
    with pytest.raises(NotReady, match="Half of it…"):
        cache.get(owner, "result", compute, "Computing…")
    go_on.set()
    assert get(cache, owner, compute) == get(cache, owner, compute) == "result"
    assert computed == ["result"]


def test_a_failure_is_raised_once_and_then_computed_again():
    cache, owner, outcomes = ResultCache(), Owner(), iter([OSError("no disk"), "result"])

    def compute(report: Report) -> Any:
        if isinstance(outcome := next(outcomes), OSError):
            raise outcome
        return outcome

    with pytest.raises(OSError, match="no disk"):
        get(cache, owner, compute)
    assert get(cache, owner, compute) == "result"


def test_results_are_dropped_with_their_owner():
    cache, owner = ResultCache(), Owner()
    get(cache, owner, lambda report: "result")
    del owner
    gc.collect()
    assert not cache._computations


def test_an_abandoned_computation_is_cancelled_and_started_again_on_request():
    cache, owner = ResultCache(abandon_after=0.05), Owner()
    started, go_on = threading.Event(), threading.Event()
    finished = []

    def compute(report: Report) -> str:
        started.set()
        go_on.wait()
        report("Half of it…")
        finished.append("result")
        return "result"

    for name in ("result", "behind it"):
        with pytest.raises(NotReady):
            cache.get(owner, name, compute, "Computing…")
    started.wait()
    time.sleep(0.1)
    go_on.set()
    assert get(cache, owner, lambda report: "another", "another") == "another"
    assert finished == [] and list(cache._computations[owner]) == ["another"]
    assert get(cache, owner, compute) == "result"


def test_computations_are_ordered_fairly_to_clients():
    cache, owner, started, go_on = ResultCache(), Owner(), threading.Event(), threading.Event()
    computed = []

    def request(name: str, client: str) -> None:
        def compute(report: Report) -> None:
            started.set()
            go_on.wait(30)
            computed.append(name)

        with pytest.raises(NotReady):
            cache.get(owner, name, compute, "Computing…", client)

    for name in "abcd":
        request(name, "greedy")
    started.wait(30)
    request("own", "another")
    request("d", "a third")  # another client waits for it already
    go_on.set()
    while len(computed) < 5:
        time.sleep(0.01)
    assert computed == ["a", "d", "own", "b", "c"]
