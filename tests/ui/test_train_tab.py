import re
import threading
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from mnist_demo.data import Dataset
from mnist_demo.data.pen_digits import PEN_DIGITS_FILE, PenDigit
from mnist_demo.data.unipen import STROKES_FOLDER
from mnist_demo.recipes import RECIPES
from mnist_demo.ui import train_tab
from mnist_demo.ui.model_events import ModelEvents
from mnist_demo.ui.recipe_form import LABELS, parse_values, recipe_values
from mnist_demo.ui.services import Services, jobs
from mnist_demo.ui.services.datasets import Datasets, Loaded
from mnist_demo.ui.services.jobs import NOTHING_LEARNED, TrainingJob
from mnist_demo.ui.train_tab import DRAWING_STROKES, TrainTab
from tests.conftest import make_request

REQUEST = make_request("a page")
STROKES: Any = [[(500, 100), (500, 900)]]


@pytest.fixture
def tab(services: Services) -> TrainTab:
    return TrainTab(services, ModelEvents(services))


@pytest.fixture
def pen_tab(synthetic: Dataset, tmp_path: Path) -> TrainTab:
    """Return a tab with few digits, whose data folder has a file of pen digits."""
    (tmp_path / PEN_DIGITS_FILE).parent.mkdir()
    (tmp_path / PEN_DIGITS_FILE).touch()
    (tmp_path / STROKES_FOLDER).mkdir()
    data = Datasets(tmp_path)
    data.loaded = Loaded(Dataset.create("few digits", synthetic.train[:50], synthetic.test[:50]))
    services = Services(data)
    return TrainTab(services, ModelEvents(services))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
    """Return the list of trainings that started."""
    started: list[TrainingJob] = []

    class RecordedJob(TrainingJob):
        def __post_init__(self) -> None:
            started.append(self)
            super().__post_init__()

    monkeypatch.setattr(train_tab, "TrainingJob", RecordedJob)
    return started


def run(tab: TrainTab, name: str = "softmax", request: Any = REQUEST, **values: Any) -> Any:
    """Start a training with the recipe's values, two epochs, and `values`."""
    values = recipe_values(RECIPES[name]) | {"epochs": 2} | values
    return tab.run(request, name, STROKES, name, *values.values())


def update_form(tab: TrainTab, name: str, filled: str = "", **values: Any) -> list[Any]:
    """Select a recipe while the form shows `filled` with `values`."""
    filled = filled or name
    return tab.update_form(REQUEST, name, filled, *(recipe_values(RECIPES[filled]) | values).values())


def test_a_training_reports_its_progress_and_adds_a_model(tab: TrainTab, synthetic: Dataset):
    last = list(run(tab, lr=0.2, seed=3))[-1]
    assert re.fullmatch(r"Done in \d+\.\d s: \d+\.\d\d% of the test digits correct\.", last["status"])
    (added,) = last["runs"]
    assert added["name"] == f"softmax #1 ({synthetic.name})" and added["changes"] == "lr 0.2, epochs 2, seed 3"
    assert last["curves"]["steps"] == list(range(1, 13)) and last["epochs"] == 2 and last["steps_per_epoch"] == 6
    assert added["accuracy"] in last["status"] and f"in {added['seconds']}:" in last["status"]
    assert added["key"] == last["key"]
    assert len(last["sample"]["labels"]) == len(last["predictions"]) == 24
    assert last["drawing"].startswith("data:image/png") and last["drawing_prediction"][0] in range(10)
    assert tab.models.choices("a page")[0] == (added["name"], added["key"])
    assert tab.models.find(last["key"]).metadata.seed == 3  # type: ignore[union-attr]


