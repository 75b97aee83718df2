"""Measure what each part of recipe `sketch` contributes: python -m tests.benchmarks.ablation [--epochs N] [PART ...]

Train `sketch-dev` without one part of its recipe at a time, for fewer epochs than the recipe has. Evaluate on what was
used to choose the recipe: the last 5,000 of MNIST's training digits, and the held-out writers. Uses seed 0. Three
epochs take about 6 minutes per part on two cores.
"""

import argparse
import dataclasses
import os
from pathlib import Path

import torch

from mnist_demo import RECIPES, Recipe, evaluate, load_mnist, train
from mnist_demo.data import concatenate
from mnist_demo.data.augment import Affine
from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.data.sketch_dataset import draw_parts, load_pen_strokes, render_digits
from mnist_demo.devices import hardware_name
from mnist_demo.reports import format_percent, markdown_table

RECIPE = dataclasses.replace(RECIPES["sketch-dev"], fine_tune=None)  # the checkpoint's epochs show the effect of that
DESIGNED_NON_DIGITS = ("non-digits", "halves", "rows")
WRITTEN_NON_DIGITS = ("letters and symbols", "numbers")

# What is left out: (the recipe, the parts of its training set that are left out)
ABLATIONS: dict[str, tuple[Recipe, tuple[str, ...]]] = {
    "recipe": (RECIPE, ()),
    "MNIST-alone": (RECIPE, ("digits", "warped digits", "synthetic digits", *DESIGNED_NON_DIGITS, *WRITTEN_NON_DIGITS)),
    "no-pen-digits": (RECIPE, ("digits", "warped digits")),
    "no-warped-pen-digits": (RECIPE, ("warped digits",)),
    "no-synthetic-digits": (RECIPE, ("synthetic digits",)),
    "no-designed-non-digits": (RECIPE, DESIGNED_NON_DIGITS),
    "no-written-non-digits": (RECIPE, WRITTEN_NON_DIGITS),
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
    mnist, strokes = load_mnist(Path(options.data)), load_pen_strokes(Path(options.data), RECIPE.pen_writers)
    drawn, parts = draw_parts(strokes.training)
    unseen, held_out = render_digits(strokes.held_out)[0], mnist.train[-RECIPE.validation_size :]
    rows = []
    if unknown := set(options.parts) - set(ABLATIONS):
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(ABLATIONS)}")
    for name in options.parts or ABLATIONS:
        recipe, left_out = ABLATIONS[name]
        kept = drawn[torch.tensor([part not in left_out for part in parts])]
        model = recipe.build()
        ablated = dataclasses.replace(mnist, train=concatenate([kept, mnist.train]), test=held_out)
        for _ in train(model, ablated, recipe.change(epochs=options.epochs)):
            pass
        rows.append([name, *(format_percent(evaluate(model, digits).accuracy) for digits in (held_out, unseen))])
        print(*rows[-1], flush=True)
    print(f"\n{markdown_table(['left out', 'MNIST, last 5,000 of training', 'held-out writers'], rows)}\n")
    print(f"{options.epochs} epochs, {hardware_name()}, torch {torch.__version__}.")


if __name__ == "__main__":
    main()
