from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from mnist_demo.classifier import Classifier
from mnist_demo.data import Data
from mnist_demo.errors import InputError
from mnist_demo.explain import attribute, log_odds, share_out
from mnist_demo.models import build_model
from tests.benchmarks.attribution import SHARES, area, delete, measure


@pytest.fixture
def image(practice: Data) -> np.ndarray:
    return practice.test.images[3, 0].numpy()


def test_of_a_linear_score_each_pixel_gets_what_it_brings_back_to_half_of_the_ink(image: np.ndarray):
    weights = torch.randn(784, 2, generator=torch.Generator().manual_seed(0))
    maps = share_out(lambda images: images.flatten(1) @ weights, image)
    assert maps.dtype == np.float32 and maps.shape == (2, 28, 28)
    pixels = torch.from_numpy(image).flatten() / 255
    assert np.allclose(maps.reshape(2, 784), (pixels[:, None] * weights / 2).T, atol=1e-6)


def test_a_map_sums_to_about_what_the_left_out_half_of_the_ink_was_worth(image: np.ndarray):
    pixels = torch.from_numpy(image).float() / 255
    halves = pixels * (torch.rand(4000, 28, 28, generator=torch.Generator().manual_seed(0)) < 0.5)
    gain = (pixels.sum() ** 2 - (halves.sum(dim=(1, 2)) ** 2).mean()).item()
    heat = share_out(lambda images: images.sum(dim=(2, 3)) ** 2, image)
    assert heat.sum() == pytest.approx(gain, rel=0.05)


def test_a_network_that_looks_at_one_pixel_has_all_the_heat_there(image: np.ndarray):
    place = int(image.argmax())
    linear = nn.Linear(784, 10, bias=False)
    linear.weight.data.zero_()[4, place] = 3.0
    model = nn.Sequential(nn.Flatten(), linear)
    for_it, against = attribute(model, image, [4, 7])
    assert for_it.flat[place] > 0 > against.flat[place]
    assert np.count_nonzero(for_it) == np.count_nonzero(against) == 1


def test_log_odds_are_those_of_the_ten_digits():
    logits = torch.randn(5, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    chances = logits[:, :10].softmax(dim=1)
    assert torch.allclose(log_odds(logits), (chances / (1 - chances)).log())


def test_the_network_is_left_as_it_was_and_threads_may_share_it(practice: Data):
    model = Classifier.load("fast").model
    images = list(practice.test.images[:6, 0].numpy())
    with torch.inference_mode():
        alone = [attribute(model, image, [3, 8]) for image in images]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda image: attribute(model, image, [3, 8]), images))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not model.training


def test_paper_without_ink_has_no_heat_and_no_digits_have_no_maps(image: np.ndarray):
    model = build_model("784-128-10 ReLU, dropout").eval()
    assert not attribute(model, np.zeros((28, 28), dtype=np.uint8), [1, 2]).any()
    assert not attribute(model, image, [1])[0][image == 0].any()
    assert attribute(model, image, []).shape == (0, 28, 28)


def test_what_is_no_digit_has_no_map(image: np.ndarray):
    with pytest.raises(InputError, match=r"heat maps of the digits 0 to 9; got \[3, 10\]"):
        attribute(build_model("784-10"), image, [3, 10])


def test_ink_is_deleted_hottest_first():
    image = np.array([[0, 9, 8], [7, 0, 6]], dtype=np.uint8)
    heat = np.array([[99, 1, 4], [3, 99, 2]])
    none, half, rest = delete(image, heat, [0, 0.5, 0.75])
    assert np.array_equal(none, image)
    assert half.tolist() == [[0, 9, 0], [0, 0, 6]] and rest.tolist() == [[0, 9, 0], [0, 0, 0]]


@pytest.mark.parametrize("name", ["softmax", "mlp-dropout", "fast"])
def test_answers_fall_faster_by_the_map_than_at_random(practice: Data, name: str):
    curves = measure(Classifier.load(name), list(practice.test.images[:20, 0].numpy()))
    assert area(curves.by_map) < 0.6 * area(curves.at_random)
    assert curves.by_map[0] == pytest.approx(curves.at_random[0]) and len(curves.by_map) == len(SHARES)
