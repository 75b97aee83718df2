"""Measure whether heat maps mark the important ink: python -m tests.benchmarks.attribution [--data DIR] [MODEL ...]

Delete ink in the order of the heat map, most important pixels first, and in random order (V. Petsiuk, A. Das, K.
Saenko, "RISE", 2018). The probability of the predicted digit must fall faster by the map. Print both curves for each
model in `checkpoints/`. Exit with 1 if the area under the map's curve is not the smaller one. The images are --digits
correctly classified digits of MNIST's test set, and every 15th digit by writers 25 to 30 of UCI's pen digits, if it is
classified correctly. Takes about four minutes on two cores.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from mnist_demo import Classifier, Dataset, evaluate, load_mnist
from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.data.pen_digits import PenDigit, load_pen_digits
from mnist_demo.devices import torch_threads
from mnist_demo.explain.attribution import attribute
from mnist_demo.reports import markdown_table
from tests.benchmarks.rows import Row, print_rows

FRACTIONS = np.arange(0, 51, 5) / 100  # of the ink pixels that are deleted
RANDOM_ORDERS = 5  # per digit


@dataclass(frozen=True, eq=False)
class Curves:
    """Mean probability of the predicted digit after deleting each of FRACTIONS: float64 (len(FRACTIONS),)."""

    by_map: np.ndarray
    at_random: np.ndarray
    seconds: list[float]  # CPU time per image for the maps of the two most probable digits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="checkpoints (default: all)")
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--digits", type=int, default=500, metavar="N")
    options = parser.parse_args()
    mnist = load_mnist(Path(options.data))
    pen_digits = [one for one in load_pen_digits(Path(options.data)) if one.writer > 24]
    lines, rows = [], []
    for name in options.models or list_checkpoints():
        classifier = Classifier.load(name)
        sets = {
            "MNIST's test set": correct_mnist_images(classifier, mnist, options.digits),
            "writers 25-30": correct_pen_images(classifier, pen_digits[::15]),
        }
        for source, images in sets.items():
            curves = measure(classifier, images)
            lines += table_lines(f"`{name}`", f"{len(images)}, {source}", curves)
            rows.append(compare_areas(f"`{name}`, {source}", curves))
    head = [f"{fraction:.0%}" for fraction in FRACTIONS[::2]]
    print(markdown_table(["model", "digits", "deleted", *head, "area", "CPU ms per drawing"], lines), end="\n\n")
    return print_rows(rows)


def correct_mnist_images(classifier: Classifier, mnist: Dataset, count: int) -> list[np.ndarray]:
    """Return `count` correctly classified test images, uint8 (28, 28), evenly spaced over the test set."""
    correct = evaluate(classifier.model, mnist.test).correct.nonzero()[:, 0]
    rows = correct[torch.linspace(0, len(correct) - 1, count).long()]
    return list(mnist.test.images[rows, 0].numpy())


def correct_pen_images(classifier: Classifier, pen_digits: Sequence[PenDigit]) -> list[np.ndarray]:
    predictions = [(one.digit, classifier.predict_strokes(one.paths)) for one in pen_digits]
    return [prediction.image for digit, prediction in predictions if prediction.digit == digit]


def measure(classifier: Classifier, images: Sequence[np.ndarray]) -> Curves:
    """Return both curves for images, uint8 (28, 28). The random curve is the mean of RANDOM_ORDERS per image."""
    rng = np.random.default_rng(0)
    by_map: list[np.ndarray] = []
    at_random: list[np.ndarray] = []
    seconds: list[float] = []
    for image in images:
        probabilities = classifier.predict_mnist(image).probabilities
        digit, runner_up = np.argsort(probabilities)[::-1][:2].tolist()
        start = time.thread_time()
        heat, _ = attribute(classifier.model, image, [digit, runner_up])
        seconds.append(time.thread_time() - start)
        by_map.append(digit_probabilities(classifier, delete(image, heat), digit))
        for _ in range(RANDOM_ORDERS):
            at_random.append(digit_probabilities(classifier, delete(image, rng.random(image.shape)), digit))
    return Curves(np.mean(by_map, axis=0), np.mean(at_random, axis=0), seconds)


def delete(image: np.ndarray, heat: np.ndarray, fractions: Sequence[float] | np.ndarray = FRACTIONS) -> np.ndarray:
    """Return copies of an image without each of these fractions of its ink pixels, hottest pixels first.

    uint8 (len(fractions), 28, 28). All pixels other than 0 are ink.
    """
    ink = np.flatnonzero(image)
    order = ink[np.argsort(-heat.flat[ink], kind="stable")]
    copies = np.repeat(image.reshape(1, -1), len(fractions), axis=0)
    for copy, fraction in zip(copies, fractions, strict=True):
        copy[order[: round(fraction * len(order))]] = 0
    return copies.reshape(-1, *image.shape)


def digit_probabilities(classifier: Classifier, copies: np.ndarray, digit: int) -> np.ndarray:
    """Return the probability of a digit for each copy, float64 (N,)."""
    with torch.inference_mode(), torch_threads(1):
        logits = classifier.model(torch.from_numpy(copies).float().div_(255)[:, None])
    return classifier.calibration.probabilities(logits)[:, digit].numpy()


def area(curve: np.ndarray) -> float:
    """Return the area under a curve, as a fraction of the area at probability 1: the mean probability."""
    return float(np.trapezoid(curve, FRACTIONS) / (FRACTIONS[-1] - FRACTIONS[0]))


def table_lines(name: str, digits: str, curves: Curves) -> list[list[str]]:
    def line(order: str, curve: np.ndarray) -> list[str]:
        return [name, digits, order, *(f"{100 * value:.1f}%" for value in curve[::2]), f"{area(curve):.3f}"]

    milliseconds = f"{1e3 * median(curves.seconds):.1f}"
    return [[*line("by map", curves.by_map), milliseconds], [*line("at random", curves.at_random), ""]]


def compare_areas(what: str, curves: Curves) -> Row:
    by_map, at_random = area(curves.by_map), area(curves.at_random)
    return Row(f"{what}: area by map", f"{by_map:.3f}", f"under {at_random:.3f}, at random", by_map < at_random)


if __name__ == "__main__":
    sys.exit(main())
