"""Measure fine-tuning on a user's handwriting, and forgetting: python -m tests.benchmarks.personalization [--data DIR]

For each of the 30 writers of UCI's pen digits, fine-tune `cnn`, which was trained on MNIST only, on the writer's first
three examples of each digit. Test it on the writer's other digits and on MNIST's test set. Print a line per writer,
then a table of results and targets. Exit with 1 if a target is missed. For information, also fine-tune the other models
for every fifth writer. Takes about five minutes on two cores.

The hyperparameters were chosen on writers 1 to 10 (for `sketch-dev`, on 27 and 28). Forgetting was measured on the
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

from mnist_demo import Dataset, Digits, evaluate, load_mnist
from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import find_checkpoint, load_checkpoint
from mnist_demo.data import NOT_A_DIGIT
from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.data.non_digits import UNSEEN_LETTERS, design_paths, scribble
from mnist_demo.data.pen_digits import PenDigit, load_pen_digits
from mnist_demo.data.synthetic import render_paths, warp_paths
from mnist_demo.evaluation import compute_logits
from mnist_demo.personalize.finetune import Measurement, finetune, settings_for
from mnist_demo.personalize.user_digits import UserDigit, to_digits
from mnist_demo.reports import format_percent, markdown_table
from tests.benchmarks.rows import Row, at_least, at_most, for_information, print_rows

EXAMPLES = 3  # of each digit by a writer, for fine-tuning
OTHER_MODELS = ("fast", "mlp-512", "mlp-512-augmented", "mlp-dropout", "mlp-500", "mlp-128", "softmax", "mlp-sigmoid")


@dataclass(frozen=True)
class Result:
    """The result of fine-tuning a model for one writer."""

    writer: int
    test_digits: int  # the writer's other digits
    errors_before: int  # on those
    errors_after: int
    labels: list[int]  # of the examples
    before: Measurement
    after: Measurement
    seconds: float
    cpu_seconds: float  # of all threads, independent of other processes

    @property
    def forgotten(self) -> float:
        """Points of accuracy lost on MNIST's test set; negative if accuracy increased."""
        return 100 * (self.before.test_accuracy - self.after.test_accuracy)

    def count_correct(self, predictions: list[int]) -> int:
        return sum(prediction == label for prediction, label in zip(predictions, self.labels, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    options = parser.parse_args()
    mnist, pen_digits = load_mnist(Path(options.data)), load_pen_digits(Path(options.data))
    results = [finetune_for("cnn", writer, pen_digits, mnist)[1] for writer in range(1, 31)]
    print(writers_table(results), "\n")
    rows = [*targets(results)]
    for name in OTHER_MODELS:
        results = [finetune_for(name, writer, pen_digits, mnist)[1] for writer in range(5, 31, 5)]
        rows.append(summary(f"`{name}`, every fifth writer", results))
    return print_rows([*rows, *non_digits_still_rejected(pen_digits, mnist)])


def finetune_for(name: str, writer: int, pen_digits: list[PenDigit], mnist: Dataset) -> tuple[nn.Sequential, Result]:
    model, metadata = load_checkpoint(find_checkpoint(name))
    examples, rest = split_digits(pen_digits, writer)
    test_digits = to_digits(rest)
    before = count_errors(model, test_digits)
    measurements, started, cpu_started = [], time.perf_counter(), time.process_time()
    for progress in finetune(model, examples, mnist, settings_for(metadata.recipe)):
        measurements += [progress.measurement] if progress.measurement else []
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(f"`{name}`, writer {writer}: {seconds:.1f} s", file=sys.stderr, flush=True)
    after, labels = count_errors(model, test_digits), [one.label for one in examples]
    first, *_, last = measurements
    return model, Result(writer, len(rest), before, after, labels, first, last, seconds, cpu_seconds)


def split_digits(pen_digits: list[PenDigit], writer: int) -> tuple[list[UserDigit], list[UserDigit]]:
    """Return a writer's first EXAMPLES of each digit, and all others."""
    written = [UserDigit.check(one.paths, one.digit) for one in pen_digits if one.writer == writer]
    ordinals = [sum(other.label == one.label for other in written[:i]) for i, one in enumerate(written)]
    examples = [one for one, ordinal in zip(written, ordinals, strict=True) if ordinal < EXAMPLES]
    return examples, [one for one, ordinal in zip(written, ordinals, strict=True) if ordinal >= EXAMPLES]


def count_errors(model: nn.Module, digits: Digits) -> int:
    return int((~evaluate(model, digits).correct).sum())


def errors_removed(results: list[Result]) -> float:
    """Return the fraction of the errors that is gone, over all writers."""
    return 1 - sum(one.errors_after for one in results) / max(sum(one.errors_before for one in results), 1)


def writers_table(results: list[Result]) -> str:
    lines = [
        [
            f"{one.writer}",
            f"{one.errors_before} of {one.test_digits}",
            f"{one.errors_after}",
            format_percent(errors_removed([one])) if one.errors_before else "",
            f"{one.count_correct(one.before.held_out)} of {len(one.labels)}",
            f"{one.count_correct(one.after.held_out)}",
            format_percent(one.before.test_accuracy),
            format_percent(one.after.test_accuracy),
            f"{one.seconds:.1f}",
            f"{one.cpu_seconds:.1f}",
        ]
        for one in results
    ]
    head = ["writer", "errors before", "after", "removed", "examples correct before", "after, held out"]
    return markdown_table([*head, "MNIST before", "after", "seconds", "CPU seconds"], lines)


def targets(results: list[Result]) -> Iterator[Row]:
    errors = f"{sum(one.errors_before for one in results)} to {sum(one.errors_after for one in results)}"
    yield at_least(f"`cnn`, 30 writers: errors removed on their other digits ({errors})", errors_removed(results), 0.5)
    yield at_least("the same, writers 11 to 30, not used to choose hyperparameters", errors_removed(results[10:]), 0.5)
    halved = mean(2 * one.errors_after <= one.errors_before for one in results)
    yield for_information("writers whose errors are at least halved", halved)
    lost, points = [one.forgotten for one in results], "{:+.2f} points".format
    yield at_most("accuracy lost on MNIST's test set, worst writer", max(lost), 0.2, points)
    yield at_most("the same, mean of the writers", mean(lost), 0.2, points)
    yield at_most("fine-tuning in total, median, s", median(one.seconds for one in results), 10, "{:.1f}".format)
    yield Row("the same, CPU seconds", f"{median(one.cpu_seconds for one in results):.1f}", "", True)


def summary(models: str, results: list[Result]) -> Row:
    before, after = sum(one.errors_before for one in results), sum(one.errors_after for one in results)
    forgotten = [one.forgotten for one in results]
    what = f"{models}: errors {before} to {after}, MNIST lost {mean(forgotten):+.2f} points "
    what += f"(at most {max(forgotten):+.2f}), {median(one.cpu_seconds for one in results):.1f} CPU s; errors removed"
    return for_information(what, errors_removed(results))


def non_digits_still_rejected(pen_digits: list[PenDigit], mnist: Dataset) -> Iterator[Row]:
    """Measure whether `sketch-dev` still rejects non-digits after fine-tuning on writers that it was not trained on."""
    base, metadata = load_checkpoint(find_checkpoint("sketch-dev"))
    calibration, rng = metadata.calibration, np.random.default_rng(0)
    letters = [warp_paths(paths, rng) for paths in design_paths(UNSEEN_LETTERS) * 20]
    drawings = letters + [scribble(rng) for _ in range(200)]
    images = torch.from_numpy(np.stack([render_paths(paths, rng) for paths in drawings]))[:, None]
    non_digits = Digits(images, torch.full((len(images),), NOT_A_DIGIT))
    rejected = partial(fraction_rejected, digits=non_digits, calibration=calibration)
    results, non_digits_after, mnist_after = [], [], []
    for writer in (25, 28, 30):
        model, result = finetune_for("sketch-dev", writer, pen_digits, mnist)
        results.append(result)
        non_digits_after.append(rejected(model))
        mnist_after.append(fraction_rejected(model, mnist.test, calibration))
    mnist_before = fraction_rejected(base, mnist.test, calibration)
    yield summary("`sketch-dev`, writers 25, 28 and 30", results)
    yield for_information("`sketch-dev`: unseen letters and scribbles that are rejected, before", rejected(base))
    yield for_information("the same, after, mean of writers 25, 28 and 30", mean(non_digits_after))
    yield for_information("MNIST's test digits that are rejected, before", mnist_before)
    yield for_information("the same, after", mean(mnist_after))


def fraction_rejected(model: nn.Module, digits: Digits, calibration: Calibration) -> float:
    """Return the fraction that the model classifies as not a digit."""
    return (calibration.scores(compute_logits(model, digits)) < calibration.threshold).double().mean().item()


if __name__ == "__main__":
    sys.exit(main())
