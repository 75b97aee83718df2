"""What each choice of recipe `sketch` bought: python -m tests.benchmarks.choices [--epochs N] [CHOICE ...]

Trains `sketch-24` anew with one choice undone at a time, for fewer epochs than the recipe has, and reads what it was
chosen by: the last 5,000 of MNIST's training digits, and the pen digits of writers 25 to 30. Seed 0; 3 epochs take
about 3 minutes a choice on two cores.
"""

import argparse
import dataclasses
import os
from pathlib import Path

import torch
from torch import Tensor

from mnist_demo import RECIPES, Data, Recipe, evaluate, load_mnist, train
from mnist_demo.augment import Affine
from mnist_demo.data import DATA_FOLDER, NO_DIGIT
from mnist_demo.handwriting import PRACTICE, VARIANTS, handwriting_data, written_by_others
from mnist_demo.hardware import hardware_name
from mnist_demo.pendigits import load_pen_digits
from mnist_demo.reports import percent, table

RECIPE = dataclasses.replace(RECIPES["sketch-24"], then=None)  # what comes then is told by its checkpoint's epochs
WRITTEN, WARPED, DESIGNED, NO_DIGITS, MNIST = range(5)  # where a training digit comes from

# choice: (the recipe with it undone, the kinds of digits then left out)
CHOICES: dict[str, tuple[Recipe, tuple[int, ...]]] = {
    "recipe": (RECIPE, ()),
    "MNIST-alone": (RECIPE, (WRITTEN, WARPED, DESIGNED, NO_DIGITS)),
    "no-pen-digits": (RECIPE, (WRITTEN, WARPED)),
    "no-warped-pen-digits": (RECIPE, (WARPED,)),
    "no-practice-digits": (RECIPE, (DESIGNED,)),
    "no-other-classes": (RECIPE, (NO_DIGITS,)),
    "no-augmentation": (dataclasses.replace(RECIPE, copies=(), originals=True), ()),
    "no-elastic-maps": (
        dataclasses.replace(RECIPE, copies=tuple(one for one in RECIPE.copies if isinstance(one, Affine))),
        (),
    ),
    "no-label-smoothing": (dataclasses.replace(RECIPE, label_smoothing=0.0), ()),
    "constant-learning-rate": (dataclasses.replace(RECIPE, one_cycle=False, lr=0.05), ()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("choices", nargs="*", metavar="CHOICE", help=f"some of: {', '.join(CHOICES)} (default: all)")
    options = parser.parse_args()
    mnist, pen_digits = load_mnist(Path(options.data)), load_pen_digits(Path(options.data))
    data = handwriting_data(mnist, pen_digits, RECIPE.writers)
    kinds = kinds_of(data, written=sum(one.writer <= RECIPE.writers for one in pen_digits))
    unseen, held_out = written_by_others(pen_digits, RECIPE.writers), mnist.train[-RECIPE.validation :]
    rows = []
    if unknown := set(options.choices) - set(CHOICES):
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(CHOICES)}")
    for choice in options.choices or CHOICES:
        recipe, left_out = CHOICES[choice]
        kept = data.train[~torch.isin(kinds, torch.tensor(left_out))]
        model = recipe.build()
        some = dataclasses.replace(data, train=kept, test=held_out)
        for _ in train(model, some, recipe.change(epochs=options.epochs)):
            pass
        rows.append([choice, *(percent(evaluate(model, digits).accuracy) for digits in (held_out, unseen))])
        print(*rows[-1], flush=True)
    print(f"\n{table(['choice undone', 'MNIST, last 5,000 of training', 'writers 25-30'], rows)}\n")
    print(f"{options.epochs} epochs, {hardware_name()}, torch {torch.__version__}.")


def kinds_of(data: Data, written: int) -> Tensor:
    """Where each digit of `handwriting_data` comes from, int64 (N,), when it drew so many pen digits."""
    kinds = torch.full((len(data.train),), MNIST)
    pens = written * (1 + VARIANTS)
    kinds[:pens] = WARPED
    kinds[: pens : 1 + VARIANTS] = WRITTEN
    kinds[pens : pens + PRACTICE] = DESIGNED
    kinds[data.train.labels >= NO_DIGIT] = NO_DIGITS
    return kinds


if __name__ == "__main__":
    main()
