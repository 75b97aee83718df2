import numpy as np
import pytest
import torch

from mnist_demo.data import Dataset
from mnist_demo.explain.activations import MAX_MAPS, MAX_UNITS, compute_activations
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
        assert layer.pictures.dtype == np.float32 and (layer.signed or layer.pictures.min() >= 0)
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


def test_convolutions_show_their_maps_after_pooling(image: np.ndarray):
    model = build_model("conv5 16, conv5 32, linear").eval()
    first, second = compute_activations(model, image)
    assert np.array_equal(first.pictures, model[:3](torch.from_numpy(image)[None, None] / 255)[0].detach())
    assert second.pictures.shape == (32, 7, 7) and second.units == list(range(32))
    assert second.caption.startswith("Layer 2 of 2 · 32 filters (7x7).")
    assert second.values == pytest.approx(second.pictures.mean(axis=(1, 2)).tolist(), abs=1e-6)


def test_a_cropped_model_shows_its_convolutions_and_hidden_layer(image: np.ndarray):
    layers = compute_activations(build_model("cosine6 16, conv3 32, 256").eval(), image)
    assert [layer.pictures.shape for layer in layers] == [(16, 10, 10), (32, 4, 4), (MAX_UNITS, 28, 28)]


def test_a_layer_with_many_maps_shows_the_most_active(image: np.ndarray):
    *_, last = compute_activations(build_model("conv3 16-32-64-64-128-128, linear").eval(), image)
    assert len(last.units) == MAX_MAPS and last.units == sorted(last.units) and max(last.units) > MAX_MAPS
    assert last.caption.startswith(f"Layer 6 of 6 · {MAX_MAPS} most active of 128 filters (3x3).")
