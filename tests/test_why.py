import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_demo.data import Data
from mnist_demo.practice import design_strokes
from mnist_demo.recipes import Recipe
from mnist_demo.ui import why
from mnist_demo.ui.shared_data import Loaded, SharedData
from mnist_demo.ui.shelf import Shelf
from mnist_demo.ui.why import FEATURES_KEPT, Handlers
from tests.conftest import decode

SEVEN = [[(5 * x, 5 * y) for x, y in stroke] for stroke in design_strokes("crossed 7")]


@pytest.fixture
def handlers(practice: Data) -> Handlers:
    data = SharedData(None)
    data.loaded = Loaded(practice)
    return Handlers(Shelf(), data)


def explain(handlers: Handlers, **query: Any) -> dict[str, Any]:
    """What is told once the training digits have been looked at."""
    explained = handlers.explain({"strokes": SEVEN, "model": "softmax", "all": True} | query)
    while "busy" in explained.get("nearest", {}):
        explained = handlers.explain({"strokes": SEVEN, "model": "softmax", "all": True} | query)
    return explained


@pytest.mark.parametrize("model", Shelf().shipped())
def test_every_model_says_where_it_looked_and_what_is_inside(handlers: Handlers, model: str):
    explained = handlers.explain({"strokes": SEVEN, "model": model, "all": True})
    first, second = explained["maps"]
    assert first["digit"] == 7 != second["digit"] and first["share"].endswith(" %")
    ink, heat = decode(explained["ink"]) < 255, decode(first["heat"])
    assert heat.shape == (28, 28, 4) and heat[ink, 3].any() and not heat[~ink, 3].any()
    assert explained["layers"] and all(layer["caption"].endswith(".") for layer in explained["layers"])
    for layer in explained["layers"]:
        assert decode(layer["sprite"]).shape[1] % layer["columns"] == 0 and layer["labels"]


def test_the_nearest_training_digits_come_once_they_have_been_looked_at(handlers: Handlers, practice: Data):
    nearest = explain(handlers)["nearest"]
    assert nearest["caption"].startswith("Of 600 practice digits training digits, these are likest in its pixels")
    assert len(nearest["digits"]) == 5 and any(digit["label"] == 7 for digit in nearest["digits"])
    assert all(digit["differs"] == (digit["label"] != 7) for digit in nearest["digits"])
    known = practice.train.images[:, 0].numpy()
    assert all((known == 255 - decode(digit["image"])).all((1, 2)).any() for digit in nearest["digits"])
    assert "hidden layer" in explain(handlers, model="mlp-128")["nearest"]["caption"]


def test_features_are_kept_of_few_networks(handlers: Handlers):
    for model in ("softmax", "mlp-128", "mlp-500", "cnn", "softmax"):
        explain(handlers, model=model)
        assert len(handlers._used) <= FEATURES_KEPT
    assert [classifier.name for classifier in handlers._used] == ["mlp-500", "cnn", "softmax"]


def test_whoever_asks_is_answered_however_many_networks_are_asked_about(handlers: Handlers):
    waiting = {"softmax", "mlp-128", "mlp-500", "cnn", "mlp-512"}
    while waiting:
        for model in sorted(waiting):
            if "digits" in handlers.explain({"strokes": SEVEN, "model": model, "all": True})["nearest"]:
                waiting.remove(model)
        time.sleep(0.05)


def test_a_drawing_is_read_turned_thickened_and_uncentred(handlers: Handlers):
    def changed(**what_if: Any) -> np.ndarray:
        explained = handlers.explain({"strokes": SEVEN, "model": "softmax", "what_if": what_if})
        assert "nearest" not in explained and explained["variants"][0]["shown"] == "7"
        assert [variant["name"] for variant in explained["variants"]] == ["as drawn", "changed"]
        return 255 - decode(explained["variants"][1]["image"]).astype(float)

    plain = changed()
    assert np.array_equal(plain, changed(turn=0, pen=why.PEN, centred=True))
    assert changed(pen=5).sum() > 1.3 * plain.sum() and changed(centred=False).sum() < 0.8 * plain.sum()
    turned, clockwise = changed(turn=90), np.rot90(plain, -1)
    assert np.abs(turned - clockwise).mean() < 0.5 * np.abs(plain - clockwise).mean()


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (None, {"error": "A question must be an object with strokes and model; got NoneType."}),
        ({"strokes": "7"}, {"error": "Strokes must be a list of strokes, each a list of (x, y); got str."}),
        ({"strokes": []}, {}),
        ({"what_if": {"turn": "left"}}, {"error": "turn must be a number; got str."}),
        ({"what_if": {"pen": True}}, {"error": "pen must be a number; got bool."}),
        ({"what_if": {"pen": 900}}, {"error": "pen is 900; it must be from 1 to 8 pixels."}),
        ({"what_if": {"turn": 10**400}}, {"error": "turn is a number far off."}),
        ({"what_if": {"turn": float("nan")}}, {"error": "turn is nan; it must be from -180 to 180 degrees."}),
    ],
)
def test_what_cannot_be_explained_gets_a_clear_line(handlers: Handlers, query: Any, answer: dict):
    query = {"strokes": SEVEN, "model": "softmax"} | query if isinstance(query, dict) else query
    assert handlers.explain(query) == answer


def test_where_there_is_no_model_it_says_what_to_do(tmp_path: Path, recipe: Recipe):
    answer = Handlers(Shelf(tmp_path), SharedData(None)).explain({"strokes": SEVEN})
    assert answer == {"error": "There is no model yet; train one in the Train tab."}
