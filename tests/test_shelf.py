from pathlib import Path

import pytest

from mnist_demo.classifier import Classifier
from mnist_demo.errors import CheckpointError, InputError
from mnist_demo.recipes import Recipe
from mnist_demo.ui.shelf import MAX_TRAINED, MAX_VISITS, Shelf


@pytest.fixture
def shelf(checkpoint: Path) -> Shelf:
    return Shelf(checkpoint.parent)


def trained(name: str, recipe: Recipe) -> Classifier:
    return Classifier(name, recipe.build())


def test_a_checkpoint_is_loaded_once_for_all(shelf: Shelf):
    assert shelf.names("a") == ["test"] and shelf.default() == "test"
    assert shelf.find("test", "a") is shelf.find("test", "b")


def test_a_visits_models_are_its_own(shelf: Shelf, recipe: Recipe):
    mine = trained("mine", recipe)
    shelf.add("a", mine)
    assert shelf.names("a") == ["mine", "test"] and shelf.names("b") == ["test"]
    assert shelf.find("mine", "a") is mine
    with pytest.raises(InputError, match=r"The model 'mine' is not here \(any more\); choose from: test\."):
        shelf.find("mine", "b")


def test_a_visit_that_ends_is_forgotten_and_its_training_stopped(shelf: Shelf, recipe: Recipe):
    shelf.add("a", trained("mine", recipe))
    stop = shelf.visit("a").stop
    shelf.end("a")
    assert stop.is_set() and shelf.names("a") == ["test"]
    shelf.end("never seen")


def test_what_visits_may_keep_is_bounded(shelf: Shelf, recipe: Recipe):
    for i in range(MAX_TRAINED + 2):
        shelf.add("a", trained(f"mine {i}", recipe))
    assert len(shelf.names("a")) == MAX_TRAINED + 1 and "mine 0" not in shelf.names("a")
    stop = shelf.visit("a").stop
    for i in range(MAX_VISITS):
        shelf.visit(f"visit {i}")
    assert shelf.names("a") == ["test"] and stop.is_set()


def test_names_that_are_no_checkpoints_are_not_looked_up_as_paths(shelf: Shelf):
    for name in ("../test", "/etc/passwd", "", None):
        with pytest.raises(InputError, match=r"is not here \(any more\); choose from: test"):
            shelf.find(name)  # type: ignore[arg-type]


def test_a_damaged_checkpoint_is_named(shelf: Shelf, checkpoint: Path):
    checkpoint.write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"test\.safetensors is no safetensors file"):
        shelf.find("test")


def test_an_empty_folder_has_no_default(tmp_path: Path):
    assert Shelf(tmp_path).default() == ""
