"""Drawings that are not a digit: symbols, letters, scribbles, and several digits side by side.

Letters that look like a digit (o, l, z, s, b, g, q and others) are left out.
"""

import numpy as np

from mnist_demo.data.synthetic import DRAWINGS, Design, smooth_curve
from mnist_demo.preprocess.strokes import resample

SYMBOLS: dict[str, Design] = DRAWINGS["symbols"]
LETTERS: dict[str, Design] = DRAWINGS["letters"]
# Never used for training or for choosing a threshold; docs/accuracy.md says how often the model rejects them.
UNSEEN_LETTERS: dict[str, Design] = DRAWINGS["unseen_letters"]


def design_paths(designs: dict[str, Design]) -> list[list[np.ndarray]]:
    """Return each design as paths on the 100-unit field."""
    return [[smooth_curve(stroke) for stroke in design] for design in designs.values()]


_TRAINING_DESIGNS = design_paths({**SYMBOLS, **LETTERS})


def random_non_digit(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw a non-digit, as paths on the 100-unit field: 60% designs, 20% stick figures, 20% scribbles."""
    choice = rng.random()
    if choice < 0.6:
        return _TRAINING_DESIGNS[rng.integers(len(_TRAINING_DESIGNS))]
    return stick_figure(rng) if choice < 0.8 else scribble(rng)


def stick_figure(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw four to seven straight or bent strokes between nine nodes: the field's corners, edge centers and center.

    Trained on these letter-like figures, a model also rejects letters that it has never seen.
    """
    nodes = np.stack(np.meshgrid([10.0, 50.0, 90.0], [10.0, 50.0, 90.0]), axis=-1).reshape(9, 2)
    nodes += rng.normal(0, 4, nodes.shape)
    pairs = [(a, b) for a in range(9) for b in range(a)]
    paths = []
    for index in rng.choice(len(pairs), size=rng.integers(4, 8), replace=False):
        start, end = nodes[list(pairs[index])]
        bend = rng.normal(0, 20, 2) if rng.random() < 0.4 else np.zeros(2)
        paths.append(smooth_curve([start, (start + end) / 2 + bend, end]))
    return paths


def scribble(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw one smooth stroke through 8 to 30 points, either random or the corners of a dense zigzag."""
    count = int(rng.integers(8, 31))
    points = rng.uniform(0, 100, (count, 2))
    if rng.random() < 0.4:
        points[:, 0] = np.linspace(0, 100, count) + rng.normal(0, 3, count)
        points[:, 1] = np.where(np.arange(count) % 2, 0, rng.uniform(30, 100)) + rng.normal(0, 6, count)
    return [smooth_curve(list(points))]


def side_by_side(digits: list[list[np.ndarray]], rng: np.random.Generator, overlap: float = 0) -> list[np.ndarray]:
    """Place digits, given as paths, in a row like a written number: of similar height.

    The gaps between them are up to 60 units wide, or the digits overlap by up to `overlap` units.
    """
    row: list[np.ndarray] = []
    right = 0.0
    for paths in digits:
        points = np.concatenate(paths)
        low, (width, height) = points.min(axis=0), np.ptp(points, axis=0)
        scale = 100 / max(height, width / 2, 1e-9) * rng.uniform(0.75, 1.1)
        offset = np.array([right, rng.normal(0, 6)])
        row += [(path - low) * scale + offset for path in paths]
        right += width * scale + rng.uniform(-overlap, 60)
    return row


def with_minus_sign(paths: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Place a short horizontal stroke to the left of a digit, given as paths on the 100-unit field."""
    right, height = -rng.uniform(8, 40), rng.uniform(40, 65)
    dash = np.array([[right - rng.uniform(20, 45), height + rng.normal(0, 4)], [right, height + rng.normal(0, 4)]])
    return [dash, *paths]


def cut_in_half(paths: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Keep the upper or the lower half of a drawing on the 100-unit field, 40 to 60 units high."""
    height, is_upper = rng.uniform(40, 60), rng.random() < 0.5
    pieces = []
    for path in paths:
        dense = resample(path, 1.0)
        kept = (dense[:, 1] < height) == is_upper
        bounds = np.flatnonzero(np.diff(kept)) + 1
        pieces += [part for part, keep in zip(np.split(dense, bounds), np.split(kept, bounds), strict=True) if keep[0]]
    return pieces or paths
