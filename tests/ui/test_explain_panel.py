import gc
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_demo.data import Dataset
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.preprocess.strokes import PEN_WIDTH
from mnist_demo.ui.explain_panel import MAX_INDEXES, MIN_PROBABILITY, ExplainPanel
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.datasets import Datasets
from mnist_demo.ui.services.model_store import ModelStore
from tests.conftest import decode_png

CLIENT = "192.0.2.1"
PARTS = ["heat_maps", "nearest", "units", "variants", "network"]
SEVEN = [[(5 * x, 5 * y) for x, y in stroke] for stroke in design_strokes("crossed 7")]


@pytest.fixture
def panel(services: Services) -> ExplainPanel:
    return ExplainPanel(services)


def explain(panel: ExplainPanel, **query: Any) -> dict[str, Any]:
    return panel.explain({"strokes": SEVEN, "model": "softmax", "parts": PARTS} | query, CLIENT)


def find_nearest(panel: ExplainPanel, model: str) -> dict[str, Any]:
    """Repeat a query until the index of the training digits is built."""
    while "busy" in (nearest := explain(panel, model=model)["nearest"]):
        time.sleep(0.01)
    return nearest


@pytest.mark.parametrize("model", ModelStore().shared_names())
def test_every_model_has_heat_maps_and_activations(panel: ExplainPanel, model: str):
    explanation = explain(panel, model=model)
    first, *others = explanation["heat_maps"]
    prediction = panel.models.find(model).predict_strokes(SEVEN)
    likely = [prediction.digit_probability * prediction.probabilities[each["digit"]] for each in others]
    assert first["digit"] == 7 and all(probability >= MIN_PROBABILITY for probability in likely)
    ink, heat = decode_png(first["ink"]) < 255, decode_png(first["heat"])
    assert heat.shape == (28, 28, 4) and heat[ink, 3].any() and not heat[~ink, 3].any()
    assert bool(explanation["units"]) == (model not in ("sketch", "sketch-dev", "cnn"))  # which have none
    assert explanation["network"][0][0] == "784 pixels"
    assert all(len(layer["caption"].split()) <= 20 for layer in explanation["units"])
    for layer in explanation["units"]:
        assert decode_png(layer["sprite"]).shape[1] % layer["columns"] == 0 and layer["labels"]


def test_the_nearest_training_digits_follow_when_their_index_is_built(panel: ExplainPanel, synthetic: Dataset):
    assert "busy" in explain(panel)["nearest"]
    nearest = find_nearest(panel, "softmax")
    assert nearest["caption"] == "The 5 of 600 training digits that look most alike to this model"
    assert len(nearest["digits"]) == 5 and any(digit["label"] == 7 for digit in nearest["digits"])
    assert all(digit["differs"] == (digit["label"] != 7) for digit in nearest["digits"])
    known = synthetic.train.images[:, 0].numpy()
    assert all((known == 255 - decode_png(digit["image"])).all((1, 2)).any() for digit in nearest["digits"])


def test_only_the_indexes_used_last_are_kept(panel: ExplainPanel):
    for model in ("softmax", "mlp-128", "mlp-500", "mlp-512", "softmax"):
        find_nearest(panel, model)
        assert len(panel._indexes._computations) <= MAX_INDEXES
    assert [classifier.name for classifier in panel._indexes._computations] == ["mlp-500", "mlp-512", "softmax"]
    gc.collect()
    assert len(panel._indexes._computations) == MAX_INDEXES


def test_nearest_digits_arrive_for_more_models_than_are_kept(panel: ExplainPanel):
    waiting = {"softmax", "mlp-128", "mlp-500", "mlp-512", "mlp-sigmoid"}
    assert len(waiting) > MAX_INDEXES
    while waiting:
        for model in sorted(waiting):
            if "digits" in explain(panel, model=model)["nearest"]:
                waiting.remove(model)
        time.sleep(0.05)


def test_a_drawing_is_rotated_thickened_and_not_centered(panel: ExplainPanel):
    def change(**what_if: Any) -> np.ndarray:
        explanation = explain(panel, what_if=what_if, parts=["variants"])
        assert set(explanation) == {"variants"} and explanation["variants"][0]["prediction"]["digit"] == 7
        assert [variant["name"] for variant in explanation["variants"]] == ["as drawn", "changed"]
        return 255 - decode_png(explanation["variants"][1]["image"]).astype(float)

    plain = change()
    assert np.array_equal(plain, change(rotation=0, pen_width=PEN_WIDTH, centered=True))
    assert change(pen_width=5).sum() > 1.3 * plain.sum() and change(centered=False).sum() < 0.8 * plain.sum()
    rotated, clockwise = change(rotation=90), np.rot90(plain, -1)
    assert np.abs(rotated - clockwise).mean() < 0.5 * np.abs(plain - clockwise).mean()


def test_a_blank_drawing_has_only_a_network(panel: ExplainPanel):
    assert set(explain(panel, strokes=[])) == {"network"}


@pytest.mark.parametrize(
    ("query", "response"),
    [
        (None, {"error": "A query must be an object with strokes and model; got NoneType."}),
        ({"strokes": "7"}, {"error": "Strokes must be a list of strokes, each a list of (x, y); got str."}),
        ({"strokes": []}, {}),
        ({"parts": None}, {}),
        ({"parts": [["heat_maps"], 7, "unknown"]}, {}),
        ({"what_if": {"rotation": "left"}}, {"error": "rotation must be a number; got str."}),
        ({"what_if": {"pen_width": True}}, {"error": "pen_width must be a number; got bool."}),
        ({"what_if": {"pen_width": 900}}, {"error": "pen_width is 900; it must be from 1 to 8 pixels."}),
        ({"what_if": {"rotation": 10**400}}, {"error": "rotation is out of range."}),
        ({"what_if": {"rotation": float("nan")}}, {"error": "rotation is nan; it must be from -180 to 180 degrees."}),
    ],
)
def test_bad_queries_and_blank_drawings_are_not_explained(panel: ExplainPanel, query: Any, response: dict):
    query = {"strokes": SEVEN, "model": "softmax", "parts": ["variants"]} | query if isinstance(query, dict) else query
    assert panel.explain(query, CLIENT) == response


def test_without_a_model_the_error_says_what_to_do(tmp_path: Path):
    panel = ExplainPanel(Services(Datasets(None), ModelStore(tmp_path)))
    response = panel.explain({"strokes": SEVEN}, CLIENT)
    assert response == {"error": "There is no model yet; train one in the Train tab."}
