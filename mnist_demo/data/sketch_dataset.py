"""The training set of the sketch recipes: MNIST, pen digits, synthetic digits and non-digits."""

import numpy as np
import torch

from mnist_demo.data import MULTIPLE_DIGITS, NOT_A_DIGIT, Dataset, Digits, concatenate
from mnist_demo.data.non_digits import random_non_digit, side_by_side
from mnist_demo.data.pen_digits import PenDigit
from mnist_demo.data.synthetic import render_paths, synthetic_paths, warp_paths
from mnist_demo.preprocess.strokes import normalize, rasterize, resample

WARPED_COPIES = 2  # per pen digit, in addition to the original
SYNTHETIC_COUNT, NON_DIGIT_COUNT, MULTIPLE_DIGITS_COUNT = 4_000, 6_000, 2_000  # images of each kind
HANDWRITING_WARP = 0.6  # strength of the warps of pen digits, which already vary

Paths = list[np.ndarray]


def create_sketch_dataset(mnist: Dataset, pen_digits: list[PenDigit], writers: int, seed: int = 0) -> Dataset:
    """Create a dataset with MNIST's test set and a larger training set, in 20 s on one core.

    It starts with the pen digits of writers 1 to `writers`, warped copies of them, and synthetic digits. Non-digits
    and rows of two or three digits follow. MNIST is last, so validation digits are always from MNIST.
    """
    rng = np.random.default_rng(seed)
    known = [one for one in pen_digits if one.writer <= writers]
    fields = [fit_to_field(pen_digit.paths) for pen_digit in known]
    drawn: list[tuple[np.ndarray, int]] = []
    for pen_digit, paths in zip(known, fields, strict=True):
        drawn.append((rasterize(normalize(paths)), pen_digit.digit))
        for _ in range(WARPED_COPIES):
            drawn.append((_render(warp_paths(paths, rng, HANDWRITING_WARP), rng), pen_digit.digit))
    for i in range(SYNTHETIC_COUNT):
        drawn.append((_render(warp_paths(synthetic_paths(i % 10, rng), rng), rng), i % 10))
    for _ in range(NON_DIGIT_COUNT):
        drawn.append((_render(warp_paths(random_non_digit(rng), rng), rng), NOT_A_DIGIT))
    for _ in range(MULTIPLE_DIGITS_COUNT):
        count = 2 if rng.random() < 0.85 else 3
        row = [warp_paths(fields[rng.integers(len(fields))], rng, HANDWRITING_WARP) for _ in range(count)]
        drawn.append((_render(side_by_side(row, rng), rng), MULTIPLE_DIGITS))
    return Dataset.create(mnist.name, concatenate([_to_digits(drawn), mnist.train]), mnist.test)


def held_out_pen_digits(pen_digits: list[PenDigit], writers: int) -> Digits:
    """Return the digits of all writers above number `writers`, as written. There must be at least one."""
    return _to_digits([(rasterize(normalize(one.paths)), one.digit) for one in pen_digits if one.writer > writers])


def render_non_digits(count: int, rng: np.random.Generator) -> Digits:
    """Draw non-digits, alternating with two synthetic digits side by side; about 1 ms per drawing."""
    drawn = []
    for i in range(count):
        if i % 2:
            pair = [warp_paths(synthetic_paths(int(digit), rng), rng) for digit in rng.integers(0, 10, 2)]
            drawn.append((_render(side_by_side(pair, rng), rng), MULTIPLE_DIGITS))
        else:
            drawn.append((_render(warp_paths(random_non_digit(rng), rng), rng), NOT_A_DIGIT))
    return _to_digits(drawn)


def _render(paths: Paths, rng: np.random.Generator) -> np.ndarray:
    return render_paths(degrade_sampling(paths, rng), rng)


def _to_digits(drawn: list[tuple[np.ndarray, int]]) -> Digits:
    images, labels = zip(*drawn, strict=True)
    return Digits(torch.from_numpy(np.stack(images))[:, None], torch.tensor(labels))


def fit_to_field(paths: Paths) -> Paths:
    """Scale and move paths in any unit to the 100-unit field on which drawings are designed and warped."""
    points = np.concatenate(paths)
    extent = float(np.ptp(points, axis=0).max())
    return [(path - points.min(axis=0)) * (100 / max(extent, 1e-9)) for path in paths]


def degrade_sampling(paths: Paths, rng: np.random.Generator) -> Paths:
    """Imitate a slow or coarse device at random: points 2 to 8 units apart, or on a grid of 1 to 2.5 units, or both."""
    if rng.random() < 0.25:
        spacing = rng.uniform(2, 8)
        paths = [resample(path, spacing) for path in paths]
    if rng.random() < 0.25:
        cell = rng.uniform(1, 2.5)
        paths = [np.round(path / cell) * cell for path in paths]
    return paths
