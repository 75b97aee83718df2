import pytest
import torch

from mnist_demo.classifier import Classifier
from mnist_demo.data import Dataset
from mnist_demo.explain.neighbors import MAX_FEATURES, build_neighbor_index
from mnist_demo.models import MODELS, build_model

SIGMOID = "784-512-256-10 sigmoid"


@pytest.mark.parametrize("network", MODELS)
def test_a_digit_of_the_set_is_nearest_to_itself(synthetic: Dataset, network: str):
    model = build_model(network).eval()
    index = build_neighbor_index(model, synthetic.train[:150])
    for row in (0, 7, 149):
        rows, distances = index.nearest(model, synthetic.train.images[row, 0].numpy())
        assert rows[0] == row and len(rows) == len(distances) == 5
        assert distances[0] == pytest.approx(0, abs=1e-2) and distances == sorted(distances)


@pytest.mark.parametrize("network", ["784-10", SIGMOID, "784-128-10 ReLU, dropout"])
def test_the_index_finds_what_an_exhaustive_search_finds(synthetic: Dataset, network: str):
    model = build_model(network).eval()
    index = build_neighbor_index(model, synthetic.train)
    for image in synthetic.test.images[:20]:
        with torch.inference_mode():
            differences = model[:-1](synthetic.train.images / 255) - model[:-1](image[None] / 255)
        expected = differences.norm(dim=1).sort(stable=True)
        rows, distances = index.nearest(model, image[0].numpy(), count=3)
        assert rows == expected.indices[:3].tolist()
        assert distances == pytest.approx(expected.values[:3].tolist(), abs=1e-4)


def test_the_index_is_small_and_pixels_are_not_copied(synthetic: Dataset):
    wide = build_neighbor_index(build_model(SIGMOID).eval(), synthetic.train)
    assert (
        wide.vectors.shape == (600, MAX_FEATURES)
        and wide.nbytes == 600 * (2 * MAX_FEATURES + 4) + 4 * 256 * MAX_FEATURES
    )
    narrow = build_neighbor_index(build_model("784-512-120-84-10 ReLU, dropout").eval(), synthetic.train)
    assert narrow.vectors.shape == (600, 84) and narrow.nbytes == 600 * (2 * 84 + 4)
    pixels = build_neighbor_index(build_model("784-10").eval(), synthetic.train)
    assert pixels.vectors.data_ptr() == synthetic.train.images.data_ptr() and pixels.nbytes == 600 * 4


def test_a_trained_convolutional_model_finds_the_nearest_despite_inactive_features(synthetic: Dataset):
    model = Classifier.load("cnn").model
    assert isinstance(model, torch.nn.Sequential)
    index = build_neighbor_index(model, synthetic.train[:150])
    assert index.nearest(model, synthetic.train.images[7, 0].numpy())[0][0] == 7


def test_the_same_digits_give_the_same_index(synthetic: Dataset):
    model = build_model(SIGMOID).eval()
    once, again = (build_neighbor_index(model, synthetic.train) for _ in range(2))
    assert torch.equal(once.vectors, again.vectors)
    shared = build_neighbor_index(model, synthetic.train, workers=2)
    assert torch.allclose(shared.vectors.float(), once.vectors.float(), atol=1e-2)


@pytest.mark.parametrize("network", ["784-10", SIGMOID])
def test_a_set_smaller_than_the_count_is_returned_whole(synthetic: Dataset, network: str):
    model = build_model(network).eval()
    rows, _ = build_neighbor_index(model, synthetic.train[:3]).nearest(model, synthetic.train.images[2, 0].numpy())
    assert rows[0] == 2 and sorted(rows) == [0, 1, 2]


def test_ties_are_broken_by_position_in_the_set(synthetic: Dataset):
    model = build_model("784-10").eval()
    twice = synthetic.train[torch.tensor([5, 1, 5, 2])]
    rows, distances = build_neighbor_index(model, twice).nearest(model, synthetic.train.images[5, 0].numpy(), count=2)
    assert rows == [0, 2] and distances == [0, 0]


def test_progress_is_reported_and_a_cancelled_build_leaves_the_model_unchanged(synthetic: Dataset):
    def cancel(fraction: float) -> None:
        raise InterruptedError

    model, fractions = build_model("784-512-120-84-10 ReLU, dropout").eval(), list[float]()
    build_neighbor_index(model, synthetic.train, report=fractions.append)
    assert fractions == sorted(fractions) and fractions[-1] == 1
    with pytest.raises(InterruptedError):
        build_neighbor_index(model, synthetic.train, report=cancel)
    assert not any(layer.training for layer in model)
