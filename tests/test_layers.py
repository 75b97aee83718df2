import numpy as np
import pytest
import torch

from mnist_demo.data import Data
from mnist_demo.layers import MAPS, MOST, look_inside
from mnist_demo.models import MODELS, build_model, for_reading


@pytest.fixture
def image(practice: Data) -> np.ndarray:
    return practice.test.images[3, 0].numpy()


@pytest.mark.parametrize("network", MODELS)
def test_every_network_shows_its_layers_and_folding_it_changes_nothing(network: str, image: np.ndarray):
    model = build_model(network).eval()
    layers, folded = look_inside(model, image), look_inside(for_reading(model), image)
    for layer, other in zip(layers, folded, strict=True):
        assert len(layer.units) == len(layer.pictures) == len(layer.values) > 0
        assert layer.pictures.dtype == np.float32 and (layer.signed or layer.pictures.min() >= 0)
        assert layer.caption.endswith(".") and layer.caption == other.caption
        assert layer.units == other.units and np.allclose(layer.pictures, other.pictures, atol=1e-4)


def test_softmax_shows_ten_weight_pictures_and_the_logits(image: np.ndarray):
    model = build_model("784-10").eval()
    (layer,) = look_inside(model, image)
    assert layer.units == list(range(10)) and layer.pictures.shape == (10, 28, 28)
    assert np.array_equal(layer.pictures[7].ravel(), model.state_dict()["1.weight"][7])
    assert layer.values == model(torch.from_numpy(image)[None, None] / 255)[0].tolist()


def test_a_first_linear_layer_shows_its_busiest_units_with_their_weights(image: np.ndarray):
    model = build_model("784-512-256-10 sigmoid").eval()
    first, second = look_inside(model, image)
    answers = model[:3](torch.from_numpy(image)[None, None] / 255)[0].detach()
    assert first.units == answers.topk(MOST).indices.tolist()
    assert first.values == pytest.approx(answers[first.units].tolist(), abs=1e-6)
    assert np.array_equal(first.pictures[0].ravel(), model.state_dict()["1.weight"][first.units[0]])
    assert "12 of the first layer's 512 units" in first.caption and "12 of the second layer's 256" in second.caption


def test_a_deeper_unit_shows_what_ink_adds_to_it(image: np.ndarray):
    _, second = look_inside(build_model("784-512-256-10 sigmoid").eval(), image)
    assert second.pictures.shape == (MOST, 28, 28) and second.pictures.any()
    assert not second.pictures[:, image == 0].any()


def test_convolutions_show_their_maps_after_pooling(image: np.ndarray):
    model = build_model("conv5 16, conv5 32, linear").eval()
    first, second = look_inside(model, image)
    assert np.array_equal(first.pictures, model[:3](torch.from_numpy(image)[None, None] / 255)[0].detach())
    assert second.pictures.shape == (32, 7, 7) and second.units == list(range(32))
    assert "The 32 filters of the second of 2 convolutions" in second.caption and "7 by 7" in second.caption
    assert second.values == pytest.approx(second.pictures.mean(axis=(1, 2)).tolist(), abs=1e-6)


def test_of_a_cropped_network_with_a_hidden_layer_all_are_shown(image: np.ndarray):
    shapes = [layer.pictures.shape for layer in look_inside(build_model("cosine6 16, conv3 32, 256").eval(), image)]
    assert shapes == [(16, 10, 10), (32, 4, 4), (MOST, 28, 28)]


def test_of_many_maps_those_that_answer_most_are_shown_and_counted(image: np.ndarray):
    *_, last = look_inside(build_model("conv3 16-32-64-64-128-128, linear").eval(), image)
    assert len(last.units) == MAPS and last.units == sorted(last.units) and max(last.units) > MAPS
    assert "The 128 filters" in last.caption and last.caption.endswith(f"Shown are the {MAPS} that found most.")
