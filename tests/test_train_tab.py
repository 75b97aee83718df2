import dataclasses
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch

from mnist_demo.data import Data
from mnist_demo.pendigits import FILE, PenDigit
from mnist_demo.recipes import RECIPES
from mnist_demo.ui import train as tab
from mnist_demo.ui.line import Line
from mnist_demo.ui.recipe_fields import read_values, values_of
from mnist_demo.ui.run import Run
from mnist_demo.ui.shared_data import Loaded, SharedData
from mnist_demo.ui.shelf import Shelf
from tests.conftest import decode, request_of

VISITOR = request_of("a visitor")
STROKES: Any = [[(500, 100), (500, 900)]]


@pytest.fixture
def handlers(practice: Data) -> tab.Handlers:
    data = SharedData(None)
    data.loaded = Loaded(practice)
    return tab.Handlers(Shelf(), data, Line(1), max_seconds=60)


def run(handlers: tab.Handlers, name: str = "softmax", visitor: Any = VISITOR, **values: Any) -> Any:
    changed = values_of(RECIPES[name]) | {"epochs": 2} | values
    return handlers.run(visitor, name, STROKES, name, *changed.values())


def test_a_run_tells_how_far_it_is_and_enters_the_list(handlers: tab.Handlers):
    news = list(run(handlers, lr=0.2, seed=3))
    assert news[0] == {"status": "Preparing softmax…"}
    last = news[-1]
    assert last["status"].startswith("Finished after ") and "images a second" in last["status"]
    assert last["name"] == "softmax, yours 1 (practice digits)" and last["changes"] == "lr 0.2, epochs 2, seed 3"
    assert last["curves"]["at"] == list(range(1, 13)) and last["epochs"] == 2 and last["steps_per_epoch"] == 6
    assert last["accuracy"].endswith(" %") and float(last["seconds"]) >= 0 and last["kept"] == [last["key"]]
    assert len(last["sample"]["truth"]) == len(last["read"]) == 24
    assert last["drawing"].startswith("data:image/png") and last["drawing_read"][0] in range(10)
    assert handlers.shelf.choices("a visitor")[0] == (last["name"], last["key"])
    assert handlers.shelf.find(last["key"]).record.seed == 3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("lr", 0, "lr, the learning rate, must be a number above 0; got 0."),
        ("lr", -1, "lr, the learning rate, must be a number above 0; got -1."),
        ("lr", None, "A number is missing here."),
        ("lr", "fast", "A number is missing here."),
        ("lr", float("nan"), "A number is missing here."),
        ("lr", 10**400, "A number is missing here."),
        ("lr", [1], "A number is missing here."),
        ("optimizer", ["SGD"], "Unknown optimizer list; choose from: SGD; Adam; AdamW."),
        ("optimizer", "x" * 1000, f"Unknown optimizer '{'x' * 40}'; choose from: SGD; Adam; AdamW."),
        ("augmentation", {}, "Unknown augmentation dict; choose from: none;"),
        ("epochs", 0, "epochs must be a whole number of at least 1; got 0."),
        ("epochs", 2.5, "epochs must be a whole number of at least 1; got 2.5."),
        ("epochs", 1e300, "epochs must be at most 1,000 on this page; got 1"),
        ("epochs", float("inf"), "A number is missing here."),
        ("epochs", float("nan"), "A number is missing here."),
        ("batch_size", 601, "600 training digits are too few"),
        ("batch_size", 1e9, "batch_size must be at most 2,000 on this page"),
        ("batch_size", True, "A number is missing here."),
        ("momentum", 1, "momentum must be at least 0 and below 1; got 1."),
        ("share", 0, "The share must be above 0 and at most 100 %; got 0."),
        ("share", 150, "The share must be above 0 and at most 100 %; got 150."),
        ("seed", -1, "seed must be a whole number from 0 to"),
        ("seed", 1.5, "seed must be a whole number from 0 to"),
        ("optimizer", "LBFGS", "Unknown optimizer 'LBFGS'; choose from: SGD; Adam; AdamW."),
        ("augmentation", "<b>", "Unknown augmentation '<b>'; choose from: none;"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_before_the_run(
    handlers: tab.Handlers, practice: Data, field: str, value: Any, message: str
):
    values = values_of(RECIPES["softmax"]) | {field: value}
    _, _, problems = read_values("softmax", values, practice)
    assert list(problems) == [field] and message in problems[field]
    _, *checked = handlers.check(VISITOR, "softmax", "softmax", *values.values())
    beside = dict(zip(values, checked, strict=False))
    assert beside[field]["info"] == problems[field] and beside[field]["elem_classes"] == ["problem"]
    assert [name for name in values if beside[name]["elem_classes"]] == [field]
    assert checked[-1].interactive is False
    with pytest.raises(gr.Error) as error:
        list(run(handlers, **{"epochs": 2, field: value}))
    assert message in str(error.value)


def test_values_that_can_be_are_taken(handlers: tab.Handlers, practice: Data):
    values = {"epochs": 3.0, "batch_size": 50, "lr": 0.5, "optimizer": "AdamW", "momentum": 0.5, "seed": 7}
    values |= {"augmentation": "as hands vary", "share": 50}
    recipe, seed, problems = read_values("softmax", values_of(RECIPES["softmax"]) | values, practice)
    assert (seed, problems) == (7, {}) and recipe.weight_decay == 0.01 and recipe.share == 0.5
    assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.optimizer) == (3, 50, 0.5, "AdamW")
    assert recipe.copies and recipe.changes(RECIPES["softmax"]).keys() == {
        *("lr", "optimizer", "batch_size", "epochs", "weight_decay", "share", "copies")
    }
    checked = handlers.check(VISITOR, "softmax", "softmax", *(values_of(RECIPES["softmax"]) | values).values())
    assert "AdamW 0.5" in checked[-3] and "50 % of the digits" in checked[-3] and checked[-1].interactive is True
    assert ": 50 training digits, half of them changed copies" in checked[-2]


