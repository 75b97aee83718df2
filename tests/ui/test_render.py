import base64
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mnist_demo.classifier import BLANK, Prediction
from mnist_demo.data.synthetic import synthetic_digits
from mnist_demo.models import build_model
from mnist_demo.ui import render
from mnist_demo.ui.services.jobs import AccuracyPoint
from tests.conftest import decode_png

IMAGES, LABELS = synthetic_digits(45, seed=3)


def test_a_prediction_has_its_label_percentages_and_image():
    rendered = render.prediction(Prediction(3, [0.02, 0.0, 0.0, 0.915, 0.0, 0.065, 0.0, 0.0, 0.0, 0.0], IMAGES[3]))
    assert (rendered["label"], rendered["note"], rendered["digit"]) == ("3", "91.5%", 3)
    assert rendered["is_digit"] is True
    assert rendered["percentages"] == [2.0, 0.0, 0.0, 91.5, 0.0, 6.5, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert base64.b64decode(rendered["image"]) == IMAGES[3].tobytes()


def test_a_blank_drawing_has_no_prediction():
    rendered = render.prediction(BLANK)
    assert (rendered["label"], rendered["note"]) == ("?", "Draw a digit")
    assert rendered["digit"] is None and rendered["percentages"] == []


@pytest.mark.parametrize(
    ("is_multiple", "label", "note"), [(False, "3", "Not a digit?"), (True, "?", "I see more than one digit")]
)
def test_a_non_digit_has_a_note_and_its_best_guess(is_multiple: bool, label: str, note: str):
    prediction = Prediction(3, [0.1, 0.0, 0.0, 0.9, *[0.0] * 6], IMAGES[3], 0.2, False, is_multiple)
    rendered = render.prediction(prediction)
    assert (rendered["label"], rendered["note"], rendered["is_digit"]) == (label, note, False)
    assert (rendered["percentages"][3], rendered["percentages"][10]) == (18.0, 80.0)  # scaled by its score
    assert render.model_vote("cnn", prediction) == {"model": "cnn", "label": label, "note": note}


def test_the_eleven_percentages_sum_to_100():
    rng = np.random.default_rng(0)
    for _ in range(200):
        probabilities = rng.dirichlet([0.1] * 10).tolist()
        percentages = render.percentages(Prediction(0, probabilities, IMAGES[0], float(rng.uniform())))
        assert len(percentages) == 11 and round(sum(percentages), 6) == 100 and min(percentages) >= 0


def test_votes_are_counted():
    seven, two = (Prediction(digit, np.eye(10)[digit].tolist(), IMAGES[0]) for digit in (7, 2))
    blot = Prediction(7, seven.probabilities, IMAGES[0], 0.1, False)
    votes = render.votes({"a": seven, "b": seven, "c": two, "d": blot})
    assert votes["summary"] == "2 models say 7, 1 says 2, 1 says not a digit"
    assert [vote["model"] for vote in votes["models"]] == ["a", "b", "c", "d"]


def test_a_network_is_shown_as_boxes():
    boxes = render.network_boxes(build_model("conv5 16, conv5 32, linear"))
    assert boxes[0] == ["784 pixels", ""] and boxes[1] == ["16 maps", "5x5, max pooling, ReLU"]
    assert [title for title, _ in boxes] == ["784 pixels", "16 maps", "32 maps", "10 outputs"]


def test_a_sprite_has_each_image_in_its_cell():
    sprite = 255 - decode_png(render.sprite(IMAGES))
    for i, image in enumerate(IMAGES):
        top, left = 28 * (i // render.SPRITE_COLUMNS), 28 * (i % render.SPRITE_COLUMNS)
        assert np.array_equal(sprite[top : top + 28, left : left + 28], image)


def test_heat_maps_are_orange_above_zero_blue_below_and_transparent_at_zero():
    maps = np.array([[[2.0, -2.0], [0.0, 0.2]], [[0.0, 0.0], [0.0, -1.0]]])
    pixels = decode_png(render.heat_map(maps, columns=2))
    assert pixels.shape == (2, 4, 4)
    assert tuple(pixels[0, 0]) == (*render.ORANGE, 255) and tuple(pixels[0, 1]) == (*render.BLUE, 255)
    assert pixels[1, 0, 3] == 0 and 0 < pixels[1, 1, 3] < pixels[1, 3, 3] < 255
    assert not decode_png(render.heat_map(np.zeros((1, 2, 2)), columns=1))[..., 3].any()


def test_curves_are_thinned_and_keep_both_ends():
    losses = [2.3 / step for step in range(1, 721)]
    job: Any = SimpleNamespace(
        losses=losses, smoothed_losses=losses, accuracies=[AccuracyPoint(720, 1.5, 0.98765, 0.95)]
    )
    curves = render.training_curves(job)
    assert len(curves["steps"]) == len(curves["loss"]) == len(curves["smoothed_loss"]) == render.MAX_POINTS < 720
    assert curves["steps"][0] == 1 and curves["steps"][-1] == 720
    assert curves["loss"][0] == 2.3 and curves["loss"][-1] == pytest.approx(losses[-1], abs=1e-4)
    assert curves["measured_steps"] == [720]
    assert curves["train_accuracy"] == [98.77] and curves["test_accuracy"] == [95.0]


def test_curves_are_empty_before_the_first_step():
    job: Any = SimpleNamespace(losses=[], smoothed_losses=[], accuracies=[])
    assert not any(render.training_curves(job).values())
