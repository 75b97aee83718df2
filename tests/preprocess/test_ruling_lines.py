import numpy as np
import pytest

from mnist_demo.data.synthetic import DESIGNS, design_strokes
from mnist_demo.preprocess.ruling_lines import find_ruling_lines
from tests.benchmarks.pictures import draw, tilt

SIDE = 300
ACROSS = [np.array([(-SIDE, y), (2 * SIDE, y)], dtype=float) for y in range(25, SIDE, 60)]
DOWN = [line[:, ::-1] for line in ACROSS]
CORNERS = np.array([(50, 30), (250, 30), (250, 270), (50, 270), (50, 30)], dtype=float)
BOX = [CORNERS[i : i + 2] for i in range(4)]
PAPERS = {"ruled": ACROSS, "squared": ACROSS + DOWN, "a box": BOX}


def draw_digit(design: str, pen: float, size: float = 0.55, margin: float = 0.22) -> np.ndarray:
    """Draw a design on a picture: bool (SIDE, SIDE)."""
    paths = [SIDE * (margin + size * np.array(stroke) / 100) for stroke in design_strokes(design)]
    return draw(paths, pen, SIDE) > 0.5


@pytest.mark.parametrize("degrees", [-3, 0, 1.3])
@pytest.mark.parametrize("paper", PAPERS)
def test_lines_are_found_and_the_ink_that_crosses_them_stays(paper: str, degrees: float):
    digit = draw_digit("one-stroke 8", pen=12)
    printed = draw([tilt(line, degrees, SIDE) for line in PAPERS[paper]], 4, SIDE) > 0.5
    lines = find_ruling_lines(digit | printed)
    assert (lines & ~digit).sum() > 0.95 * (printed & ~digit).sum()
    assert (lines & digit).sum() < 0.03 * digit.sum()


@pytest.mark.parametrize("pen", [1, 5])
@pytest.mark.parametrize("design", DESIGNS)
def test_a_digits_own_strokes_are_not_lines(design: str, pen: int):
    digit = draw_digit(design, pen)
    rows, columns = np.nonzero(digit)
    cropped = digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert not find_ruling_lines(digit).any() and not find_ruling_lines(cropped).any()


@pytest.mark.parametrize("pen", [2, 5])
def test_a_digit_like_a_box_is_not_lines(pen: int):
    zero = draw(BOX, pen, SIDE) > 0.5
    eight = zero | (draw([np.array([(50.0, 150.0), (250.0, 150.0)])], pen, SIDE) > 0.5)
    for digit in (zero, eight):
        assert not find_ruling_lines(digit).any()
        assert not find_ruling_lines(digit[28:273, 48:253]).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (28, 28)])
@pytest.mark.parametrize("level", [0, 0.5, 1])
def test_a_mask_of_any_shape_is_allowed(shape: tuple[int, int], level: float):
    assert find_ruling_lines(np.random.default_rng(0).random(shape) < level).shape == shape
