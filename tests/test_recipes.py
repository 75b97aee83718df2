import json
import re
from typing import Any

import pytest
import torch

from mnist_demo.augment import Affine
from mnist_demo.errors import InputError
from mnist_demo.recipes import RECIPES, Recipe, find_recipe

# The hyper-parameters as the documents give them, written a second time so that a slip shows.
DOCUMENTED: dict[str, dict[str, Any]] = {
    "softmax": {"optimizer": "SGD", "lr": 0.1, "batch_size": 100, "epochs": 15, "drop_last": True},
    "mlp-500": {"optimizer": "Adam", "lr": 0.001, "batch_size": 100, "epochs": 5, "validation": 5000},
    "mlp-512": {"optimizer": "SGD", "lr": 0.1, "batch_size": 20, "epochs": 10, "copies": ()},
    "mlp-512-augmented": {"optimizer": "SGD", "lr": 0.1, "batch_size": 20, "epochs": 10, "redraw_copies": True},
    "mlp-dropout": {"optimizer": "Adam", "lr": 0.001, "batch_size": 20, "epochs": 10, "redraw_copies": True},
    "mlp-128": {"optimizer": "Adam", "lr": 0.001, "batch_size": 20, "epochs": 10, "redraw_copies": False},
    "mlp-sigmoid": {"optimizer": "SGD", "lr": 0.01, "momentum": 0.5, "batch_size": 32, "epochs": 10},
    "cnn": {"optimizer": "Adam", "lr": 0.01, "batch_size": 100, "epochs": 10},
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_recipes_have_the_documents_hyper_parameters(name: str):
    assert {key: getattr(RECIPES[name], key) for key in DOCUMENTED[name]} == DOCUMENTED[name]


def test_augmented_recipes_have_the_documents_ranges():
    turned_twice = (Affine(degrees=25), Affine(degrees=45, translate=0.1, scale=(0.8, 1.2)))
    assert RECIPES["mlp-512-augmented"].copies == RECIPES["mlp-dropout"].copies == turned_twice
    keras = Affine(degrees=15, translate=0.1, scale=(0.9, 1.1), scale_apart=True)
    assert RECIPES["mlp-128"].copies == (keras,)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipes_survive_json(recipe: Recipe):
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_optimizers_get_the_recipes_values():
    optimizer = RECIPES["mlp-sigmoid"].build_optimizer(torch.nn.Linear(1, 1))
    assert isinstance(optimizer, torch.optim.SGD)
    assert (optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (0.01, 0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"network": "resnet"}, "Unknown network 'resnet'; choose from: 784-10;"),
        ({"optimizer": "RMSprop"}, "Unknown optimizer 'RMSprop'; choose from: SGD; Adam; AdamW."),
        ({"epochs": 0}, "epochs must be a whole number of at least 1; got 0."),
        ({"batch_size": -5}, "batch_size must be a whole number of at least 1; got -5."),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1; got 2.5."),
        ({"lr": 0.0}, "lr, the learning rate, must be a number above 0; got 0.0."),
        ({"lr": float("nan")}, "must be a number above 0; got nan."),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1; got 1.0."),
        ({"share": 0.0}, "share, of the training digits, must be above 0 and at most 1; got 0.0."),
    ],
)
def test_values_out_of_range_are_named(values: dict, message: str):
    with pytest.raises(InputError, match=re.escape(message)):
        Recipe("test", **values)


def test_a_changed_recipe_is_one_training():
    sketch = RECIPES["sketch"]
    assert sketch.change(epochs=None) is sketch and sketch.all_epochs == 28
    assert sketch.change(epochs=1).all_epochs == 1


@pytest.mark.parametrize("name", [["cnn"], {}, None])
def test_what_is_no_name_of_a_recipe_is_told_as_any(name: Any):
    with pytest.raises(InputError, match="Unknown recipe "):
        find_recipe(name)


def test_an_unknown_recipe_is_named_with_the_choices():
    with pytest.raises(InputError, match="Unknown recipe 'cn'; choose from sketch, sketch-24, fast, softmax,"):
        find_recipe("cn")
