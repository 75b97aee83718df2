from pathlib import Path
from typing import Any

import pytest
import torch

from mnist_demo.data import Data, Digits
from mnist_demo.errors import InputError
from mnist_demo.recipes import Recipe
from mnist_demo.ui.shelf import MAX_TRAINED, MAX_VISITS, Shelf

NO_DIGITS = Digits(torch.empty(0, 1, 28, 28, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))
MNIST, PRACTICE = (Data(name, NO_DIGITS, NO_DIGITS, "") for name in ("MNIST", "practice digits"))


def names(shelf: Shelf, session: str) -> list[str]:
    return [name for name, _ in shelf.choices(session)]


@pytest.fixture
def shelf(checkpoint: Path) -> Shelf:
    return Shelf(checkpoint.parent)


def test_a_checkpoint_is_loaded_once_for_all(shelf: Shelf):
    assert shelf.choices("a") == [("test", "test")] and shelf.default() == "test"
    assert shelf.find("test") is shelf.find("test")


def test_a_visits_models_are_its_own(shelf: Shelf, recipe: Recipe):
    mine = shelf.visit("a").keep(recipe, MNIST, recipe.build())
    assert names(shelf, "a") == ["test, yours 1", "test"] and names(shelf, "b") == ["test"]
    key = shelf.choices("a")[0][1]
    assert shelf.find(key) is mine and len(key) > 30
    for guess in ("test, yours 1", "a/test, yours 1", "/test, yours 1"):
        with pytest.raises(
            InputError, match=r"The model 'test, yours 1' is not here \(any more\); choose from: test\."
        ):
            shelf.find(guess)


def test_a_visit_that_ends_is_forgotten_and_its_training_stopped(shelf: Shelf, recipe: Recipe):
    visit = shelf.visit("a")
    visit.keep(recipe, MNIST, recipe.build())
    shelf.end("a")
    assert visit.stop.is_set() and names(shelf, "a") == ["test"]
    visit.keep(recipe, MNIST, recipe.build())  # by a training that ends after its page has closed
    assert names(shelf, "a") == ["test"]
    shelf.end("never seen")


def test_what_visits_may_keep_is_bounded(shelf: Shelf, recipe: Recipe):
    for _ in range(MAX_TRAINED + 2):
        shelf.visit("a").keep(recipe, MNIST, recipe.build())
    assert names(shelf, "a") == [*(f"test, yours {i}" for i in (7, 6, 5, 4, 3)), "test"]
    stop = shelf.visit("a").stop
    for i in range(MAX_VISITS):
        shelf.visit(f"visit {i}")
    assert names(shelf, "a") == ["test"] and stop.is_set()


def test_names_that_are_no_checkpoints_are_not_looked_up_as_paths(shelf: Shelf):
    wrong: list[Any] = ["../test", "/etc/passwd", "", None, ["test"], {}]
    for name in wrong:
        with pytest.raises(InputError, match=r"is not here \(any more\); choose from: test"):
            shelf.find(name)


def test_a_damaged_checkpoint_is_named_without_its_place_and_the_others_serve(
    shelf: Shelf, checkpoint: Path, caplog: pytest.LogCaptureFixture
):
    whole = checkpoint.with_name("whole.safetensors")
    whole.write_bytes(checkpoint.read_bytes())
    checkpoint.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"^The model 'test' cannot be loaded; the server's log says why\.$"):
        shelf.find("test")
    assert "test.safetensors is no safetensors file" in caplog.text
    assert [classifier.name for classifier in shelf.all_shipped()] == ["whole"]


def test_an_empty_folder_has_no_default(tmp_path: Path):
    assert Shelf(tmp_path).default() == ""


def test_a_model_of_practice_digits_says_so_in_its_name(shelf: Shelf, recipe: Recipe):
    assert shelf.visit("a").keep(recipe, PRACTICE, recipe.build()).name == "test, yours 1 (practice digits)"


def test_requests_of_no_page_share_nothing(shelf: Shelf, recipe: Recipe):
    shelf.visit("").keep(recipe, MNIST, recipe.build())
    assert names(shelf, "") == ["test"] and shelf.visit("") is not shelf.visit("")


def test_the_visit_that_is_used_is_not_the_one_forgotten(shelf: Shelf, recipe: Recipe):
    shelf.visit("busy").keep(recipe, MNIST, recipe.build())
    key = shelf.choices("busy")[0][1]
    for i in range(2 * MAX_VISITS):
        shelf.visit(f"visit {i}")
        shelf.find(key)
