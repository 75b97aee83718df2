from collections.abc import Iterable

import numpy as np

from mnist_demo.data.non_digits import LETTERS, SYMBOLS, UNSEEN_LETTERS, Design, random_non_digit, side_by_side
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
        assert correlation < 0.85, name


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


def test_digits_side_by_side_do_not_overlap():
    rng = np.random.default_rng(0)
    one = [np.array([[300.0, 40.0], [310.0, 140.0]])]
    for _ in range(20):
        left, right = side_by_side([one, one], rng)
        assert left[:, 0].max() <= right[:, 0].min() and 60 < np.ptp(left[:, 1]) < 120