def test_the_first_status_precedes_the_first_step(tab: TrainTab, monkeypatch: pytest.MonkeyPatch):
    go_on, train = threading.Event(), jobs.train

    def train_later(*args: Any, **options: Any) -> Any:
        go_on.wait(30)
        return train(*args, **options)

    monkeypatch.setattr(jobs, "train", train_later)
    states = run(tab)
    assert next(states)["status"] == "Preparing softmax…"
    go_on.set()
    assert list(states)[-1]["key"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("lr", 0, "Learning rate must be a number above 0; got 0."),
        ("lr", "-1", "Learning rate must be a number above 0; got -1."),
        ("lr", "1,000", "Write 1000, or use a decimal point."),
        ("lr", "0,1,2", "Enter a number."),
        ("lr", "", "Enter a number."),
        ("batch_size", "2,000", "Write 2000, or use a decimal point."),
        ("lr", None, "Enter a number."),
        ("lr", "fast", "Enter a number."),
        ("lr", float("nan"), "Enter a number."),
        ("lr", 10**400, "Enter a number."),
        ("lr", [1], "Enter a number."),
        ("optimizer", ["SGD"], "Unknown optimizer list; choose from: SGD; Adam; AdamW."),
        ("optimizer", "x" * 1000, f"Unknown optimizer '{'x' * 40}'; choose from: SGD; Adam; AdamW."),
        ("augmentation", {}, "Unknown augmentation dict; choose from: none;"),
        ("epochs", 0, "Epochs must be a whole number of at least 1; got 0."),
        ("epochs", 2.5, "Epochs must be a whole number of at least 1; got 2.5."),
        ("epochs", 1e300, "Epochs must be at most 1,000 on this page; got 1"),
        ("epochs", float("inf"), "Enter a number."),
        ("epochs", float("nan"), "Enter a number."),
        ("batch_size", 601, "600 training digits are too few"),
        ("batch_size", 1e9, "Batch size must be at most 2,000 on this page"),
        ("batch_size", True, "Enter a number."),
        ("momentum", 1, "Momentum must be at least 0 and below 1; got 1."),
        ("train_fraction", 0, "The percentage must be above 0 and at most 100; got 0."),
        ("train_fraction", 150, "The percentage must be above 0 and at most 100; got 150."),
        ("seed", -1, "Seed must be a whole number from 0 to"),
        ("seed", 1.5, "Seed must be a whole number from 0 to"),
        ("optimizer", "LBFGS", "Unknown optimizer 'LBFGS'; choose from: SGD; Adam; AdamW."),
        ("augmentation", "<b>", "Unknown augmentation '<b>'; choose from: none;"),
    ],
)
def test_a_bad_value_is_reported_at_its_field_and_prevents_a_training(
    tab: TrainTab, synthetic: Dataset, field: str, value: Any, message: str
):
    values = recipe_values(RECIPES["softmax"]) | {field: value}
    _, _, problems = parse_values("softmax", values, synthetic)
    assert list(problems) == [field] and message in problems[field]
    _, *updates, summary, _, _, start = update_form(tab, "softmax", **{field: value})
    fields = dict(zip(values, updates, strict=False))
    assert fields[field]["info"] == problems[field] and fields[field]["elem_classes"] == ["problem"]
    assert [name for name in values if fields[name]["elem_classes"]] == [field]
    assert start.interactive is False and summary.startswith("**Start is off:** ") and message in summary
    assert start.value == "▶ Train" and LABELS.get(field, field).split(",")[0].lower() in summary.lower()
    with pytest.raises(gr.Error) as error:
        list(run(tab, **{field: value}))
    assert message in str(error.value)


def test_good_values_change_the_recipe(tab: TrainTab, synthetic: Dataset):
    values: dict[str, Any] = {
        "epochs": 3.0,
        "batch_size": 50,
        "lr": 0.5,
        "optimizer": "AdamW",
        "momentum": 0.5,
        "seed": 7,
    }
    values |= {"augmentation": "like handwriting", "train_fraction": 50}
    recipe, seed, problems = parse_values("softmax", recipe_values(RECIPES["softmax"]) | values, synthetic)
    assert (seed, problems) == (7, {}) and recipe.weight_decay == 0.01 and recipe.train_fraction == 0.5
    assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.optimizer) == (3, 50, 0.5, "AdamW")
    assert recipe.augmentation and recipe.diff(RECIPES["softmax"]).keys() == {
        *("lr", "optimizer", "batch_size", "epochs", "weight_decay", "train_fraction", "augmentation")
    }
    *_, summary, batch, architecture, start = update_form(tab, "softmax", **values)
    assert "AdamW 0.5" in architecture and "50% of the digits" in architecture and start.interactive is True
    assert summary == "No hidden layer, 7,850 weights. 3 passes over 300 digits."
    assert "One training step: these 50 digits, half of them augmented copies" in batch


def test_a_selected_recipe_fills_the_form_with_a_summary_and_a_batch(tab: TrainTab):
    filled, *fields, summary, batch, architecture, start = update_form(tab, "cnn", filled="fast")
    assert filled == "cnn"
    assert [field.get("value") for field in fields] == list(recipe_values(RECIPES["cnn"]).values())
    assert summary.startswith("Convolutional network, 28,938 weights. 10 passes over 600 digits.")
    assert architecture.startswith("<ol><li>784 pixels</li><li>16 maps (5x5), max pooling, ReLU</li><li>32 maps")
    assert re.fullmatch(r"▶ Train, about [\d.]+ (s|min)", start.value) and start.interactive
    assert batch.startswith("<figure>") and "One training step: these 100 digits<" in batch


