from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from mnist_demo.classifier import Classifier
from mnist_demo.data import Dataset
from mnist_demo.errors import InputError
from mnist_demo.explain.attribution import attribute, expected_gradients, log_odds
from mnist_demo.models import build_model
from tests.benchmarks.attribution import FRACTIONS, area, delete, measure


@pytest.fixture
def image(synthetic: Dataset) -> np.ndarray:
    return synthetic.test.images[3, 0].numpy()


def test_each_pixel_of_a_linear_score_gets_half_of_its_contribution(image: np.ndarray):
    weights = torch.randn(784, 2, generator=torch.Generator().manual_seed(0))
    maps = expected_gradients(lambda images: images.flatten(1) @ weights, image)
    assert maps.dtype == np.float32 and maps.shape == (2, 28, 28)
    pixels = torch.from_numpy(image).flatten() / 255
    assert np.allclose(maps.reshape(2, 784), (pixels[:, None] * weights / 2).T, atol=1e-6)


def test_a_map_sums_to_about_the_score_minus_the_mean_score_of_the_baselines(image: np.ndarray):
    pixels = torch.from_numpy(image).float() / 255
    halves = pixels * (torch.rand(4000, 28, 28, generator=torch.Generator().manual_seed(0)) < 0.5)
    gain = (pixels.sum() ** 2 - (halves.sum(dim=(1, 2)) ** 2).mean()).item()
    heat = expected_gradients(lambda images: images.sum(dim=(2, 3)) ** 2, image)
    assert heat.sum() == pytest.approx(gain, rel=0.05)


def test_a_model_that_uses_one_pixel_has_all_the_heat_there(image: np.ndarray):
    pixel = int(image.argmax())
    linear = nn.Linear(784, 10, bias=False)
    linear.weight.data.zero_()[4, pixel] = 3.0
    model = nn.Sequential(nn.Flatten(), linear)
    positive, negative = attribute(model, image, [4, 7])
    assert positive.flat[pixel] > 0 > negative.flat[pixel]
    assert np.count_nonzero(positive) == np.count_nonzero(negative) == 1


def test_log_odds_ignore_the_classes_that_are_not_digits():
    logits = torch.randn(5, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    probabilities = logits[:, :10].softmax(dim=1)
    assert torch.allclose(log_odds(logits), (probabilities / (1 - probabilities)).log())


def test_the_model_is_not_changed_and_threads_may_share_it(synthetic: Dataset):
    model = Classifier.load("fast").model
    images = list(synthetic.test.images[:6, 0].numpy())
    with torch.inference_mode():
        alone = [attribute(model, image, [3, 8]) for image in images]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda image: attribute(model, image, [3, 8]), images))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not model.training


def test_pixels_without_ink_have_no_heat_and_no_digits_give_no_maps(image: np.ndarray):
    model = build_model("784-128-10 ReLU, dropout").eval()
    assert not attribute(model, np.zeros((28, 28), dtype=np.uint8), [1, 2]).any()
    assert not attribute(model, image, [1])[0][image == 0].any()
    assert attribute(model, image, []).shape == (0, 28, 28)


def test_a_digit_outside_0_to_9_is_an_error(image: np.ndarray):
    with pytest.raises(InputError, match=r"Heat maps exist for the digits 0 to 9; got \[3, 10\]"):
        attribute(build_model("784-10"), image, [3, 10])


def test_the_pixels_with_the_most_heat_are_deleted_first():
    image = np.array([[0, 9, 8], [7, 0, 6]], dtype=np.uint8)
    heat = np.array([[99, 1, 4], [3, 99, 2]])
    untouched, half, most = delete(image, heat, [0, 0.5, 0.75])
    assert np.array_equal(untouched, image)
    assert half.tolist() == [[0, 9, 0], [0, 0, 6]] and most.tolist() == [[0, 9, 0], [0, 0, 0]]


@pytest.mark.parametrize("name", ["softmax", "mlp-dropout", "fast"])
def test_deleting_ink_by_the_map_lowers_the_probability_faster_than_at_random(synthetic: Dataset, name: str):
    curves = measure(Classifier.load(name), list(synthetic.test.images[:20, 0].numpy()))
    assert area(curves.by_map) < 0.6 * area(curves.at_random)
    assert curves.by_map[0] == pytest.approx(curves.at_random[0]) and len(curves.by_map) == len(FRACTIONS)
