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


def test_a_prediction_is_json_with_the_names_of_the_http_api():
    prediction = Prediction(3, [0.1, 0.0, 0.0, 0.9, *[0.0] * 6], IMAGES[3], 0.2, False, True)
    rendered = render.prediction(prediction)
    assert rendered == {
        "digit": 3,
        "probabilities": prediction.probabilities,
        "is_digit": False,
        "digit_probability": 0.2,
        "is_multiple": True,
    }
    assert render.prediction(BLANK)["digit"] is None
    assert render.votes({"cnn": prediction}) == [{"model": "cnn", "prediction": rendered}]
    assert base64.b64decode(render.pixels(IMAGES[3])) == IMAGES[3].tobytes()


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
