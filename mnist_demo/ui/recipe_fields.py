"""The values of a recipe as fields of the page: what stands in them, what may, and what is wrong with it."""

from sys import float_info
from typing import Any

import gradio as gr

from mnist_demo.data import Data
from mnist_demo.errors import InputError, brief
from mnist_demo.recipes import AUGMENTATIONS, OPTIMIZERS, Recipe, find_recipe
from mnist_demo.training import count_steps
from mnist_demo.ui.events import message
from mnist_demo.ui.unchecked import Choice, Number

MAX_EPOCHS, MAX_BATCH = 1_000, 2_000  # a batch of more takes much memory, and a server serves many
LABELS = {"batch_size": "Batch size", "lr": "Learning rate", "share": "Share of the digits, %"}
INFOS = {
    "epochs": "times through the training set",
    "batch_size": "digits a step",
    "lr": "how far a step goes",
    "optimizer": "how steps are made of gradients",
    "momentum": "of SGD: what a step keeps of the last",
    "augmentation": "of a copy of each digit",
    "share": "the first so many are learned",
    "seed": "of the first weights and the order",
}

CHOICES = {"optimizer": list(OPTIMIZERS), "augmentation": list(AUGMENTATIONS)}  # of fields that are no numbers

Values = dict[str, Any]  # what stands in the fields of the page, by their names


def values_of(recipe: Recipe) -> Values:
    """A recipe's values as the fields show them."""
    augmentation = next((name for name, copies in AUGMENTATIONS.items() if copies == recipe.copies), "none")
    return {
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "lr": recipe.lr,
        "optimizer": recipe.optimizer,
        "momentum": recipe.momentum,
        "augmentation": augmentation,
        "share": 100 * recipe.share,
        "seed": 0,
    }


def read_value(recipe: Recipe, name: str, value: Any) -> dict[str, Any]:
    """What a field changes in the recipe. Raises InputError for what cannot be."""
    if value == values_of(recipe)[name]:
        return {}
    if name in CHOICES and value not in CHOICES[name]:
        raise InputError(f"Unknown {name} {brief(value)}; choose from: {'; '.join(CHOICES[name])}.")
    if name == "augmentation":
        return {"copies": AUGMENTATIONS[value]}
    if name == "optimizer":
        decay = 0.01 if value == "AdamW" and not recipe.weight_decay else recipe.weight_decay  # as PyTorch has it
        return {"optimizer": value, "weight_decay": decay}
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= float_info.max:
        raise InputError("A number is missing here.")
    if name == "seed":
        if value != int(value) or not 0 <= value < 2**31:
            raise InputError(f"seed must be a whole number from 0 to {2**31 - 1}; got {value}.")
        return {}
    if name == "share":
        if not 0 < value <= 100:
            raise InputError(f"The share must be above 0 and at most 100 %; got {value}.")
        return {"share": value / 100}
    most = {"epochs": MAX_EPOCHS, "batch_size": MAX_BATCH}.get(name)
    if most and value > most:
        raise InputError(f"{name} must be at most {most:,} on this page; got {value:,}.")
    if most and value == int(value):
        value = int(value)
    return {name: value}


def read_values(name: str, values: Values, data: Data) -> tuple[Recipe, int, dict[str, str]]:
    """The recipe of that name with the values of the fields, the seed, and what is wrong, by field; a value that is
    wrong is left out."""
    recipe = written = find_recipe(name)
    problems = {}
    for field, value in values.items():
        try:
            recipe = recipe.change(**read_value(written, field, value))
        except InputError as error:
            problems[field] = message(error)
    if recipe.optimizer != "SGD" and recipe.momentum:
        recipe = recipe.change(momentum=0.0)  # which SGD alone has
    try:
        count_steps(data, recipe)
    except InputError as error:
        problems.setdefault("batch_size", str(error))
    return recipe, 0 if "seed" in problems else int(values["seed"]), problems


def build_field(name: str, value: Any) -> Choice | Number:
    options: dict[str, Any] = {"value": value, "label": LABELS.get(name, name.capitalize()), "info": INFOS[name]}
    options |= {"elem_id": f"field-{name}", "min_width": 150}
    return Choice(CHOICES[name], **options) if name in CHOICES else Number(**options)


def update_field(name: str, problem: str = "", **more: Any) -> dict[str, Any]:
    """An update of a field: its value, and what is wrong with it."""
    return gr.update(info=problem or INFOS[name], elem_classes=["problem"] if problem else [], **more)
