from collections.abc import Iterable

import numpy as np
import pytest

from mnist_demo.data.non_digits import (
    LETTERS,
    SYMBOLS,
    UNSEEN_LETTERS,
    Design,
    cut_in_half,
    random_non_digit,
    side_by_side,
    with_minus_sign,
)
from mnist_demo.data.synthetic import DESIGNS, render_paths, smooth_curve, warp_paths
from mnist_demo.preprocess.strokes import normalize, rasterize


def test_there_are_enough_designs_and_unseen_letters_are_separate():
    assert len(SYMBOLS) + len(LETTERS) >= 30 and len(UNSEEN_LETTERS) >= 10
    assert not set(UNSEEN_LETTERS) & (set(LETTERS) | set(SYMBOLS))
    assert not set("olzsbgqIOQSZB") & (set(LETTERS) | set(UNSEEN_LETTERS))  # they look like digits


def test_no_design_looks_like_a_digit():
    def pixels(designs: Iterable[Design]) -> list[np.ndarray]:
        paths = ([smooth_curve(stroke) for stroke in design] for design in designs)
        return [rasterize(normalize(each)).ravel().astype(float) for each in paths]

    others = {**SYMBOLS, **LETTERS, **UNSEEN_LETTERS}
    correlations = np.corrcoef(pixels(others.values()), pixels(design for _, design in DESIGNS.values()))
    for name, correlation in zip(others, correlations[: len(others), len(others) :].max(axis=1), strict=True):
        assert correlation < (0.87 if name == "exclamation mark" else 0.85), name  # a 1 with a dot below it


def test_unseen_letters_are_never_used_for_training():
    unseen = [smooth_curve(stroke) for design in UNSEEN_LETTERS.values() for stroke in design]
    rng = np.random.default_rng(0)
    for _ in range(500):
        for path in random_non_digit(rng):
            assert not any(np.array_equal(path, other) for other in unseen)


def test_drawings_are_reproducible_and_all_different():
    def drawings(seed: int) -> list[bytes]:
        rng = np.random.default_rng(seed)
        return [render_paths(warp_paths(random_non_digit(rng), rng), rng).tobytes() for _ in range(20)]

    assert drawings(1) == drawings(1) and len(set(drawings(1) + drawings(2))) == 40


ONE = [np.array([[50.0, 0.0], [60.0, 100.0]])]


@pytest.mark.parametrize("overlap", [0, 6])
def test_digits_side_by_side_overlap_only_as_far_as_allowed(overlap: int):
    rng = np.random.default_rng(0)
    overlaps = []
    for _ in range(100):
        left, right = side_by_side([ONE, ONE], rng, overlap)
        overlaps.append(left[:, 0].max() - right[:, 0].min())
        assert 60 < np.ptp(left[:, 1]) < 120
    assert max(overlaps) <= overlap and (max(overlaps) > 0) == bool(overlap)


def test_a_minus_sign_stands_left_of_a_digit():
    dash, *digit = with_minus_sign(ONE, np.random.default_rng(0))
    assert digit == ONE and dash[:, 0].max() < 0 and np.ptp(dash[:, 0]) > 2 * np.ptp(dash[:, 1])


def test_half_of_a_drawing_ends_in_the_middle():
    rng = np.random.default_rng(0)
    for _ in range(10):
        (half,) = cut_in_half(ONE, rng)
        low, high = half[:, 1].min(), half[:, 1].max()
        assert (low == 0 and 38 < high < 60) or (39 < low < 61 and high == 100)
