"""Whether heat maps mark what counts: python -m tests.benchmarks.attribution [--data DIR] [--digits N] [MODEL ...]

Deletes ink, the pixels first that a map says spoke most for the answer, and as many ink pixels in a random order (as
V. Petsiuk, A. Das, K. Saenko, "RISE", 2018, tell good maps from bad ones). The answer's mean probability must fall
faster by the map: prints both curves for each network in `checkpoints/`, and exits with 1 where the area below the
map's is not the smaller one. On N digits of MNIST's test set that the network reads right, and every 15th of those by
writers 25 to 30 of UCI's pen digits that it does. About four minutes on two cores.
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

from mnist_demo import Classifier, Data, evaluate, load_mnist
from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.data import DATA_FOLDER
from mnist_demo.explain import attribute
from mnist_demo.hardware import threads
from mnist_demo.pendigits import PenDigit, load_pen_digits
from mnist_demo.reports import table
from tests.benchmarks.rows import Row, print_rows

SHARES = np.arange(0, 51, 5) / 100  # of the ink pixels, deleted
DRAWS = 5  # random orders a digit


@dataclass(frozen=True, eq=False)
class Curves:
    """The answer's mean probability after each of SHARES is deleted, each float64 (len(SHARES),)."""

    by_map: np.ndarray
    at_random: np.ndarray
    seconds: list[float]  # of the processor for each attribution, of the answer and the runner-up


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="checkpoints; all of them where none is named")
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--digits", type=int, default=500, metavar="N")
    options = parser.parse_args()
    mnist, people = (
        load_mnist(Path(options.data)),
        [one for one in load_pen_digits(Path(options.data)) if one.writer > 24],
    )
    lines, rows = [], []
    for name in options.models or list_checkpoints():
        classifier = Classifier.load(name)
        sets = {
            "MNIST's test set": read_right(classifier, mnist, options.digits),
            "writers 25-30": written_right(classifier, people[::15]),
        }
        for source, images in sets.items():
            curves = measure(classifier, images)
            lines += describe(f"`{name}`", f"{len(images)}, {source}", curves)
            rows.append(judge(f"`{name}`, {source}", curves))
    shown = [f"{share:.0%}".replace("%", " %") for share in SHARES[::2]]
    print(table(["network", "digits", "deleted", *shown, "area", "CPU ms a drawing"], lines), end="\n\n")
    return print_rows(rows)


def read_right(classifier: Classifier, mnist: Data, count: int) -> list[np.ndarray]:
    """So many digits of the test set that are read right, from all over it, uint8 (28, 28) each."""
    right = evaluate(classifier.model, mnist.test).right.nonzero()[:, 0]
    rows = right[torch.linspace(0, len(right) - 1, count).long()]
    return list(mnist.test.images[rows, 0].numpy())


def written_right(classifier: Classifier, people: Sequence[PenDigit]) -> list[np.ndarray]:
    answers = [(one.digit, classifier.predict_strokes(one.paths)) for one in people]
    return [answer.image for digit, answer in answers if answer.digit == digit]


def measure(classifier: Classifier, images: Sequence[np.ndarray]) -> Curves:
    """Both curves of digits that are uint8 (28, 28) each; the random one is the mean of DRAWS orders a digit."""
    rng = np.random.default_rng(0)
    by_map: list[np.ndarray] = []
    at_random: list[np.ndarray] = []
    seconds: list[float] = []
    for image in images:
        probabilities = classifier.predict_prepared(image).probabilities
        digit, runner_up = np.argsort(probabilities)[::-1][:2].tolist()
        start = time.thread_time()
        heat, _ = attribute(classifier.model, image, [digit, runner_up])
        seconds.append(time.thread_time() - start)
        by_map.append(follow(classifier, delete(image, heat), digit))
        at_random.extend(follow(classifier, delete(image, rng.random(image.shape)), digit) for _ in range(DRAWS))
    return Curves(np.mean(by_map, axis=0), np.mean(at_random, axis=0), seconds)


def delete(image: np.ndarray, heat: np.ndarray, shares: Sequence[float] | np.ndarray = SHARES) -> np.ndarray:
    """Copies of an image, (len(shares), 28, 28) uint8, that lack each of these shares of its ink pixels, those with
    the most heat first; all pixels that are not 0 are ink."""
    ink = np.flatnonzero(image)
    order = ink[np.argsort(-heat.flat[ink], kind="stable")]
    copies = np.repeat(image.reshape(1, -1), len(shares), axis=0)
    for copy, share in zip(copies, shares, strict=True):
        copy[order[: round(share * len(order))]] = 0
    return copies.reshape(-1, *image.shape)


def follow(classifier: Classifier, copies: np.ndarray, digit: int) -> np.ndarray:
    """The probability of a digit in each copy, float64 (N,)."""
    with torch.inference_mode(), threads(1):
        logits = classifier.model(torch.from_numpy(copies).float().div_(255)[:, None])
    return classifier.calibration.probabilities(logits)[:, digit].numpy()


def area(curve: np.ndarray) -> float:
    """Below a curve, as a share of what it would be if the probability stayed 1: the mean probability."""
    return float(np.trapezoid(curve, SHARES) / (SHARES[-1] - SHARES[0]))


def describe(name: str, digits: str, curves: Curves) -> list[list[str]]:
    def line(way: str, curve: np.ndarray) -> list[str]:
        return [name, digits, way, *(f"{100 * value:.1f} %" for value in curve[::2]), f"{area(curve):.3f}"]

    milliseconds = f"{1e3 * median(curves.seconds):.1f}"
    return [[*line("by map", curves.by_map), milliseconds], [*line("at random", curves.at_random), ""]]


def judge(what: str, curves: Curves) -> Row:
    by_map, at_random = area(curves.by_map), area(curves.at_random)
    return Row(f"{what}: area by map", f"{by_map:.3f}", f"under {at_random:.3f}, at random", by_map < at_random)


if __name__ == "__main__":
    sys.exit(main())
