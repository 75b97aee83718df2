import numpy as np
import pytest
import torch

from mnist_demo import handwriting
from mnist_demo.data import NO_DIGIT, SEVERAL, Data
from mnist_demo.handwriting import draw_nondigits, handwriting_data, roughen, to_field, written_by_others
from mnist_demo.pendigits import PenDigit


def test_the_training_set_holds_mnist_last_and_the_drawn_before_it(practice: Data, few_writers: list[PenDigit]):
    data = handwriting_data(practice, few_writers, writers=24)
    drawn = len(data.train) - len(practice.train)
    assert drawn == 20 * (1 + handwriting.VARIANTS) + 3 * 20
    assert torch.equal(data.train.images[drawn:], practice.train.images) and data.test is practice.test
    assert data.train.labels.bincount().tolist()[NO_DIGIT:] == [20, 20]


def test_writers_left_out_are_not_drawn(practice: Data, few_writers: list[PenDigit]):
    two, absent = (handwriting_data(practice, some, writers=24) for some in (few_writers, few_writers[:20]))
    assert two.checksum == absent.checksum
    assert len(written_by_others(few_writers, 24)) == 10


def test_the_same_seed_gives_the_same_set(practice: Data, few_writers: list[PenDigit]):
    one, same, other = (handwriting_data(practice, few_writers, 30, seed=seed).checksum for seed in (1, 1, 2))
    assert one == same != other


def test_drawings_that_are_no_digit_come_with_rows_of_two():
    drawn = draw_nondigits(4, np.random.default_rng(0))
    assert drawn.labels.tolist() == [NO_DIGIT, SEVERAL] * 2 and drawn.images.shape == (4, 1, 28, 28)
    assert drawn.images.flatten(1).any(dim=1).all()


def test_paths_of_any_size_fit_the_field():
    for scale in (1e-3, 1.0, 1e6):
        (path,) = to_field([np.array([[1.0, 2.0], [3.0, 6.0]]) * scale])
        assert path.min() == 0 and path.max() == pytest.approx(100)


def test_rough_paths_stay_close_to_what_was_written():
    rng = np.random.default_rng(0)
    path = np.stack([np.linspace(0, 100, 200), np.linspace(0, 50, 200)], axis=1)
    for _ in range(50):
        (rough,) = roughen([path], rng)
        assert np.abs(rough[:, 1] - rough[:, 0] / 2).max() < 2 and np.abs(rough[[0, -1]] - path[[0, -1]]).max() <= 1.25
