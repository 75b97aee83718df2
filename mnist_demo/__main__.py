"""The command line: python -m mnist_demo train | evaluate | predict | show | recipes."""

import argparse
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from mnist_demo import commands
from mnist_demo.classifier import DEFAULT_MODEL
from mnist_demo.data import DATA_FOLDER
from mnist_demo.errors import DemoError
from mnist_demo.hardware import default_device
from mnist_demo.recipes import RECIPES


def main(arguments: list[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # Windows' own code page lacks the tables' arrows
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except DemoError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was saved.", file=sys.stderr)
        return commands.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mnist_demo", description="Train, measure and use networks that read handwritten digits."
    )
    choices = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable, help: str) -> argparse.ArgumentParser:
        added = choices.add_parser(name, help=help, description=run.__doc__)
        added.set_defaults(run=run)
        return added

    train = command("train", commands.run_train, "train a recipe's network and save it")
    train.add_argument("recipe", metavar="RECIPE", help=f"one of {', '.join(RECIPES)}")
    train.add_argument("--epochs", type=int, help="times through the training set (default: the recipe's)")
    train.add_argument("--batch-size", type=int, help="digits a step (default: the recipe's)")
    train.add_argument("--lr", type=float, help="learning rate (default: the recipe's)")
    train.add_argument(
        "--seed", type=_whole(0), default=0, help="of weights, order, augmentation, dropout (default: 0)"
    )
    train.add_argument(
        "--seeds",
        metavar="N",
        type=_whole(1),
        help="train N seeds, from --seed on, and print each, their mean and spread; nothing is saved",
    )
    train.add_argument(
        "--device",
        choices=["cpu", "cuda"],
        default=default_device(),
        help="where to compute (default: cuda where there is a GPU)",
    )
    _add_data_option(train)
    train.add_argument("--log", metavar="N", type=_whole(1), help="also print the loss every N steps")
    train.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="the file or folder to write to (default: checkpoints/RECIPE.safetensors; a run that differs from the "
        "recipe names the difference, such as checkpoints/cnn-epochs-1.safetensors)",
    )

    evaluate = command("evaluate", commands.run_evaluate, "measure models on the test set")
    evaluate.add_argument("models", metavar="NAME", nargs="*", help="names or files of checkpoints (default: all)")
    _add_data_option(evaluate)

    predict = command("predict", commands.run_predict, "read pictures of digits")
    predict.add_argument("pictures", metavar="PICTURE", nargs="+", help="a PNG, JPEG, WebP, GIF or BMP file")
    _add_model_option(predict)

    show = command("show", commands.run_show, "read one test digit and picture its pixel values")
    show.add_argument("index", metavar="INDEX", nargs="?", type=int, help="of the digit, from 0 (default: random)")
    _add_model_option(show)
    _add_data_option(show)
    show.add_argument("--out", metavar="FILE", type=Path, help="the picture to write, a PNG, PDF or SVG")

    command("recipes", commands.run_recipes, "list the recipes with the figures of their checkpoints")
    return parser


def _whole(least: int) -> Callable[[str], int]:
    """An argument's type: a whole number from `least` to what torch's generators take as a seed."""

    def parse(text: str) -> int:
        if text.isdecimal() and least <= int(text) < 2**63:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number from {least} to {2**63 - 1}")

    return parse


def _add_model_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        metavar="NAME",
        default=DEFAULT_MODEL,
        help=f"name or file of a checkpoint (default: {DEFAULT_MODEL})",
    )


def _add_data_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        metavar="DIR",
        default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER),
        help="folder that holds MNIST/raw/..., or 'practice' for digits that this project makes itself "
        "(default: $MNIST_DEMO_DATA, else data/ beside app.py; MNIST is downloaded there if absent)",
    )


if __name__ == "__main__":
    sys.exit(main())
