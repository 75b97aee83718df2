"""Pictures to keep, made with matplotlib."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure  # not pyplot, which keeps global state and wants a screen

from mnist_demo.errors import InputError

DPI = 200  # of what is kept as pixels, enough for print


def pixel_values(image: np.ndarray, title: str) -> Figure:
    """A digit (28, 28) uint8, large, with each pixel's value written in its cell, as documents 001 and 004 show it."""
    figure = Figure(figsize=(9, 9.5), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    for (y, x), value in np.ndenumerate(image):
        axes.text(x, y, str(value), color="white" if value < 125 else "black", ha="center", va="center", fontsize=6)
    axes.set_title(title)
    return figure


def wall(images: np.ndarray, predictions: list[int], labels: list[int]) -> Figure:
    """Digits (N, 28, 28) uint8 with prediction (truth) under each, in green where right, in red and crossed where
    wrong, as document 001 shows them."""
    columns, wide, high = 10, 34, 42  # digits in a row, and the pixels of a cell
    rows = -(-len(images) // columns)
    paper = np.zeros((rows * high, columns * wide), dtype=np.uint8)
    figure = Figure(figsize=(0.8 * columns, 1.0 * rows))
    axes = figure.add_axes((0, 0, 1, 1))  # one for all: a hundred of them take two seconds
    axes.set_axis_off()
    for i, (image, read, truth) in enumerate(zip(images, predictions, labels, strict=True)):
        x, y = wide * (i % columns) + 3, high * (i // columns) + 3
        paper[y : y + 28, x : x + 28] = image
        right = read == truth
        text, color = (f"{read} ({truth})", "#15803d") if right else (f"× {read} ({truth})", "#b91c1c")
        axes.text(x + 14, y + 29, text, color=color, ha="center", va="top")
    axes.imshow(paper, cmap="gray_r", vmin=0, vmax=255, aspect="auto")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, PDF or SVG, as the path's ending says. Raises InputError where that cannot be done."""
    if not path.suffix:  # matplotlib would add one, and write another file than was named
        raise InputError(f"The picture {path} needs an ending that names its format, such as .png, .pdf or .svg.")
    try:
        figure.savefig(path, dpi=DPI)
    except (OSError, ValueError) as error:  # ValueError: an ending that matplotlib has no format for
        raise InputError(f"The picture {path} could not be written: {error}") from error


def as_png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, dpi=DPI)
    return file.getvalue()
