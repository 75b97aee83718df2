"""How well a hand is learned, and what is forgotten for it: python -m tests.benchmarks.teaching [--data DIR]

Each of the 30 writers of UCI's pen digits teaches `cnn`, which learned MNIST alone, the first three that they wrote of
each digit; it is then asked for the rest of their digits and for MNIST's test set. Prints a line for each writer, then
a table of what is measured, the figure and what is aimed for; exits with 1 where a row is missed. For information every
fifth writer teaches the other models too. About five minutes on two cores.

How it is taught was chosen on writers 1 to 10 (`sketch-24` on 27 and 28) and, where it is about forgetting, on the
first 2,000 of MNIST's test digits.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch
from torch import nn

from mnist_demo import Data, Digits, evaluate, load_mnist
from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import find_checkpoint, load_checkpoint
from mnist_demo.data import DATA_FOLDER, NO_DIGIT
from mnist_demo.evaluation import compute_logits
from mnist_demo.my_digits import MyDigit, to_digits
from mnist_demo.nondigits import UNSEEN_LETTERS, paths_of, scribble
from mnist_demo.pendigits import PenDigit, load_pen_digits
from mnist_demo.practice import draw, warp
from mnist_demo.reports import percent, table
from mnist_demo.teaching import Reading, for_recipe, teach
from tests.benchmarks.rows import Row, at_least, at_most, for_information, print_rows

EXAMPLES = 3  # of each digit that a writer teaches
OTHERS = ("fast", "mlp-512", "mlp-512-augmented", "mlp-dropout", "mlp-500", "mlp-128", "softmax", "mlp-sigmoid")


@dataclass(frozen=True)
class Taught:
    """What one writer's teaching came to."""

    writer: int
    rest: int  # digits of theirs that were not taught
    wrong_before: int
    wrong_after: int
    labels: list[int]  # of what was taught
    before: Reading
    after: Reading
    seconds: float
    cpu_seconds: float  # of all threads, which nothing else on the machine adds to

    @property
    def forgotten(self) -> float:
        """Points of accuracy on MNIST's test set; below 0 where more is read."""
        return 100 * (self.before.test_accuracy - self.after.test_accuracy)

    def right(self, answers: list[int]) -> int:
        return sum(answer == label for answer, label in zip(answers, self.labels, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    options = parser.parse_args()
    mnist, pen_digits = load_mnist(Path(options.data)), load_pen_digits(Path(options.data))
    taught = [by_writer("cnn", writer, pen_digits, mnist)[1] for writer in range(1, 31)]
    print(writers_table(taught), "\n")
    rows = [*aims(taught)]
    for name in OTHERS:
        rows.append(
            other(
                f"`{name}`, every fifth writer",
                [by_writer(name, writer, pen_digits, mnist)[1] for writer in range(5, 31, 5)],
            )
        )
    return print_rows([*rows, *knows_no_digit(pen_digits, mnist)])


def by_writer(name: str, writer: int, pen_digits: list[PenDigit], mnist: Data) -> tuple[nn.Sequential, Taught]:
    model, record = load_checkpoint(find_checkpoint(name))
    learned, rest = first_of_each(pen_digits, writer)
    rest_digits = to_digits(rest)
    before = count_wrong(model, rest_digits)
    readings, started, cpu_started = [], time.perf_counter(), time.process_time()
    for lesson in teach(model, learned, mnist, for_recipe(record.recipe)):
        readings += [lesson.reading] if lesson.reading else []
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(f"`{name}`, writer {writer}: {seconds:.1f} s", file=sys.stderr, flush=True)
    after, labels = count_wrong(model, rest_digits), [one.label for one in learned]
    return model, Taught(writer, len(rest), before, after, labels, readings[0], readings[-1], seconds, cpu_seconds)


def first_of_each(pen_digits: list[PenDigit], writer: int) -> tuple[list[MyDigit], list[MyDigit]]:
    """The first EXAMPLES of each digit that somebody wrote, and all others."""
    written = [MyDigit.check(one.paths, one.digit) for one in pen_digits if one.writer == writer]
    places = [sum(other.label == one.label for other in written[:i]) for i, one in enumerate(written)]
    learned = [one for one, place in zip(written, places, strict=True) if place < EXAMPLES]
    return learned, [one for one, place in zip(written, places, strict=True) if place >= EXAMPLES]


def count_wrong(model: nn.Module, digits: Digits) -> int:
    return int((~evaluate(model, digits).right).sum())


def fewer(taught: list[Taught]) -> float:
    """The share of the errors that is gone, of all writers together."""
    return 1 - sum(one.wrong_after for one in taught) / max(sum(one.wrong_before for one in taught), 1)


def writers_table(taught: list[Taught]) -> str:
    lines = [
        [
            f"{one.writer}",
            f"{one.wrong_before} of {one.rest}",
            f"{one.wrong_after}",
            percent(fewer([one])) if one.wrong_before else "",
            f"{one.right(one.before.unseen)} of {len(one.labels)}",
            f"{one.right(one.after.unseen)}",
            percent(one.before.test_accuracy),
            percent(one.after.test_accuracy),
            f"{one.seconds:.1f}",
            f"{one.cpu_seconds:.1f}",
        ]
        for one in taught
    ]
    head = ["writer", "wrong before", "after", "fewer", "taught ones right before", "left out, after"]
    return table([*head, "MNIST before", "after", "seconds", "of CPU"], lines)


def aims(taught: list[Taught]) -> Iterator[Row]:
    errors = f"{sum(one.wrong_before for one in taught)} to {sum(one.wrong_after for one in taught)}"
    yield at_least(f"`cnn`, 30 writers: fewer errors on the rest of their digits ({errors})", fewer(taught), 0.5)
    yield at_least("the same, writers 11 to 30, on whom nothing was chosen", fewer(taught[10:]), 0.5)
    halved = mean(2 * one.wrong_after <= one.wrong_before for one in taught)
    yield for_information("writers whose errors are at least halved", halved)
    lost, points = [one.forgotten for one in taught], "{:+.2f} points".format
    yield at_most("MNIST's test set, lost with the writer who costs most", max(lost), 0.2, points)
    yield at_most("the same, mean of the writers", mean(lost), 0.2, points)
    yield at_most("teaching, all of it, median, s", median(one.seconds for one in taught), 10, "{:.1f}".format)
    yield Row("the same, s of CPU", f"{median(one.cpu_seconds for one in taught):.1f}", "", True)


def other(who: str, taught: list[Taught]) -> Row:
    before, after = sum(one.wrong_before for one in taught), sum(one.wrong_after for one in taught)
    forgotten = [one.forgotten for one in taught]
    what = f"{who}: errors {before} to {after}, MNIST lost {mean(forgotten):+.2f} points "
    what += f"(at most {max(forgotten):+.2f}), {median(one.cpu_seconds for one in taught):.1f} s of CPU; fewer errors"
    return for_information(what, fewer(taught))


def knows_no_digit(pen_digits: list[PenDigit], mnist: Data) -> Iterator[Row]:
    """`sketch-24`, taught by writers whom it never saw: does it still know what is no digit?"""
    base, record = load_checkpoint(find_checkpoint("sketch-24"))
    rng = np.random.default_rng(0)
    drawings = [warp(paths, rng) for paths in paths_of(UNSEEN_LETTERS) * 20] + [scribble(rng) for _ in range(200)]
    images = torch.from_numpy(np.stack([draw(paths, rng) for paths in drawings]))[:, None]
    nondigits = Digits(images, torch.full((len(images),), NO_DIGIT))
    flagged = partial(share_flagged, digits=nondigits, calibration=record.calibration)
    outcomes, after, kept = [], [], []
    for writer in (25, 28, 30):
        model, taught = by_writer("sketch-24", writer, pen_digits, mnist)
        outcomes.append(taught)
        after.append(flagged(model))
        kept.append(share_flagged(model, mnist.test, record.calibration))
    yield other("`sketch-24`, writers 25, 28 and 30", outcomes)
    yield for_information("`sketch-24`: letters never learned and scribbles that are flagged, before", flagged(base))
    yield for_information("the same, after, mean of writers 25, 28 and 30", mean(after))
    yield for_information(
        "MNIST's test digits that are flagged, before", share_flagged(base, mnist.test, record.calibration)
    )
    yield for_information("the same, after", mean(kept))


def share_flagged(model: nn.Module, digits: Digits, calibration: Calibration) -> float:
    """The share that the model takes for no digit."""
    return (calibration.scores(compute_logits(model, digits)) < calibration.least_score).double().mean().item()


if __name__ == "__main__":
    sys.exit(main())
