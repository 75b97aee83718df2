"""The form of a recipe's hyperparameters: cards, fields, validation, a summary in words, and a sample batch."""

import re
from collections.abc import Sequence
from sys import float_info
from typing import Any

import gradio as gr
import torch
from torch import nn

from mnist_demo.classifier import Classifier
from mnist_demo.data import Dataset
from mnist_demo.devices import run_on_all_cores
from mnist_demo.errors import InputError, describe_value
from mnist_demo.models import CosineConv, count_parameters
from mnist_demo.recipes import AUGMENTATIONS, OPTIMIZERS, Recipe, find_recipe
from mnist_demo.reports import describe_network, describe_training, format_percent
from mnist_demo.training import augment_epoch, estimate_seconds, split_validation, steps_per_epoch
from mnist_demo.ui import render
from mnist_demo.ui.components.inputs import Choice, Number
from mnist_demo.ui.handlers import error_message

MAX_EPOCHS, MAX_BATCH = 1_000, 2_000  # a larger batch takes much memory on a shared server
BATCH_COLUMNS = 35  # digits in a row of the sample batch; they fit the page
CARDS = ("fast", "softmax", "mlp-500", "cnn")
MAX_BATCH_SHOWN = 400
LABELS = {"batch_size": "Batch size", "lr": "Learning rate", "train_fraction": "Training digits, %"}
INFOS = {  # of all fields, in their order
    "epochs": "passes over the training set",
    "batch_size": "digits per step",
    "lr": "size of a step",
    "optimizer": "how gradients become steps",
    "momentum": "share of the last step (SGD)",
    "augmentation": "of a copy of each digit",
    "train_fraction": "of the training set",
    "seed": "of first weights and order",
}
CHOICES = {"optimizer": list(OPTIMIZERS), "augmentation": list(AUGMENTATIONS)}  # of fields that are not numbers

Values = dict[str, Any]  # of the form's fields by name


def recipe_values(recipe: Recipe) -> Values:
    """Return a recipe's hyperparameters as the fields show them."""
    values = {name: getattr(recipe, name) for name in INFOS if name != "seed"}
    percentage, augmentation = 100 * recipe.train_fraction, render.augmentation_name(recipe.augmentation)
    return values | {"train_fraction": percentage, "augmentation": augmentation, "seed": 0}


def current_values(name: str, filled: str, values: Sequence[Any]) -> Values:
    """Return the fields' values by name, if they belong to the recipe `name`; otherwise the recipe's own.

    `filled` is the recipe that the fields were filled for: a quick visitor selects another before they are updated.
    """
    own = recipe_values(find_recipe(name))
    return dict(zip(own, values, strict=True)) if filled == name else own


def parse_number(value: Any) -> Any:
    """Return the number that a text means, with a decimal point or a decimal comma; other values as they are.

    Raise InputError for a comma that may separate thousands.
    """
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"\s*[1-9]\d{0,2}(,\d{3})+\s*", value):
        raise InputError(f"Write {value.strip().replace(',', '')}, or use a decimal point.")
    try:
        number = float(value.replace(",", ".", 1))
    except ValueError:
        return None
    return int(number) if abs(number) < 2**53 and number == int(number) else number


def parse_value(recipe: Recipe, name: str, value: Any) -> dict[str, Any]:
    """Return the recipe's changes by one field. Raise InputError for a value that is not allowed."""
    if name not in CHOICES:
        value = parse_number(value)
    elif value not in CHOICES[name]:
        raise InputError(f"Unknown {name} {describe_value(value)}; choose from: {'; '.join(CHOICES[name])}.")
    if value == recipe_values(recipe)[name]:
        return {}
    if name == "augmentation":
        return {"augmentation": AUGMENTATIONS[value]}
    if name == "optimizer":
        decay = 0.01 if value == "AdamW" and not recipe.weight_decay else recipe.weight_decay  # PyTorch's default
        return {"optimizer": value, "weight_decay": decay}
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= float_info.max:
        raise InputError("Enter a number.")
    if name == "seed":
        if value != int(value) or not 0 <= value < 2**31:
            raise InputError(f"seed must be a whole number from 0 to {2**31 - 1}; got {value}.")
        return {}
    if name == "train_fraction":
        if not 0 < value <= 100:
            raise InputError(f"The percentage must be above 0 and at most 100; got {value}.")
        return {"train_fraction": value / 100}
    limit = {"epochs": MAX_EPOCHS, "batch_size": MAX_BATCH}.get(name)
    if limit and value > limit:
        raise InputError(f"{name} must be at most {limit:,} on this page; got {value:,}.")
    return {name: int(value) if limit and value == int(value) else value}


