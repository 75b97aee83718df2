"""Draw the figures of docs/accuracy.md: python -m tests.benchmarks.handwriting_figures [--data DIR] [--out DIR]

mistakes.png holds every incorrect prediction; trade-off.png shows which non-digits and digits each threshold rejects.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from mnist_demo import Classifier, Dataset, evaluate, load_mnist
from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.data.sketch_dataset import is_digit, is_non_digit
from mnist_demo.preprocess.strokes import IMAGE_SIZE
from tests.benchmarks.handwriting import Read, group, read_held_out

FOLDER = Path(__file__).parent.parent / "screenshots"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    classifier = Classifier.load("sketch-dev")
    read = read_held_out(classifier, Path(options.data))
    draw_mistakes(read, load_mnist(Path(options.data))).save(options.out / "mistakes.png")
    plot_trade_off(read, classifier.calibration.threshold).savefig(options.out / "trade-off.png", dpi=120)


def draw_mistakes(read: Sequence[Read], mnist: Dataset) -> Image.Image:
    """Draw the mistakes of `sketch-dev` with held-out writers, then those of `sketch` with MNIST's test set."""
    digits = [(int(one.label), prediction) for one, prediction in read if is_digit(one)]
    incorrect = [(label, prediction) for label, prediction in digits if prediction.digit != label]
    classifier = Classifier.load("sketch")
    for row in (~evaluate(classifier.model, mnist.test).correct).nonzero()[:, 0].tolist():
        image = mnist.test.images[row, 0].numpy()
        incorrect.append((int(mnist.test.labels[row]), classifier.predict_mnist(image)))
    columns, side, height = 12, 3 * IMAGE_SIZE, 3 * IMAGE_SIZE + 20
    sheet = Image.new("L", (columns * side, -(-len(incorrect) // columns) * height), 255)
    pen = ImageDraw.Draw(sheet)
    for i, (label, prediction) in enumerate(incorrect):
        left, top = i % columns * side, i // columns * height
        sheet.paste(Image.fromarray(255 - prediction.image).resize((side, side)), (left, top))
        pen.text((left + side // 2, top + side + 8), f"{label} as {prediction.digit}", fill=0, anchor="mm")
    return sheet


def plot_trade_off(read: Sequence[Read], shipped: float) -> Figure:
    """Plot which share of non-digits each threshold rejects, against the share of digits, mean of writers."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(
        xlim=(0, 5), xlabel="digits rejected, mean of writers, %", ylim=(80, 100), ylabel="non-digits rejected, %"
    )
    scores = {one: prediction.digit_probability for one, prediction in read}
    writers = [np.array([scores[one] for one in some]) for some in group(filter(is_digit, scores), "writer")]
    for label, color, is_letter in (("letters", "#1d4ed8", True), ("symbols", "#c2410c", False)):
        others = np.array([scores[one] for one in scores if is_non_digit(one) and one.label.isalpha() == is_letter])
        for thresholds, style in (
            (np.quantile(np.concatenate(writers), np.linspace(0, 0.1, 300)), "-"),
            ([shipped], "o"),
        ):
            digits = [mean((some < threshold).mean() for some in writers) for threshold in thresholds]
            rejected = [(others < threshold).mean() for threshold in thresholds]
            axes.plot(100 * np.array(digits), 100 * np.array(rejected), style, color=color, label=label)
            label = f"{label}, the shipped threshold"
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    return figure


if __name__ == "__main__":
    main()