def test_a_recipe_as_it_stands_is_not_changed_by_its_own_values(practice: Data):
    for name, written in RECIPES.items():
        recipe, _, problems = read_values(name, values_of(written), practice)
        assert recipe == written and recipe.then == written.then
        assert set(problems) <= {"batch_size"}  # so few digits are too few for some


def test_a_chosen_recipe_is_told_in_words_with_its_time(handlers: tab.Handlers):
    filled, *fields, words, batch, start = handlers.check(VISITOR, "cnn", "fast", *values_of(RECIPES["fast"]).values())
    assert filled == "cnn"
    assert [field.get("value") for field in fields] == list(values_of(RECIPES["cnn"]).values())
    assert words.startswith("**784 pixels → 16 maps (5x5), max pooling, ReLU → 32 maps")
    assert "28,938 parameters" in words and "of training here" in words and start.interactive
    assert batch.startswith("<figure>") and "A batch as the network will see it: 100 training digits<" in batch


@pytest.mark.parametrize(
    ("name", "batch_size", "caption", "columns", "rows"),
    [
        ("cnn", 100, "A batch as the network will see it: 100 training digits", 35, 3),
        ("cnn", 2000, "The first 400 of a batch as the network will see it: 2,000 training digits", 35, 12),
        ("mlp-512-augmented", 20, "20 training digits, half of them changed copies of the others", 10, 2),
    ],
)
def test_a_batch_is_shown_as_the_network_will_see_it(
    practice: Data, name: str, batch_size: int, caption: str, columns: int, rows: int
):
    many = dataclasses.replace(practice, train=practice.train[torch.arange(2000) % len(practice.train)])
    recipe = dataclasses.replace(RECIPES[name], batch_size=batch_size)
    figure = tab.show_batch(recipe, many, seed=3)
    assert f"{caption}<" in figure
    cells = 255 - decode(figure.split('"')[1]).reshape(rows, 28, columns, 28).swapaxes(1, 2).reshape(-1, 28, 28)
    known = many.train.images[:, 0].numpy()
    is_known = [bool((known == cell).all((1, 2)).any()) for cell in cells[: min(batch_size, 400)]]
    assert is_known == ([True] * 10 + [False] * 10 if recipe.copies else [True] * len(is_known))


def test_recipes_whose_data_are_absent_are_offered_with_the_reason(
    handlers: tab.Handlers, practice: Data, tmp_path: Path
):
    assert ("sketch (needs the pen digits)", "sketch") in handlers.choices()
    *_, words, _, start = handlers.check(VISITOR, "sketch", "fast", *values_of(RECIPES["fast"]).values())
    assert "not in the data folder" in words and start.interactive is False
    with pytest.raises(gr.Error, match="not in the data folder"):
        list(run(handlers, "sketch"))
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).touch()
    there = tab.Handlers(handlers.shelf, SharedData(tmp_path), Line(1), max_seconds=60)
    assert ("sketch", "sketch") in there.choices()


