"""Measure what each part of recipe `sketch` contributes: python -m tests.benchmarks.ablation [--epochs N] [PART ...]

Train `sketch-24` without one part of its recipe at a time, for fewer epochs than the recipe has. Evaluate on the digits
that were used to choose the recipe: the last 5,000 of MNIST's training digits, and the pen digits of writers 25 to 30.
Uses seed 0. Three epochs take about 3 minutes per part on two cores.
"""

import argparse
import dataclasses
import os
from pathlib import Path

import torch
from torch import Tensor

from mnist_demo import RECIPES, Dataset, Recipe, evaluate, load_mnist, train
from mnist_demo.data import NOT_A_DIGIT
from mnist_demo.data.augment import Affine
from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.data.pen_digits import load_pen_digits
from mnist_demo.data.sketch_dataset import SYNTHETIC_COUNT, WARPED_COPIES, create_sketch_dataset, held_out_pen_digits
from mnist_demo.devices import hardware_name
from mnist_demo.reports import format_percent, markdown_table

RECIPE = dataclasses.replace(RECIPES["sketch-24"], fine_tune=None)  # the checkpoint's epochs show the effect of that
WRITTEN, WARPED, SYNTHETIC, NON_DIGIT, MNIST = range(5)  # sources of training digits

# What is left out: (the recipe, the sources that are left out)
ABLATIONS: dict[str, tuple[Recipe, tuple[int, ...]]] = {
    "recipe": (RECIPE, ()),
    "MNIST-alone": (RECIPE, (WRITTEN, WARPED, SYNTHETIC, NON_DIGIT)),
    "no-pen-digits": (RECIPE, (WRITTEN, WARPED)),
    "no-warped-pen-digits": (RECIPE, (WARPED,)),
    "no-synthetic-digits": (RECIPE, (SYNTHETIC,)),
    "no-non-digits": (RECIPE, (NON_DIGIT,)),
    "no-augmentation": (dataclasses.replace(RECIPE, augmentation=(), keep_originals=True), ()),
    "no-elastic-distortion": (
        dataclasses.replace(RECIPE, augmentation=tuple(one for one in RECIPE.augmentation if isinstance(one, Affine))),
        (),
    ),
    "no-label-smoothing": (dataclasses.replace(RECIPE, label_smoothing=0.0), ()),
    "constant-learning-rate": (dataclasses.replace(RECIPE, one_cycle=False, lr=0.05), ()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of: {', '.join(ABLATIONS)} (default: all)")
    options = parser.parse_args()
    mnist, pen_digits = load_mnist(Path(options.data)), load_pen_digits(Path(options.data))
    data = create_sketch_dataset(mnist, pen_digits, RECIPE.pen_digit_writers)
    sources = sources_of(data, written=sum(one.writer <= RECIPE.pen_digit_writers for one in pen_digits))
    unseen, held_out = held_out_pen_digits(pen_digits, RECIPE.pen_digit_writers), mnist.train[-RECIPE.validation_size :]
    rows = []
    if unknown := set(options.parts) - set(ABLATIONS):
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(ABLATIONS)}")
    for name in options.parts or ABLATIONS:
        recipe, left_out = ABLATIONS[name]
        kept = data.train[~torch.isin(sources, torch.tensor(left_out))]
        model = recipe.build()
        ablated = dataclasses.replace(data, train=kept, test=held_out)
        for _ in train(model, ablated, recipe.change(epochs=options.epochs)):
            pass
        rows.append([name, *(format_percent(evaluate(model, digits).accuracy) for digits in (held_out, unseen))])
        print(*rows[-1], flush=True)
    print(f"\n{markdown_table(['left out', 'MNIST, last 5,000 of training', 'writers 25-30'], rows)}\n")
    print(f"{options.epochs} epochs, {hardware_name()}, torch {torch.__version__}.")


def sources_of(data: Dataset, written: int) -> Tensor:
    """Return the source of each digit of `create_sketch_dataset`, int64 (N,), given the number of pen digits."""
    sources = torch.full((len(data.train),), MNIST)
    pen_count = written * (1 + WARPED_COPIES)
    sources[:pen_count] = WARPED
    sources[: pen_count : 1 + WARPED_COPIES] = WRITTEN
    sources[pen_count : pen_count + SYNTHETIC_COUNT] = SYNTHETIC
    sources[data.train.labels >= NOT_A_DIGIT] = NON_DIGIT
    return sources


if __name__ == "__main__":
    main()
