"""Results as text: Markdown tables for the terminal and the docs, and CSV for spreadsheets."""

import csv
import io
from collections.abc import Sequence

from torch import nn

from mnist_demo.checkpoints import Metadata
from mnist_demo.evaluation import Evaluation
from mnist_demo.models import CosineConv, Dropout, count_parameters
from mnist_demo.recipes import PEN_WRITERS, Recipe

_LAYER_NAMES: dict[type[nn.Module], str] = {
    nn.ReLU: "ReLU", nn.Sigmoid: "sigmoid", nn.MaxPool2d: "max pooling", nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm", nn.ZeroPad2d: "cropped to 24x24", Dropout: "dropout",
}  # fmt: skip


def format_percent(share: float) -> str:
    """Format a share, such as 0.9791 as "97.91%"."""
    return f"{100 * share:.2f}%"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with padded columns."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def describe_training(recipe: Recipe) -> str:
    """Describe a recipe's hyperparameters, such as "SGD 0.01 momentum 0.5, batch 32, 10 epochs"."""
    optimizer = f"{recipe.optimizer} {recipe.lr:g}" + (" in one cycle" if recipe.one_cycle else "")
    optimizer += f" momentum {recipe.momentum:g}" if recipe.momentum else ""
    optimizer += f" decay {recipe.weight_decay:g}" if recipe.weight_decay and recipe.optimizer == "AdamW" else ""
    parts = [optimizer, f"batch {recipe.batch_size}" + (" (drop last)" if recipe.drop_last else "")]
    parts.append(_describe_epochs(recipe))
    if recipe.based_on:
        parts.append(f"starting from {recipe.based_on}")
    if recipe.train_fraction < 1:
        parts.append(f"{100 * recipe.train_fraction:g}% of the digits")
    if recipe.augmentation:
        times = "each epoch" if recipe.resample_each_epoch else "once"
        parts.append(f"{'plus copies ' if recipe.keep_originals else ''}augmented {times}")
    if recipe.pen_writers:
        parts.append(f"plus pen strokes of {PEN_WRITERS[recipe.pen_writers]}")
    if recipe.validation_size:
        parts.append(f"best epoch on {recipe.validation_size:,} validation digits")
    if tuning := recipe.fine_tune:
        parts.append(f"then {_describe_epochs(tuning)} at {tuning.lr:g}")
    return ", ".join(parts)


def _describe_epochs(recipe: Recipe) -> str:
    averaged = " with averaged weights" if recipe.ema_decay else ""
    return f"{recipe.epochs} epoch{'s' if recipe.epochs > 1 else ''}{averaged}"


def describe_network(model: nn.Sequential) -> str:
    """Describe a model's layers, such as "784 pixels → 512 units, ReLU → 10 outputs"."""
    parts = ["784 pixels"]
    last = [layer for layer in model if isinstance(layer, nn.Linear)][-1]
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            parts.append(f"{layer.out_channels} maps ({_size(layer.kernel_size[0], layer.stride[0])})")
        elif isinstance(layer, CosineConv):
            parts.append(f"{len(layer.filters)} maps (fixed cosine waves {_size(layer.size, layer.stride)})")
        elif isinstance(layer, nn.Linear):
            parts.append(f"{layer.out_features} {'outputs' if layer is last else 'units'}")
        elif name := _LAYER_NAMES.get(type(layer)):
            parts[-1] += f", {name}"
    return " → ".join(parts)


def summarize_model(name: str, model: nn.Sequential, metadata: Metadata | None) -> str:
    """Describe a model in a few words, such as "softmax · no hidden layer · 92.4%"."""
    hidden = sum(isinstance(layer, nn.Linear) for layer in model) - 1
    convolutions = sum(isinstance(layer, nn.Conv2d | CosineConv) for layer in model)
    count, what = (convolutions, "convolution") if convolutions else (hidden, "hidden layer")
    kind = f"{count or 'no'} {what}{'s' if count > 1 else ''}"
    return " · ".join([name, kind, *([f"{100 * metadata.test_accuracy:.1f}%"] if metadata else [])])


def _size(kernel: int, stride: int) -> str:
    return f"{kernel}x{kernel}" + (", stride 2" if stride == 2 else "")


def recipe_table(recipes: dict[str, Recipe], metadata_by_name: dict[str, Metadata]) -> str:
    """Return a table of the recipes, the tutorials' results, and our checkpoints' hyperparameters and results."""
    head = ["recipe", "source", "network", "training", "parameters", "reported result"]
    head += ["after 1 epoch", "test accuracy", "training loss", "seed", "seconds"]
    rows = []
    for name, recipe in recipes.items():
        metadata = metadata_by_name.get(name)
        used = metadata.recipe if metadata else recipe
        row = [f"`{name}`", recipe.source, used.network, describe_training(used)]
        row += [f"{count_parameters(used.build()):,}", recipe.reported_result]
        rows.append(row + (_results(metadata) if metadata else ["", "not trained", "", "", ""]))
    return markdown_table(head, rows)


def _results(metadata: Metadata) -> list[str]:
    accuracy = format_percent(metadata.test_accuracy)
    accuracy += "" if metadata.data_source == "MNIST" else f" on {metadata.data_source}"
    accuracy += "" if metadata.finished else ", stopped early"
    first_accuracy = train_loss = ""
    if metadata.epochs:  # empty if training was stopped in the first epoch
        first, last = metadata.epochs[0], metadata.epochs[-1]
        first_accuracy = format_percent(first.test_accuracy)
        train_loss = f"{first.train_loss:.4f} → {last.train_loss:.4f}"
    return [first_accuracy, accuracy, train_loss, str(metadata.seed), f"{metadata.seconds:.0f}"]


def metadata_note(metadata_by_name: dict[str, Metadata]) -> str:
    """Return an explanation of the columns of `recipe_table`, with the hardware that the checkpoints name."""
    hardware = "; ".join(sorted({metadata.hardware for metadata in metadata_by_name.values()}))
    losses = "mean training loss of the first and the last epoch"
    return f"Test accuracy on MNIST unless stated otherwise; {losses}; seconds of training on {hardware}."


def evaluation_table(names: Sequence[str], results: Sequence[Evaluation]) -> str:
    """Return a table of each model's accuracy and loss, and its percentage of correct predictions for each digit."""
    rows = []
    for name, result in zip(names, results, strict=True):
        count = f"{int(result.correct.sum()):,}/{len(result.labels):,}"
        digits = [f"{100 * correct / total:.1f}" if total else "none" for correct, total in result.per_class]
        rows.append([f"`{name}`", format_percent(result.accuracy), f"{result.loss:.4f}", count, *digits])
    return markdown_table(["model", "accuracy", "loss", "correct", *map(str, range(10))], rows)


def predictions_csv(evaluation: Evaluation) -> str:
    """Return each digit's index, label ("truth"), prediction and probabilities p0 to p9, 0 to 1, as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["index", "truth", "prediction", *(f"p{digit}" for digit in range(10))])
    columns = (evaluation.labels.tolist(), evaluation.predictions.tolist(), evaluation.probabilities.tolist())
    for row, (label, prediction, probabilities) in enumerate(zip(*columns, strict=True)):
        writer.writerow([row, label, prediction, *(f"{probability:.6g}" for probability in probabilities)])
    return file.getvalue()
