import threading
from types import SimpleNamespace
from typing import Any

import pytest

from mnist_demo.classifier import DEFAULT_MODEL
from mnist_demo.data import Data
from mnist_demo.ui import train as tab
from mnist_demo.ui.shared_data import Loaded, SharedData
from mnist_demo.ui.shelf import Shelf

VISITOR: Any = SimpleNamespace(session_hash="a visitor")


@pytest.fixture
def handlers(practice: Data) -> tab.Handlers:
    data = SharedData(None)
    data.loaded = Loaded(practice)
    return tab.Handlers(Shelf(), data)


def test_a_run_reports_its_curve_and_table_and_keeps_its_network(handlers: tab.Handlers):
    list(handlers.prepare(VISITOR))
    status, curve, table = list(handlers.run("softmax", VISITOR))[-1]
    assert status.startswith("Finished after ") and "`softmax, yours 1 (practice digits)`" in status
    assert curve["step"].tolist() == list(range(1, 91)) and curve["loss"].iloc[-1] < curve["loss"].iloc[0]
    assert len(table.splitlines()) == 2 + 15
    assert handlers.shelf.choices("a visitor")[0][0] == "softmax, yours 1 (practice digits)"


def test_the_curve_is_thinned_to_means(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tab, "POINTS", 3)
    run = tab.Run(losses=[5.0, 3.0, 2.0, 2.0, 1.0])
    assert run.curve().to_dict("list") == {"step": [2, 4, 5], "loss": [4.0, 2.0, 1.0]}


def test_a_run_ends_at_its_time_limit(handlers: tab.Handlers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tab, "MAX_SECONDS", 0.3)
    assert list(handlers.run("cnn", VISITOR))[-1][0].startswith("Stopped at step ")


def test_stop_before_the_first_step_keeps_nothing(handlers: tab.Handlers):
    run = handlers.run("softmax", VISITOR)
    next(run)
    handlers.stop(VISITOR)
    assert [status for status, _, _ in run] == [tab.NOTHING_LEARNED]
    assert len(handlers.shelf.choices("a visitor")) == len(handlers.shelf.shipped())


def test_who_waits_for_a_place_is_told_and_can_leave(handlers: tab.Handlers):
    visitors: list[Any] = [SimpleNamespace(session_hash=f"other {i}") for i in range(tab.RUNS_AT_ONCE)]
    others = [handlers.run("cnn", visitor) for visitor in visitors]
    for other in others:
        next(other)
    waiting = handlers.run("softmax", VISITOR)
    assert next(waiting)[0].startswith("Waiting until another")
    handlers.stop(VISITOR)
    assert [status for status, _, _ in waiting] == [tab.NOTHING_LEARNED]
    others.pop().close()  # as when its page is closed
    handlers.shelf.visit("a visitor").stop = threading.Event()
    assert next(handlers.run("softmax", VISITOR))[0] == "Preparing softmax…"


def test_the_picker_keeps_its_choice_unless_it_had_to_make_room(handlers: tab.Handlers):
    for chosen, value in (("softmax", "softmax"), ("long gone, yours 1", DEFAULT_MODEL)):
        picker, choices = handlers.offer(chosen, VISITOR)
        assert picker.value == value and choices == handlers.shelf.choices()