def test_recipes_with_missing_data_are_offered_with_the_reason(tab: TrainTab, pen_tab: TrainTab):
    assert ("sketch (needs pen strokes)", "sketch") in tab.choices()
    *_, summary, _, _, start = update_form(tab, "sketch", filled="fast")
    assert "not in the data folder" in summary and start.interactive is False
    with pytest.raises(gr.Error, match="not in the data folder"):
        list(run(tab, "sketch"))
    assert ("sketch", "sketch") in pen_tab.choices()


def test_values_of_another_recipe_are_ignored(tab: TrainTab):
    values = recipe_values(RECIPES["softmax"]) | {"lr": 0.7}
    states = tab.run(REQUEST, "mlp-512", STROKES, "softmax", *values.values())
    while not next(states)["curves"]["steps"]:
        pass
    tab.model_events.stop(REQUEST)
    last = list(states)[-1]
    assert last["runs"][0]["name"].startswith("mlp-512") and last["runs"][0]["changes"] == ""


def test_a_recipe_trains_on_pen_digits_and_keeps_their_images(pen_tab: TrainTab, few_pen_digits: list[PenDigit]):
    states = list(run(pen_tab, "sketch", epochs=1, batch_size=50))
    assert {"status": DRAWING_STROKES} in states and states[-1]["key"]
    assert states[-1]["steps_per_epoch"] == (50 + 3 * len(few_pen_digits) + 4 * 20) // 50
    states = run(pen_tab, "sketch", epochs=1, batch_size=50)
    assert next(states)["status"] != DRAWING_STROKES
    states.close()


def test_a_training_stops_at_the_time_limit(tab: TrainTab):
    tab.max_seconds = 0.2
    last = list(run(tab, "mlp-dropout", epochs=900))[-1]
    assert last["status"].startswith("Stopped at step ") and "(this server's time limit)" in last["status"]


def test_a_training_that_diverges_shows_its_curve_and_adds_no_model(tab: TrainTab):
    last = list(run(tab, lr=1e6))[-1]
    assert last["status"].startswith("Training diverged at step ") and "key" not in last
    assert last["curves"]["steps"]
    assert tab.models.session("a page").models == {}


def test_a_waiting_session_sees_its_position_and_can_leave_the_queue(tab: TrainTab):
    first = run(tab, "mlp-dropout", make_request("first"), epochs=900)
    next(first)
    waiting, behind = run(tab), run(tab, request=make_request("behind"))
    assert next(waiting)["status"].endswith("you are number 1 in the queue.")
    assert next(behind)["status"].endswith("you are number 2 in the queue.")
    tab.model_events.stop(REQUEST)
    assert [state["status"] for state in waiting] == [NOTHING_LEARNED]
    assert next(behind)["status"].endswith("you are number 1 in the queue.")
    next(first)
    first.close()  # as when its page closes
    assert list(behind)[-1]["key"]


def test_a_closed_page_drops_its_training_without_waiting_for_it(
    tab: TrainTab, started: list[TrainingJob], monkeypatch: pytest.MonkeyPatch
):
    states = run(tab, "mlp-dropout", epochs=900)
    while not next(states)["predictions"]:
        pass
    monkeypatch.setattr(TrainingJob, "wait", lambda *_: pytest.fail("it blocked Gradio's event loop"))
    states.close()
    assert not tab.models.session("a page").is_training
    started[0]._thread.join(3)
    assert not started[0]._thread.is_alive() and started[0].metadata is None


def test_start_is_disabled_while_the_session_trains(tab: TrainTab):
    def can_start() -> bool:
        return update_form(tab, "softmax")[-1].interactive

    states = run(tab, "mlp-dropout", epochs=900)
    assert can_start()
    next(states)
    assert not can_start()
    states.close()
    assert can_start()


def test_a_session_runs_one_training_at_a_time(tab: TrainTab):
    first = run(tab, "mlp-dropout", epochs=900)
    next(first)
    with pytest.raises(gr.Error, match="You are training a model already"):
        next(run(tab))
    first.close()
    assert list(run(tab))[-1]["key"]
