"""Figures as text tables, for the terminal and the README (the tables are Markdown), and for spreadsheets (CSV)."""

import csv
import io
from collections.abc import Sequence

from torch import nn

from mnist_demo.checkpoints import Record
from mnist_demo.evaluation import Evaluation
from mnist_demo.models import CosineConv, Dropout, count_parameters
from mnist_demo.recipes import Recipe

_WORDS: dict[type[nn.Module], str] = {
    nn.ReLU: "ReLU",
    nn.Sigmoid: "sigmoid",
    nn.MaxPool2d: "max pooling",
    nn.AvgPool2d: "average pooling",
    nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm",
    nn.ZeroPad2d: "cropped to 24x24",
    Dropout: "dropout",
}


def percent(share: float) -> str:
    """0.9791 -> "97.91 %"."""
    return f"{100 * share:.2f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with columns padded to the same width."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def describe_training(recipe: Recipe) -> str:
    """Such as "SGD 0.01 momentum 0.5, batch 32, 10 epochs"."""
    rate = f"{recipe.lr:g} in one cycle" if recipe.one_cycle else f"{recipe.lr:g}"
    parts = [f"{recipe.optimizer} {rate}" + (f" momentum {recipe.momentum:g}" if recipe.momentum else "")]
    parts[0] += f" decay {recipe.weight_decay:g}" if recipe.weight_decay and recipe.optimizer == "AdamW" else ""
    parts += [f"batch {recipe.batch_size}" + (" (drop last)" if recipe.drop_last else "")]
    parts += [f"{recipe.epochs} epoch{'s' if recipe.epochs > 1 else ''}"]
    if recipe.share < 1:
        parts.append(f"{100 * recipe.share:g} % of the digits")
    if recipe.copies:
        times = "each epoch" if recipe.redraw_copies else "once"
        parts.append(f"{'with a copy ' if recipe.originals else ''}augmented {times}")
    if recipe.writers:
        parts.append(f"also the pens of {recipe.writers} writers")
    if recipe.validation:
        parts.append(f"best epoch on {recipe.validation:,} held out")
    if then := recipe.then:
        averaged = " with averaged weights" if then.averaging else ""
        parts.append(f"then {then.epochs} gentler epochs at {then.lr:g}{averaged}")
    return ", ".join(parts)


def describe_network(model: nn.Sequential) -> str:
    """Such as "784 pixels → 512 units, ReLU → 10 outputs"."""
    parts = ["784 pixels"]
    last = [layer for layer in model if isinstance(layer, nn.Linear)][-1]
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            parts.append(f"{layer.out_channels} maps ({_size(layer.kernel_size[0], layer.stride[0])})")
        elif isinstance(layer, CosineConv):
            parts.append(f"{len(layer.filters)} maps (fixed cosine waves {_size(layer.size, layer.stride)})")
        elif isinstance(layer, nn.Linear):
            parts.append(f"{layer.out_features} {'outputs' if layer is last else 'units'}")
        elif word := _WORDS.get(type(layer)):
            parts[-1] += f", {word}"
    return " → ".join(parts)


def _size(kernel: int, stride: int) -> str:
    return f"{kernel}x{kernel}" + (", every second place" if stride == 2 else "")


def recipe_table(recipes: dict[str, Recipe], records: dict[str, Record]) -> str:
    """Each recipe, what its document reports, and what our checkpoint of it, if any, was measured at when trained.

    Network and training are the checkpoint's own, so a run with other values shows as such.
    """
    head = ["recipe", "tutorial", "network", "training", "parameters", "the tutorial's result"]
    head += ["after 1 epoch", "test accuracy", "cost", "seed", "seconds"]
    rows = []
    for name, recipe in recipes.items():
        record = records.get(name)
        made = record.recipe if record else recipe
        row = [f"`{name}`", recipe.source, made.network, describe_training(made)]
        row += [f"{count_parameters(made.build()):,}", recipe.documented]
        rows.append(row + (_figures(record) if record else ["", "not trained", "", "", ""]))
    return table(head, rows)


def _figures(record: Record) -> list[str]:
    accuracy = percent(record.test_accuracy)
    if record.data_source != "MNIST":
        accuracy += f" on {record.data_source}"
    if not record.epochs:
        return ["", f"{accuracy}, stopped early", "", str(record.seed), f"{record.seconds:.0f}"]
    first, last = record.epochs[0], record.epochs[-1]
    accuracy += "" if record.finished else ", stopped early"
    cost = f"{first.train_loss:.4f} → {last.train_loss:.4f}"
    return [percent(first.test_accuracy), accuracy, cost, str(record.seed), f"{record.seconds:.0f}"]


def record_note(records: dict[str, Record]) -> str:
    """How to read the figures of `recipe_table`, with the hardware that the checkpoints name."""
    hardware = "; ".join(sorted({record.hardware for record in records.values()}))
    return (
        "Test accuracy on MNIST unless said otherwise; cost is the mean training loss of the first and the last epoch; "
        f"seconds of training on {hardware}."
    )


def evaluation_table(names: Sequence[str], results: Sequence[Evaluation]) -> str:
    """Accuracy and loss of each model, and the percentage of right answers for each digit."""
    head = ["model", "accuracy", "loss", "right", *map(str, range(10))]
    rows = [
        [
            f"`{name}`",
            percent(result.accuracy),
            f"{result.loss:.4f}",
            f"{int(result.right.sum()):,}/{len(result.labels):,}",
            *(f"{100 * right / total:.1f}" if total else "none" for right, total in result.per_class),
        ]
        for name, result in zip(names, results, strict=True)
    ]
    return table(head, rows)


def answers_csv(evaluation: Evaluation) -> str:
    """What a model answered to each digit as CSV: index, truth, prediction and ten probabilities p0 to p9, 0 to 1."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["index", "truth", "prediction", *(f"p{digit}" for digit in range(10))])
    answers = zip(
        evaluation.labels.tolist(), evaluation.predictions.tolist(), evaluation.probabilities.tolist(), strict=True
    )
    for row, (truth, read, probabilities) in enumerate(answers):
        writer.writerow([row, truth, read, *(f"{probability:.6g}" for probability in probabilities)])
    return file.getvalue()
