from dataclasses import replace

import pytest
import torch

from mnist_demo.data import Dataset
from mnist_demo.recipes import RECIPES
from mnist_demo.ui.recipe_form import parse_values, recipe_values, show_batch
from tests.conftest import decode_png


def test_a_recipes_own_values_do_not_change_it(synthetic: Dataset):
    for name, original in RECIPES.items():
        recipe, _, problems = parse_values(name, recipe_values(original), synthetic)
        assert recipe == original and recipe.fine_tune == original.fine_tune
        assert set(problems) <= {"batch_size"}  # some recipes need more digits


@pytest.mark.parametrize(
    ("name", "batch_size", "caption", "columns", "rows"),
    [
        ("cnn", 100, "A batch as the model will see it: 100 training digits", 35, 3),
        ("cnn", 2000, "The first 400 of a batch as the model will see it: 2,000 training digits", 35, 12),
        ("mlp-512-augmented", 20, "20 training digits, half of them augmented copies of the others", 10, 2),
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