def test_values_of_another_recipe_are_left_out(handlers: tab.Handlers):
    values = values_of(RECIPES["softmax"]) | {"lr": 0.7}
    training = handlers.run(VISITOR, "mlp-512", STROKES, "softmax", *values.values())
    next(training)
    while "read" not in (news := next(training)):
        pass
    handlers.stop(VISITOR)
    news = list(training)[-1]
    assert news["name"].startswith("mlp-512") and news["changes"] == ""


def test_a_recipe_that_learns_from_pens_can_be_trained_where_they_are(
    handlers: tab.Handlers, few_writers: list[PenDigit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).touch()
    monkeypatch.setattr(tab, "load_pen_digits", lambda folder: few_writers)
    data = SharedData(tmp_path)
    data.loaded = handlers.data.loaded
    there = tab.Handlers(handlers.shelf, data, Line(1), max_seconds=60)
    news = list(run(there, "sketch", epochs=1, batch_size=50))
    assert {"status": tab.DRAWING} in news and news[-1]["key"]
    training = run(there, "sketch", epochs=1)  # the drawings are kept
    assert [next(training)["status"] for _ in range(2)][1] != tab.DRAWING
    training.close()


def test_a_run_ends_at_the_servers_limit_and_says_so(handlers: tab.Handlers):
    limited = tab.Handlers(handlers.shelf, handlers.data, Line(1), max_seconds=0.2)
    last = list(run(limited, "mlp-dropout", epochs=900))[-1]
    assert "Stopped at step " in last["status"] and "this server gives a training so long" in last["status"]


def test_a_loss_that_runs_away_is_told_with_its_curve(handlers: tab.Handlers):
    last = list(run(handlers, lr=1e6))[-1]
    assert last["status"].startswith("Training diverged at step ") and "key" not in last
    assert handlers.shelf.visit("a visitor").trained == {}


def test_who_waits_is_told_the_place_and_can_leave(handlers: tab.Handlers):
    first = run(handlers, "mlp-dropout", request_of("first"), epochs=900)
    next(first)
    waiting, behind = run(handlers), run(handlers, visitor=request_of("behind"))
    assert next(waiting)["status"].endswith("you are number 1 in the line.")
    assert next(behind)["status"].endswith("you are number 2 in the line.")
    handlers.stop(VISITOR)
    assert [news["status"] for news in waiting] == [tab.NOTHING_LEARNED]
    assert next(behind)["status"].endswith("you are number 1 in the line.")
    next(first)
    first.close()  # as when its page is closed
    assert next(behind)["status"] == "Preparing softmax…"
    behind.close()


def test_a_closed_page_waits_for_nothing_and_keeps_nothing(handlers: tab.Handlers, monkeypatch: pytest.MonkeyPatch):
    runs = []

    class Noted(Run):
        def __post_init__(self) -> None:
            runs.append(self)
            super().__post_init__()

    monkeypatch.setattr(tab, "Run", Noted)
    training = run(handlers, "mlp-dropout", epochs=900)
    while "read" not in next(training):
        pass
    monkeypatch.setattr(Noted, "wait", lambda *_: pytest.fail("it waited on Gradio's event loop"))
    training.close()
    assert not handlers.shelf.visit("a visitor").is_training
    runs[0]._thread.join(3)  # seconds, in which a training must have ended
    assert not runs[0]._thread.is_alive() and runs[0].record is None


def test_start_is_for_who_does_not_train_already(handlers: tab.Handlers):
    def may_start() -> bool:
        checked = handlers.check(VISITOR, "softmax", "softmax", *values_of(RECIPES["softmax"]).values())
        return checked[-1].interactive

    training = run(handlers, "mlp-dropout", epochs=900)
    assert may_start()
    next(training)
    assert not may_start()
    training.close()
    assert may_start()


def test_a_visit_trains_one_at_a_time(handlers: tab.Handlers):
    first = run(handlers, "mlp-dropout", epochs=900)
    next(first)
    with pytest.raises(gr.Error, match="A training of yours is under way already"):
        next(run(handlers))
    first.close()
    assert list(run(handlers))[-1]["key"]
