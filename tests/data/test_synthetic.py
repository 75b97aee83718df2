import numpy as np
import pytest

from mnist_demo.data.synthetic import DESIGNS, design_strokes, smooth_curve, synthetic_digits


def test_every_digit_has_several_designs_including_unusual_ones():
    digits = [digit for digit, _ in DESIGNS.values()]
    assert min(digits.count(digit) for digit in range(10)) >= 3
    unusual = ["crossed 7", "flagged 1", "1 with a foot", "open 4", "closed 4", "curly 9", "curly 2"]
    assert [DESIGNS[name][0] for name in unusual] == [7, 1, 1, 4, 4, 9, 2]


def test_curves_pass_through_their_points_with_corners_at_repeated_points():
    curve = smooth_curve([(0, 0), (50, 10), (100, 0), (100, 0), (100, 80)])
    for point in ((0, 0), (50, 10), (100, 0), (100, 80)):
        assert np.abs(curve - point).sum(axis=1).min() < 1e-9
    assert curve[:, 0].max() == pytest.approx(100)  # no overshoot at the corner


def test_closed_curves_have_no_corner_where_they_close():
    curve = smooth_curve([(50, 0), (0, 50), (50, 100), (100, 50), (50, 0)])
    first, last = curve[1] - curve[0], curve[-1] - curve[-2]
    assert first @ last / np.linalg.norm(first) / np.linalg.norm(last) > 0.9


def test_design_strokes_are_lists_of_points_near_the_field():
    points = [point for name in DESIGNS for stroke in design_strokes(name) for point in stroke]
    assert all(isinstance(point, tuple) and min(point) >= -10 and max(point) <= 110 for point in points)


def test_the_seed_determines_the_digits():
    images, labels = synthetic_digits(30, seed=5)
    again, _ = synthetic_digits(30, seed=5)
    other, _ = synthetic_digits(30, seed=6)
    assert np.array_equal(images, again) and not np.array_equal(images, other)
    assert images.shape == (30, 28, 28) and images.dtype == np.uint8
    assert labels.tolist() == [i % 10 for i in range(30)]
