from dataclasses import replace

import pytest
import torch

from mnist_demo.classifier import Classifier
from mnist_demo.data import Dataset
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.ui.recipe_form import card, parse_number, parse_values, recipe_values, show_batch
from tests.conftest import decode_png, make_metadata


def test_a_recipes_own_values_do_not_change_it(synthetic: Dataset):
    for name, original in RECIPES.items():
        recipe, _, problems = parse_values(name, recipe_values(original), synthetic)
        assert recipe == original and recipe.fine_tune == original.fine_tune
        assert set(problems) <= {"batch_size"}  # some recipes need more digits


@pytest.mark.parametrize(
    ("name", "batch_size", "caption", "columns", "rows"),
    [
        ("cnn", 100, "One training step: these 100 digits", 35, 3),
        ("cnn", 2000, "One training step: these 2,000 digits (the first 400)", 35, 12),
        ("mlp-512-augmented", 20, "these 20 digits, half of them augmented copies of the others", 10, 2),
    ],
)
def test_the_batch_is_shown_as_the_model_will_see_it(
    synthetic: Dataset, name: str, batch_size: int, caption: str, columns: int, rows: int
):
    many = replace(synthetic, train=synthetic.train[torch.arange(2000) % len(synthetic.train)])
    recipe = replace(RECIPES[name], batch_size=batch_size)
    figure = show_batch(recipe, many, seed=3)
    assert f"{caption}<" in figure
    cells = 255 - decode_png(figure.split('"')[1]).reshape(rows, 28, columns, 28).swapaxes(1, 2).reshape(-1, 28, 28)
    known = many.train.images[:, 0].numpy()
    is_known = [bool((known == cell).all((1, 2)).any()) for cell in cells[: min(batch_size, 400)]]
    assert is_known == ([True] * 10 + [False] * 10 if recipe.augmentation else [True] * len(is_known))


@pytest.mark.parametrize(
    ("typed", "number"),
    [("0,1", 0.1), ("0.1", 0.1), (" 12 ", 12), ("0,125", 0.125), ("1e-3", 0.001), ("2,5", 2.5), ("1.5,2", None)],
)
def test_a_decimal_comma_means_what_a_decimal_point_does(synthetic: Dataset, typed: str, number: float | None):
    assert parse_number(typed) == number
    values = recipe_values(RECIPES["softmax"]) | {"lr": typed}
    recipe, _, problems = parse_values("softmax", values, synthetic)
    assert recipe.lr == number if number else problems == {"lr": "Enter a number."}


def test_the_figures_of_a_card_are_those_of_its_checkpoint(recipe: Recipe):
    classifier = Classifier("fast", recipe.build(), make_metadata(recipe))
    assert card("fast", classifier) == "fast\ntrained in 1.2 s: 50.00%"
    assert card("mlp-512", None) == "mlp-512\nNetwork with 1 hidden layer"
