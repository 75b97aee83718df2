import numpy as np
import pytest
import torch

from mnist_demo.data import MULTIPLE_DIGITS, NOT_A_DIGIT, Dataset, sketch_dataset
from mnist_demo.data.pen_digits import PenDigit
from mnist_demo.data.sketch_dataset import (
    create_sketch_dataset,
    degrade_sampling,
    fit_to_field,
    held_out_pen_digits,
    render_non_digits,
)


def test_the_training_set_contains_drawn_images_before_mnist(synthetic: Dataset, few_pen_digits: list[PenDigit]):
    data = create_sketch_dataset(synthetic, few_pen_digits, writers=24)
    drawn = len(data.train) - len(synthetic.train)
    assert drawn == 20 * (1 + sketch_dataset.WARPED_COPIES) + 3 * 20
    assert torch.equal(data.train.images[drawn:], synthetic.train.images) and data.test is synthetic.test
    assert data.train.labels.bincount().tolist()[NOT_A_DIGIT:] == [20, 20]


def test_held_out_writers_are_not_in_the_training_set(synthetic: Dataset, few_pen_digits: list[PenDigit]):
    one, other = (create_sketch_dataset(synthetic, some, writers=24) for some in (few_pen_digits, few_pen_digits[:20]))
    assert one.checksum == other.checksum
    assert len(held_out_pen_digits(few_pen_digits, 24)) == 10


def test_the_same_seed_gives_the_same_dataset(synthetic: Dataset, few_pen_digits: list[PenDigit]):
    one, same, other = (create_sketch_dataset(synthetic, few_pen_digits, 30, seed=seed).checksum for seed in (1, 1, 2))
    assert one == same != other


def test_non_digits_alternate_with_two_digits():
    drawn = render_non_digits(4, np.random.default_rng(0))
    assert drawn.labels.tolist() == [NOT_A_DIGIT, MULTIPLE_DIGITS] * 2 and drawn.images.shape == (4, 1, 28, 28)
    assert drawn.images.flatten(1).any(dim=1).all()


def test_paths_of_any_size_are_scaled_to_the_field():
    for scale in (1e-3, 1.0, 1e6):
        (path,) = fit_to_field([np.array([[1.0, 2.0], [3.0, 6.0]]) * scale])
        assert path.min() == 0 and path.max() == pytest.approx(100)


def test_degraded_paths_stay_close_to_the_original():
    rng = np.random.default_rng(0)
    path = np.stack([np.linspace(0, 100, 200), np.linspace(0, 50, 200)], axis=1)
    for _ in range(50):
        (rough,) = degrade_sampling([path], rng)
        assert np.abs(rough[:, 1] - rough[:, 0] / 2).max() < 2 and np.abs(rough[[0, -1]] - path[[0, -1]]).max() <= 1.25
