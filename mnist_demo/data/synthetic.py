"""Synthetic digits: 28x28 images made from designed pen strokes, for tests, examples, and when MNIST is missing.

A design in designs.json consists of strokes on a field 100 units wide and high, y down. A stroke is a smooth curve
through its points; a repeated point is a corner. Every page that shows synthetic digits must say so.
"""

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from mnist_demo.data import Dataset, Digits
from mnist_demo.preprocess.strokes import PEN_WIDTH, Strokes, normalize, rasterize

TRAIN_SIZE, TEST_SIZE = 8_000, 1_000  # enough even if 5,000 are held out; 5 s on one core

Design = list[list[list[int]]]  # strokes of (x, y)

DRAWINGS: dict[str, dict] = json.loads(Path(__file__).with_name("designs.json").read_text(encoding="utf-8"))
DESIGNS: dict[str, tuple[int, Design]] = DRAWINGS["digits"]  # digit and strokes by name
RARE_DESIGNS: dict[str, tuple[int, Design]] = DRAWINGS["rare_digits"]  # not among the synthetic digits


def smooth_curve(points: Sequence[Sequence[float] | np.ndarray]) -> np.ndarray:
    """Return a curve float64 (n, 2) through a stroke's points, with a corner where a point is repeated.

    Between corners it is a spline after E. Catmull and R. Rom, "A class of local interpolating splines" (1974).
    """
    corners = [i for i in range(1, len(points)) if np.array_equal(points[i], points[i - 1])]
    bounds = pairwise([0, *corners, len(points)])
    return np.concatenate([_spline(np.array(points[first:end], dtype=float)) for first, end in bounds])


def _spline(knots: np.ndarray, steps: int = 8) -> np.ndarray:
    if len(knots) < 3:
        return knots
    # A spline needs a knot beyond each end: a reflected one, or the neighbor on a closed curve.
    closed = np.array_equal(knots[0], knots[-1])
    before = knots[-2] if closed else 2 * knots[0] - knots[1]
    after = knots[1] if closed else 2 * knots[-1] - knots[-2]
    knots = np.concatenate([[before], knots, [after]])
    p0, p1, p2, p3 = (knots[i : len(knots) - 3 + i, None] for i in range(4))  # (segments, 1, 2)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = p1 + t * (p2 - p0) / 2 + t**2 * (p0 - 2.5 * p1 + 2 * p2 - p3 / 2) + t**3 * (1.5 * (p1 - p2) + (p3 - p0) / 2)
    return np.concatenate([curve.reshape(-1, 2), knots[-2:-1]])


def design_strokes(name: str) -> Strokes:
    """Return a design as pen strokes: lists of (x, y) on the 100-unit field, y down."""
    _, design = {**DESIGNS, **RARE_DESIGNS}[name]
    return [[(round(x, 1), round(y, 1)) for x, y in smooth_curve(stroke).tolist()] for stroke in design]


def warp_paths(paths: list[np.ndarray], rng: np.random.Generator, strength: float = 1.0) -> list[np.ndarray]:
    """Rotate, shear, stretch and elastically bend paths on the 100-unit field, as another writer might write them.

    `strength` scales all four; 0 changes nothing. The elastic displacement, of about 3 units, is the sum of three sine
    waves of random direction and phase. After P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional
    neural networks applied to visual document analysis" (2003).
    """
    angle, shear = np.radians(rng.normal(0, 7 * strength)), rng.normal(0, 0.14 * strength)
    stretch = np.diag(np.exp(rng.normal(0, 0.11 * strength, 2)))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[1, shear], [0, 1]]) @ stretch
    waves = rng.normal(0, 1 / 22, (3, 2))  # radians per unit: a wave is about as long as the digit
    phases, heights = rng.uniform(0, 2 * np.pi, 3), rng.normal(0, 3 * strength, (3, 2))
    return [path @ matrix.T + np.sin(path @ waves.T + phases) @ heights for path in paths]


def synthetic_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` warped designs: images uint8 (count, 28, 28) and labels int64 (count,), 0 to 9 in turn."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = np.stack([render_paths(warp_paths(synthetic_paths(digit, rng), rng), rng) for digit in labels.tolist()])
    return images, labels


def synthetic_paths(digit: int, rng: np.random.Generator, *, with_rare: bool = False) -> list[np.ndarray]:
    """Choose a random design of a digit 0 to 9 and return it as paths on the 100-unit field."""
    designs = _design_paths(digit, with_rare)
    return designs[rng.integers(len(designs))]


@cache
def _design_paths(digit: int, with_rare: bool) -> list[list[np.ndarray]]:
    designs = [*DESIGNS.values(), *(RARE_DESIGNS.values() if with_rare else ())]
    return [[smooth_curve(stroke) for stroke in strokes] for label, strokes in designs if label == digit]


def render_paths(paths: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Render paths as an image uint8 (28, 28), with a pen width that varies by about a fifth, as in MNIST."""
    pen = PEN_WIDTH * float(np.clip(np.exp(rng.normal(0, 0.2)), 0.6, 1.6))
    return rasterize(normalize(paths, pen), pen)


def synthetic_dataset(train: int = TRAIN_SIZE, test: int = TEST_SIZE) -> Dataset:
    """Create synthetic digits, with different random warps for training and testing. They are not MNIST."""

    def digits(count: int, seed: int) -> Digits:
        images, labels = synthetic_digits(count, seed)
        return Digits(torch.from_numpy(images)[:, None], torch.from_numpy(labels))

    return Dataset.create("synthetic digits", digits(train, seed=1), digits(test, seed=2))
