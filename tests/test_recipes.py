import re
from typing import Any

import pytest
import torch

from mnist_demo.data.augment import Affine
from mnist_demo.errors import InputError
from mnist_demo.recipes import RECIPES, Recipe, find_recipe

# The tutorials' hyperparameters, repeated here to detect accidental changes.
TUTORIALS: dict[str, dict[str, Any]] = {
    "softmax": {"optimizer": "SGD", "lr": 0.1, "batch_size": 100, "epochs": 15, "drop_last": True},
    "mlp-500": {"optimizer": "Adam", "lr": 0.001, "batch_size": 100, "epochs": 5, "validation_size": 5000},
    "mlp-512": {"optimizer": "SGD", "lr": 0.1, "batch_size": 20, "epochs": 10, "augmentation": ()},
    "mlp-512-augmented": {"optimizer": "SGD", "lr": 0.1, "batch_size": 20, "epochs": 10, "resample_each_epoch": True},
    "mlp-dropout": {"optimizer": "Adam", "lr": 0.001, "batch_size": 20, "epochs": 10, "resample_each_epoch": True},
    "mlp-128": {"optimizer": "Adam", "lr": 0.001, "batch_size": 20, "epochs": 10, "resample_each_epoch": False},
    "mlp-sigmoid": {"optimizer": "SGD", "lr": 0.01, "momentum": 0.5, "batch_size": 32, "epochs": 10},
    "cnn": {"optimizer": "Adam", "lr": 0.01, "batch_size": 100, "epochs": 10},
}


@pytest.mark.parametrize("name", TUTORIALS)
def test_recipes_have_the_tutorials_hyperparameters(name: str):
    assert {key: getattr(RECIPES[name], key) for key in TUTORIALS[name]} == TUTORIALS[name]


def test_augmented_recipes_have_the_tutorials_ranges():
    rotated_twice = (Affine(degrees=25), Affine(degrees=45, translate=0.1, scale=(0.8, 1.2)))
    assert RECIPES["mlp-512-augmented"].augmentation == RECIPES["mlp-dropout"].augmentation == rotated_twice
    rotated = Affine(degrees=15, translate=0.1, scale=(0.9, 1.1), scale_apart=True)
    assert RECIPES["mlp-128"].augmentation == (rotated,)


def test_the_optimizer_has_the_recipes_hyperparameters():
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
        ({"pen_writers": "some"}, "Unknown pen_writers 'some'; choose from: all; training."),
        ({"train_fraction": 0.0}, "train_fraction must be above 0 and at most 1; got 0.0."),
    ],
)
def test_a_value_out_of_range_raises_an_error_that_names_it(values: dict, message: str):
    with pytest.raises(InputError, match=re.escape(message)):
        Recipe("test", **values)


def test_a_changed_recipe_has_no_fine_tuning():
    sketch = RECIPES["sketch-dev"]
    assert sketch.change(epochs=None) is sketch and sketch.all_epochs == 26
    assert sketch.change(epochs=1).all_epochs == 1


@pytest.mark.parametrize("name", [["cnn"], {}, None])
def test_a_recipe_name_of_another_type_raises_an_error(name: Any):
    with pytest.raises(InputError, match="Unknown recipe "):
        find_recipe(name)


def test_an_unknown_recipe_raises_an_error_with_the_choices():
    with pytest.raises(InputError, match="Unknown recipe 'cn'; choose from sketch, sketch-dev, fast,"):
        find_recipe("cn")
