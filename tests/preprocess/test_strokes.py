import time
import tracemalloc

import numpy as np
import pytest
import torch

from mnist_demo.data.synthetic import DESIGNS, design_strokes
from mnist_demo.errors import InputError
from mnist_demo.preprocess.strokes import (
    MAX_POINTS,
    PEN_WIDTH,
    painted_curve,
    parse_strokes,
    resample,
    strokes_to_image,
)

SEVEN = [[(10, 10), (90, 10), (40, 100)], [(30, 55), (75, 55)]]


def transform(strokes, scale: float, x: float, y: float):
    return [[(x + scale * px, y + scale * py) for px, py in stroke] for stroke in strokes]


def test_size_and_position_do_not_matter():
    image = strokes_to_image(SEVEN).astype(int)
    for scale, x, y in ((0.01, 0, 0), (3, -500, 900), (1e5, 1e6, 1e6)):
        assert np.abs(strokes_to_image(transform(SEVEN, scale, x, y)).astype(int) - image).max() <= 1


def test_the_number_of_points_hardly_matters():
    corners = [[point for point in stroke for _ in range(2)] for stroke in SEVEN]
    fine = [resample(np.array(stroke, dtype=float), 0.2).tolist() for stroke in SEVEN]
    assert np.abs(strokes_to_image(fine).astype(int) - strokes_to_image(corners)).max() < 40


def test_a_path_is_drawn_as_parabolas_between_the_midpoints_of_its_segments():
    curve = painted_curve(np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]])).tolist()
    assert curve[0] == [0, 0] and curve[-1] == [10, 10]
    assert [7.5, 1.25] in curve and [10, 5] in curve  # halfway along the parabola, and at its end
    corner = painted_curve(np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 0.0], [10.0, 10.0]]))
    assert [10, 0] in corner.tolist() and all(x == 10 or y == 0 for x, y in corner)  # on one of two straight lines


def test_a_dot_above_or_below_a_narrow_stroke_is_kept():
    stem = [np.array([[50.0, 0.0], [48.0, 100.0]])]
    for dot in ([50.0, -40.0], [47.0, 140.0]):  # an i, an exclamation mark
        assert not np.array_equal(strokes_to_image([*stem, np.array([dot])]), strokes_to_image(stem))
    beside = np.array([[110.0, 40.0]])
    assert np.array_equal(strokes_to_image([*stem, beside]), strokes_to_image(stem))


@pytest.mark.parametrize("name", DESIGNS)
def test_digits_fill_mnists_box_and_are_centered_by_mass(name: str):
    image = strokes_to_image(design_strokes(name))
    assert image.shape == (28, 28) and image.dtype == np.uint8 and image.max() == 255
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
    center = [(image.sum(axis=axis) * np.arange(28)).sum() / image.sum() for axis in (0, 1)]
    assert center == pytest.approx([14, 14], abs=0.6)


@pytest.mark.parametrize("blank", [[], [[]], [[], []]])
def test_a_drawing_without_points_gives_an_empty_image(blank: list):
    assert not strokes_to_image(blank).any()


def test_a_tap_gives_a_dot_in_the_center():
    image = strokes_to_image([[(300, 20)]])
    assert image[14, 14] == 255 and 0 < (image > 0).sum() < 20


@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        (np.array(5), "got ndarray"),
        ([np.array(5)], "Stroke 1 must be a list of .x, y.; got ndarray"),
        ([torch.zeros(3, 2, requires_grad=True)], "two numbers each"),
        ("7", "Strokes must be a list of strokes, each a list of .x, y.; got str"),
        (None, "got NoneType"),
        (5, "got int"),
        ([5], "Stroke 1 must be a list of .x, y.; got int"),
        ([SEVEN[0], "ab"], "Stroke 2 must be a list of .x, y.; got str"),
        ([[1, 2]], "Stroke 1 must be a list of points .x, y., two numbers each"),
        ([[(1, 2, 3)]], "two numbers each"),
        ([[(1, 2), (3,)]], "two numbers each"),
        ([[("a", "b")]], "two numbers each"),
        ([[(None, 1)]], "two numbers each"),
        ([[(True, False)]], "two numbers each"),
        ([[{"x": 1, "y": 2}]], "two numbers each"),
        ([[(float("nan"), 1)]], "not a finite number up to"),
        ([[(float("inf"), 1)]], "not a finite number up to"),
        ([[(1e300, 1)]], "not a finite number up to"),
        ([[(10**400, 1)]], "two numbers each"),
        ([[(0, 0)]] * 501, "has 501 strokes; at most 500"),
        ([[(0, 0)] * (MAX_POINTS + 1)], "has 20,001 points; at most 20,000"),
    ],
)
def test_invalid_strokes_are_an_error(strokes: object, message: str):
    with pytest.raises(InputError, match=message):
        parse_strokes(strokes)


def test_lists_arrays_and_generators_of_points_give_the_same_image():
    arrays, generators = [np.array(stroke) for stroke in SEVEN], ((point for point in stroke) for stroke in SEVEN)
    for strokes in (arrays, generators):
        assert np.array_equal(strokes_to_image(strokes), strokes_to_image(SEVEN))  # type: ignore[arg-type]


