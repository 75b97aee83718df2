import pytest
import torch

from mnist_demo.data import Data
from mnist_demo.models import MODELS, build_model
from mnist_demo.neighbours import WIDTH, compute_features

SIGMOID = "784-512-256-10 sigmoid"


@pytest.mark.parametrize("network", MODELS)
def test_a_digit_of_the_set_is_nearest_to_itself(practice: Data, network: str):
    model = build_model(network).eval()
    features = compute_features(model, practice.train[:150])
    for row in (0, 7, 149):
        rows, distances = features.nearest(model, practice.train.images[row, 0].numpy())
        assert rows[0] == row and len(rows) == len(distances) == 5
        assert distances[0] == pytest.approx(0, abs=1e-2) and distances == sorted(distances)


@pytest.mark.parametrize("network", ["784-10", SIGMOID, "784-128-10 ReLU, dropout"])
def test_the_nearest_are_those_of_a_plain_search(practice: Data, network: str):
    model = build_model(network).eval()
    features = compute_features(model, practice.train)
    for image in practice.test.images[:20]:
        with torch.inference_mode():
            differences = model[:-1](practice.train.images / 255) - model[:-1](image[None] / 255)
        expected = differences.norm(dim=1).sort(stable=True)
        rows, distances = features.nearest(model, image[0].numpy(), count=3)
        assert rows == expected.indices[:3].tolist()
        assert distances == pytest.approx(expected.values[:3].tolist(), abs=1e-4)


def test_what_is_kept_is_small_and_pixels_are_not_copied(practice: Data):
    wide = compute_features(build_model(SIGMOID).eval(), practice.train)
    assert wide.vectors.shape == (600, WIDTH) and wide.nbytes == 600 * (2 * WIDTH + 4) + 4 * 256 * WIDTH
    narrow = compute_features(build_model("784-512-120-84-10 ReLU, dropout").eval(), practice.train)
    assert narrow.vectors.shape == (600, 84) and narrow.nbytes == 600 * (2 * 84 + 4)
    pixels = compute_features(build_model("784-10").eval(), practice.train)
    assert pixels.vectors.data_ptr() == practice.train.images.data_ptr() and pixels.nbytes == 600 * 4


def test_the_same_digits_give_the_same_features(practice: Data):
    model = build_model(SIGMOID).eval()
    once, again = (compute_features(model, practice.train) for _ in range(2))
    assert torch.equal(once.vectors, again.vectors)
    shared = compute_features(model, practice.train, workers=2)
    assert torch.allclose(shared.vectors.float(), once.vectors.float(), atol=1e-2)


@pytest.mark.parametrize("network", ["784-10", SIGMOID])
def test_a_set_smaller_than_is_asked_for_is_given_whole(practice: Data, network: str):
    model = build_model(network).eval()
    rows, _ = compute_features(model, practice.train[:3]).nearest(model, practice.train.images[2, 0].numpy())
    assert rows[0] == 2 and sorted(rows) == [0, 1, 2]


def test_of_equal_digits_the_earlier_comes_first(practice: Data):
    model = build_model("784-10").eval()
    twice = practice.train[torch.tensor([5, 1, 5, 2])]
    rows, distances = compute_features(model, twice).nearest(model, practice.train.images[5, 0].numpy(), count=2)
    assert rows == [0, 2] and distances == [0, 0]


def test_who_hears_of_the_progress_may_end_it_and_the_network_is_left_as_it_was(practice: Data):
    def stop(share: float) -> None:
        raise InterruptedError

    model, shares = build_model("784-512-120-84-10 ReLU, dropout").eval(), list[float]()
    compute_features(model, practice.train, report=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1
    with pytest.raises(InterruptedError):
        compute_features(model, practice.train, report=stop)
    assert not any(layer.training for layer in model)
