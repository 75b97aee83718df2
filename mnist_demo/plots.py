"""Figures as image files, drawn with matplotlib."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure  # pyplot has global state and needs a display

from mnist_demo.errors import InputError

DPI = 200  # enough for print


def pixel_values(image: np.ndarray, title: str) -> Figure:
    """Plot a digit, uint8 (28, 28), with each pixel's value written in its cell, as tutorials 001 and 004 do."""
    figure = Figure(figsize=(9, 9.5), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    for (y, x), value in np.ndenumerate(image):
        axes.text(x, y, str(value), color="white" if value < 125 else "black", ha="center", va="center", fontsize=6)
    axes.set_title(title)
    return figure


def digit_grid(images: np.ndarray, predictions: list[int], labels: list[int], *, title: str, source: str) -> Figure:
    """Plot digits, uint8 (N, 28, 28), as tutorial 001 does, above "prediction (label)": red with a × if incorrect.

    `title` and `source`, the address of the page if known, stand above them.
    """
    columns, width, height = 10, 34, 42  # digits per row, and pixels of a cell
    rows = -(-len(images) // columns)
    canvas = np.zeros((rows * height, columns * width), dtype=np.uint8)
    head = 0.3 + 0.25 * bool(source)  # inches
    figure = Figure(figsize=(0.8 * columns, 1.0 * rows + head))
    figure.text(0.01, 1 - 0.08 / (rows + head), title, va="top", fontsize=10, weight="bold", parse_math=False)
    figure.text(0.01, rows / (rows + head), source, va="bottom", fontsize=6.5, color="#5b5b66", parse_math=False)
    axes = figure.add_axes((0, 0, 1, rows / (rows + head)))  # one for all digits, because axes are slow to create
    axes.set_axis_off()
    for i, (image, prediction, label) in enumerate(zip(images, predictions, labels, strict=True)):
        x, y = width * (i % columns) + 3, height * (i // columns) + 3
        canvas[y : y + 28, x : x + 28] = image
        mark, color = ("", "#15803d") if prediction == label else ("× ", "#b91c1c")
        axes.text(x + 14, y + 29, f"{mark}{prediction} ({label})", color=color, ha="center", va="top")
    axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=255, aspect="auto")
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure in the format of the path's extension: PNG, PDF, SVG. Raises InputError if that fails."""
    if not path.suffix:  # matplotlib would append one and write to a different path
        raise InputError(f"The file {path} needs an extension that names its format, such as .png, .pdf or .svg.")
    try:
        figure.savefig(path, dpi=DPI)
    except (OSError, ValueError) as error:  # ValueError: matplotlib does not know the extension
        raise InputError(f"The file {path} could not be written: {error}") from error


def to_png(figure: Figure) -> bytes:
    """Return the contents of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, dpi=DPI)
    return file.getvalue()