def test_a_drawing_too_small_to_scale_is_a_dot():
    assert np.array_equal(strokes_to_image([[(0, 0), (1e-310, 0), (0, 1e-310)]]), strokes_to_image([[(0, 0)]]))


def test_the_time_for_a_scribble_of_the_maximum_size_is_limited():
    scribble = np.random.default_rng(0).uniform(0, 1, (MAX_POINTS, 2))
    started = time.process_time()
    assert strokes_to_image([scribble.tolist()]).any()
    assert time.process_time() - started < 10  # takes 0.2 s; the limit only catches runaway work


def test_a_stray_dot_is_removed_and_other_dots_are_kept():
    seven = [np.array([[0.0, 0.0], [60.0, 0.0], [30.0, 100.0]])]
    stray = np.array([[-80.0, 140.0], [-79.0, 141.0]])
    assert np.array_equal(strokes_to_image([*seven, stray]), strokes_to_image(seven))
    assert strokes_to_image([stray]).any()
    dot = np.array([[30.0, 108.0], [31.0, 108.0]])  # near, like that of an exclamation mark
    dotted = [np.array([[x, 200.0]]) for x in range(0, 300, 60)]  # too many to be stray
    for more in ([dot], dotted):
        assert not np.array_equal(strokes_to_image([*seven, *more]), strokes_to_image(seven))
    hat = np.array([[60.0, 0.0], [75.0, 0.0]])  # short, but connected
    assert not np.array_equal(strokes_to_image([*seven, hat]), strokes_to_image(seven))


@pytest.mark.parametrize(
    "point", [["a" * 100_000, 1], "a" * 100_000, [["a" * 100_000, "b"], 1], {"a" * 100_000: 1}, [b"a" * 100_000, 1]]
)
def test_a_long_text_among_points_takes_little_memory(point: object):
    tracemalloc.start()
    with pytest.raises(InputError, match="Stroke 1 must be a list of"):
        strokes_to_image([[point, *[[1, 1]] * 9_999]])  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_rotation_is_clockwise_and_half_turns_either_way_are_equal():
    image = strokes_to_image(SEVEN)
    assert np.array_equal(strokes_to_image(SEVEN, rotation=0.0, pen_width=PEN_WIDTH), image)
    # y points down, so this is a quarter turn clockwise.
    turned = strokes_to_image([[(-y, x) for x, y in stroke] for stroke in SEVEN])
    assert np.abs(strokes_to_image(SEVEN, rotation=90).astype(int) - turned).max() <= 1
    assert np.abs(strokes_to_image(SEVEN, rotation=-180).astype(int) - strokes_to_image(SEVEN, rotation=180)).max() <= 1


def test_a_thicker_pen_fills_the_same_box_with_more_ink():
    thin, usual, thick = (strokes_to_image(SEVEN, pen_width=pen) for pen in (1.0, PEN_WIDTH, 6.0))
    assert thin.sum() < usual.sum() < thick.sum()
    for image in (thin, usual, thick):
        assert 19 <= np.ptp(np.nonzero(image)[0]) + 1 <= 22


def test_on_a_pad_a_drawing_keeps_its_size_position_and_stray_dots():
    image = strokes_to_image([[(100, 900), (200, 900)]], pad_size=1000)  # 2.8 pixels long, at the bottom left
    rows, columns = np.nonzero(image)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (23, 26, 1, 6)
    assert image[24, 2:5].min() == 255
    dotted = [*transform(SEVEN, 5, 0, 0), [(950, 950)]]
    assert strokes_to_image(dotted, pad_size=1000)[26, 26] > 0


def test_on_a_pad_rotation_is_about_the_center_of_the_drawing():
    flat = strokes_to_image([[(300, 700), (500, 700)]], pad_size=1000, rotation=90)
    assert np.abs(flat.astype(int) - strokes_to_image([[(400, 600), (400, 800)]], pad_size=1000)).max() <= 1


def test_points_outside_the_pad_are_not_drawn():
    inside = [(300.0, 100.0), (300.0, 800.0)]
    outside = [[(-1e9, 1e9)], [(5e3, -1e9)], [(1e9, 1e9)]]
    image = strokes_to_image([inside], pad_size=1000)
    assert np.array_equal(strokes_to_image([inside, *outside], pad_size=1000), image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rotation": 181}, "rotation is 181; it must be from -180 to 180 degrees."),
        ({"rotation": float("nan")}, "rotation is nan; it must be from -180 to 180 degrees."),
        ({"pen_width": 0}, "pen_width is 0; it must be from 1 to 8 pixels."),
        ({"pad_size": -1}, "pad_size is -1; it must be from 0.001 to 1e\\+09 of the strokes' units."),
    ],
)
def test_options_out_of_range_are_an_error(options: dict[str, float], message: str):
    with pytest.raises(InputError, match=message):
        strokes_to_image(SEVEN, **options)
