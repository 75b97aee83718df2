import numpy as np

from mnist_demo.nondigits import LETTERS, SYMBOLS, UNSEEN_LETTERS, Design, random_nondigit, side_by_side
from mnist_demo.practice import DESIGNS, draw, smooth, warp
from mnist_demo.strokes import normalise, rasterise


def test_there_are_enough_designs_and_the_unseen_letters_are_none_of_the_others():
    assert len(SYMBOLS) + len(LETTERS) >= 30 and len(UNSEEN_LETTERS) >= 10
    assert not set(UNSEEN_LETTERS) & (set(LETTERS) | set(SYMBOLS))
    assert not set("olzsbgqIOQSZB") & (set(LETTERS) | set(UNSEEN_LETTERS))  # twins of digits


def test_no_design_is_drawn_like_a_digit():
    def pixels(design: Design) -> np.ndarray:
        return rasterise(normalise([smooth(stroke) for stroke in design])).ravel().astype(float)

    digits = [pixels(design) for _, design in DESIGNS.values()]
    for name, design in {**SYMBOLS, **LETTERS, **UNSEEN_LETTERS}.items():
        assert max(np.corrcoef(pixels(design), digit)[0, 1] for digit in digits) < 0.85, name


def test_unseen_letters_are_never_drawn_for_training():
    unseen = [smooth(stroke) for design in UNSEEN_LETTERS.values() for stroke in design]
    rng = np.random.default_rng(0)
    for _ in range(500):
        for path in random_nondigit(rng):
            assert not any(np.array_equal(path, other) for other in unseen)


def test_the_same_seed_draws_the_same_and_no_two_alike():
    def drawn(seed: int) -> list[bytes]:
        rng = np.random.default_rng(seed)
        return [draw(warp(random_nondigit(rng), rng), rng).tobytes() for _ in range(20)]

    assert drawn(1) == drawn(1) and len(set(drawn(1) + drawn(2))) == 40


def test_digits_side_by_side_do_not_overlap():
    rng = np.random.default_rng(0)
    one = [np.array([[300.0, 40.0], [310.0, 140.0]])]
    for _ in range(20):
        left, right = side_by_side([one, one], rng)
        assert left[:, 0].max() <= right[:, 0].min() and 60 < np.ptp(left[:, 1]) < 120
