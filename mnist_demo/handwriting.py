"""The training set of the sketch recipes: MNIST, people's pen strokes, and drawings that are no digit."""

import numpy as np
import torch

from mnist_demo.data import NO_DIGIT, SEVERAL, Data, Digits, make_data
from mnist_demo.nondigits import random_nondigit, side_by_side
from mnist_demo.pendigits import PenDigit
from mnist_demo.practice import draw, practice_paths, warp
from mnist_demo.strokes import normalise, rasterise, resample

VARIANTS = 2  # warped copies of each pen digit, beside the one as it was written
PRACTICE, NO_DIGITS, SEVERALS = 4_000, 6_000, 2_000  # how many of each are drawn
PEOPLE = 0.6  # strength of the warps of what people wrote: as written, it already varies

Paths = list[np.ndarray]


def handwriting_data(mnist: Data, pen_digits: list[PenDigit], writers: int, seed: int = 0) -> Data:
    """Train on MNIST's training set and on what is drawn here from strokes; test on MNIST's test set.

    Drawn are the pen digits of writers 1 to `writers`, as written and warped, practice digits, drawings that are no
    digit (label NO_DIGIT) and rows of two or three digits (label SEVERAL). MNIST comes last, so that a recipe which
    holds out validation digits holds out MNIST's last. The same seed gives the same images; 20 s on one core.
    """
    rng = np.random.default_rng(seed)
    known = [one for one in pen_digits if one.writer <= writers]
    fields = [to_field(one.paths) for one in known]
    images, labels = [], []

    def add(image: np.ndarray, label: int) -> None:
        images.append(image)
        labels.append(label)

    for one, paths in zip(known, fields, strict=True):
        add(rasterise(normalise(paths)), one.digit)
        for _ in range(VARIANTS):
            add(draw(roughen(warp(paths, rng, PEOPLE), rng), rng), one.digit)
    for i in range(PRACTICE):
        add(draw(roughen(warp(practice_paths(i % 10, rng), rng), rng), rng), i % 10)
    for _ in range(NO_DIGITS):
        add(draw(roughen(warp(random_nondigit(rng), rng), rng), rng), NO_DIGIT)
    for _ in range(SEVERALS):
        count = 2 if rng.random() < 0.85 else 3
        row = [warp(fields[rng.integers(len(fields))], rng, PEOPLE) for _ in range(count)]
        add(draw(roughen(side_by_side(row, rng), rng), rng), SEVERAL)

    drawn = Digits(torch.from_numpy(np.stack(images))[:, None], torch.tensor(labels))
    train = Digits(torch.cat([drawn.images, mnist.train.images]), torch.cat([drawn.labels, mnist.train.labels]))
    return make_data(mnist.name, train, mnist.test)


def written_by_others(pen_digits: list[PenDigit], writers: int) -> Digits:
    """The digits, as written, of all writers above number `writers`: those that a recipe with so many did not learn.

    There must be some.
    """
    others = [one for one in pen_digits if one.writer > writers]
    images = np.stack([rasterise(normalise(one.paths)) for one in others])
    return Digits(torch.from_numpy(images)[:, None], torch.tensor([one.digit for one in others]))


def draw_nondigits(count: int, rng: np.random.Generator) -> Digits:
    """Drawings that are no digit and, every other one, two practice digits side by side; about 1 ms each."""
    images, labels = [], []
    for i in range(count):
        if i % 2:
            pair = [warp(practice_paths(int(digit), rng), rng) for digit in rng.integers(0, 10, 2)]
            paths = side_by_side(pair, rng)
        else:
            paths = warp(random_nondigit(rng), rng)
        images.append(draw(roughen(paths, rng), rng))
        labels.append(SEVERAL if i % 2 else NO_DIGIT)
    return Digits(torch.from_numpy(np.stack(images))[:, None], torch.tensor(labels))


def to_field(paths: Paths) -> Paths:
    """Paths in any unit, fitted to the field 100 units wide and high on which drawings are warped."""
    points = np.concatenate(paths)
    low, high = points.min(axis=0), points.max(axis=0)
    return [(path - low) * (100 / max(float((high - low).max()), 1e-9)) for path in paths]


def roughen(paths: Paths, rng: np.random.Generator) -> Paths:
    """Now and then what a slow or small pad makes of paths: points 2 to 8 units apart, or on a grid of 1 to 2.5."""
    if rng.random() < 0.25:
        spacing = rng.uniform(2, 8)
        paths = [resample(path, spacing) for path in paths]
    if rng.random() < 0.25:
        cell = rng.uniform(1, 2.5)
        paths = [np.round(path / cell) * cell for path in paths]
    return paths
