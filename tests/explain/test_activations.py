import numpy as np
import pytest
import torch

from mnist_demo.data import Dataset
from mnist_demo.explain.activations import MAX_UNITS, compute_activations
from mnist_demo.models import MODELS, build_model, fuse_for_inference


@pytest.fixture
def image(synthetic: Dataset) -> np.ndarray:
    return synthetic.test.images[3, 0].numpy()


@pytest.mark.parametrize("network", MODELS)
def test_every_model_shows_its_layers_and_fusing_changes_nothing(network: str, image: np.ndarray):
    model = build_model(network).eval()
    layers, fused = compute_activations(model, image), compute_activations(fuse_for_inference(model), image)
    for layer, other in zip(layers, fused, strict=True):
        assert len(layer.units) == len(layer.pictures) == len(layer.values) > 0
        assert layer.pictures.dtype == np.float32
        assert len(layer.caption.split()) <= 20 and layer.caption == other.caption
        assert layer.units == other.units and np.allclose(layer.pictures, other.pictures, atol=1e-4)


def test_a_linear_model_shows_the_weights_of_ten_digits_and_the_logits(image: np.ndarray):
    model = build_model("784-10").eval()
    (layer,) = compute_activations(model, image)
    assert layer.units == list(range(10)) and layer.pictures.shape == (10, 28, 28)
    assert np.array_equal(layer.pictures[7].ravel(), model.state_dict()["1.weight"][7])
    assert layer.values == model(torch.from_numpy(image)[None, None] / 255)[0].tolist()


def test_a_first_linear_layer_shows_its_most_active_units_with_their_weights(image: np.ndarray):
    model = build_model("784-512-256-10 sigmoid").eval()
    first, second = compute_activations(model, image)
    activations = model[:3](torch.from_numpy(image)[None, None] / 255)[0].detach()
    assert first.units == activations.topk(MAX_UNITS).indices.tolist()
    assert first.values == pytest.approx(activations[first.units].tolist(), abs=1e-6)
    assert np.array_equal(first.pictures[0].ravel(), model.state_dict()["1.weight"][first.units[0]])
    assert first.caption.startswith("Layer 1 of 2 · 12 most active of 512 units")
    assert second.caption.startswith("Layer 2 of 2 · 12 most active of 256 units")


def test_a_deeper_unit_shows_the_attribution_of_ink(image: np.ndarray):
    _, second = compute_activations(build_model("784-512-256-10 sigmoid").eval(), image)
    assert second.pictures.shape == (MAX_UNITS, 28, 28) and second.pictures.any()
    assert not second.pictures[:, image == 0].any()


@pytest.mark.parametrize("network", ["conv5 16, conv5 32, linear", "conv3 16-32-64-64-128-128, linear"])
def test_convolutions_are_left_to_the_browser(network: str, image: np.ndarray):
    assert compute_activations(build_model(network).eval(), image) == []


def test_a_network_with_both_shows_its_linear_layer(image: np.ndarray):
    (layer,) = compute_activations(build_model("cosine6 16, conv3 32, 256").eval(), image)
    assert layer.pictures.shape == (MAX_UNITS, 28, 28) and layer.caption.startswith("Layer 3 of 3 · 12 most active")