def parse_values(name: str, values: Values, data: Dataset) -> tuple[Recipe, int, dict[str, str]]:
    """Return the recipe with the fields' values, the seed, and an error message for each bad field."""
    recipe = original = find_recipe(name)
    problems = {}
    for field, value in values.items():
        try:
            recipe = recipe.change(**parse_value(original, field, value))
        except InputError as error:
            label = _label(field)
            problems[field] = re.sub(rf"^{field}\b.*? must", f"{label} must", error_message(error))
    if recipe.optimizer != "SGD" and recipe.momentum:
        recipe = recipe.change(momentum=0.0)  # only SGD has momentum
    try:
        steps_per_epoch(data, recipe)
    except InputError as error:
        problems.setdefault("batch_size", str(error))
    return recipe, 0 if "seed" in problems else parse_number(values["seed"]), problems


def first_problem(problems: dict[str, str]) -> str:
    """Return the first error message, with the field's label if it does not name it; empty without an error."""
    field, problem = next(iter(problems.items()), ("", ""))
    return problem if not problem or _label(field).lower() in problem.lower() else f"{_label(field)}: {problem}"


def _label(field: str) -> str:
    return LABELS.get(field, field.capitalize())


def build_field(name: str, value: Any) -> Choice | Number:
    options: dict[str, Any] = {"value": value, "label": _label(name), "info": INFOS[name]}
    options |= {"elem_id": f"field-{name.replace('_', '-')}", "min_width": 160}
    return Choice(CHOICES[name], **options) if name in CHOICES else Number(max_lines=1, **options)


def update_field(name: str, problem: str = "", **options: Any) -> dict[str, Any]:
    """Return an update of a field with its error message, if there is one."""
    return gr.update(info=problem or INFOS[name], elem_classes=["problem"] if problem else [], **options)


def card(name: str, classifier: Classifier | None) -> str:
    """Return the text of a recipe's card: its name, and what its checkpoint reached."""
    metadata = classifier.metadata if classifier else None
    if not metadata:
        return f"{name}\n{describe_kind(find_recipe(name).build())}"
    return f"{name}\ntrained in {render.duration(metadata.seconds)}: {format_percent(metadata.test_accuracy)}"


def describe_kind(model: nn.Sequential) -> str:
    """Describe a model in a few words."""
    if any(isinstance(layer, nn.Conv2d | CosineConv) for layer in model):
        return "Convolutional network"
    hidden = sum(isinstance(layer, nn.Linear) for layer in model) - 1
    return f"Network with {hidden} hidden layer{'s' if hidden > 1 else ''}" if hidden else "No hidden layer"


def summarize(recipe: Recipe, data: Dataset) -> str:
    """Return a recipe in words: the kind of its network, its weights, and what it trains on."""
    model, passes = recipe.build(), recipe.all_epochs
    digits = len(split_validation(data.train, recipe)[0])
    return (
        f"{describe_kind(model)}, {count_parameters(model):,} weights. "
        f"{'One pass' if passes == 1 else f'{passes:,} passes'} over {digits:,} digits."
    )


def estimate(recipe: Recipe, data: Dataset, device: str, max_seconds: float) -> tuple[str, str]:
    """Return the training time on this machine in words, and a warning if the page stops the training before."""
    seconds = run_on_all_cores(lambda: estimate_seconds(data, recipe, device=device))
    is_long = seconds > 0.7 * max_seconds  # the limit includes the measurements meanwhile
    return render.duration(seconds), f" This page stops it after {max_seconds:.0f} s." if is_long else ""


def show_architecture(recipe: Recipe) -> str:
    """Return the layers of a recipe's network as a row of boxes, and its training in words, as HTML."""
    boxes = "".join(f"<li>{layer}</li>" for layer in describe_network(recipe.build()).split(" → "))
    source = "" if recipe.source == "ours" else f" From tutorial {recipe.source}."
    return f"<ol>{boxes}</ol><p>{describe_training(recipe)}.{source}</p>"


def show_batch(recipe: Recipe, data: Dataset, seed: int) -> str:
    """Return one batch, as the model will see it, as HTML.

    If half of a batch are augmented copies, they are those of the digits that come first. Training shuffles them.
    """
    generator = torch.Generator().manual_seed(seed)
    training, _ = split_validation(data.train, recipe)
    count = min(recipe.batch_size, MAX_BATCH_SHOWN)
    is_mixed = bool(recipe.augmentation) and recipe.keep_originals
    chosen = training[torch.randperm(len(training), generator=generator)[: -(-count // 2) if is_mixed else count]]
    images = augment_epoch(chosen, recipe, generator).images[:count, 0].numpy()
    part = "" if count == recipe.batch_size else f" (the first {count})"
    kinds = ", half of them augmented copies of the others" if is_mixed else ""
    kinds += "; the pen strokes it also learns are drawn after Start" if recipe.pen_writers else ""
    caption = f"One training step: these {recipe.batch_size:,} digits{part}{kinds}"
    sprite = render.sprite(images, min(BATCH_COLUMNS, len(chosen)))
    return f'<figure><figcaption>{caption}</figcaption><img src="{sprite}" alt=""></figure>'
