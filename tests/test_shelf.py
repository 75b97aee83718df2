import dataclasses
from pathlib import Path
from typing import Any

import pytest

from mnist_demo.checkpoints import Record
from mnist_demo.errors import InputError
from mnist_demo.recipes import Recipe
from mnist_demo.ui import shelf as shelf_module
from mnist_demo.ui.shelf import IDLE_SECONDS, MAX_KEPT, MAX_TRAINED, MAX_VISITS, Shelf
from tests.conftest import record_of


def keep(shelf: Shelf, session: str, recipe: Recipe, source: str = "MNIST") -> str:
    record: Record = dataclasses.replace(record_of(recipe), data_source=source)
    return shelf.visit(session).keep(recipe.build(), record)


def keep_from(shelf: Shelf, session: str, address: str, recipe: Recipe) -> None:
    shelf.visit(session, address).keep(recipe.build(), record_of(recipe))


def names(shelf: Shelf, session: str) -> list[str]:
    return [name for name, _ in shelf.choices(session)]


@pytest.fixture
def shelf(checkpoint: Path) -> Shelf:
    return Shelf(checkpoint.parent)


def test_a_checkpoint_is_loaded_once_for_all(shelf: Shelf):
    assert shelf.choices("a") == [("test", "test")] and shelf.default() == "test"
    assert shelf.find("test") is shelf.find("test")


def test_a_visits_models_are_its_own(shelf: Shelf, recipe: Recipe):
    key = keep(shelf, "a", recipe)
    assert names(shelf, "a") == ["test, yours 1", "test"] and names(shelf, "b") == ["test"]
    assert shelf.find(key).name == "test, yours 1" and len(key) > 30
    for guess in ("test, yours 1", "a/test, yours 1", "/test, yours 1"):
        with pytest.raises(
            InputError, match=r"The model 'test, yours 1' is not here \(any more\); choose from: test\."
        ):
            shelf.find(guess)


def test_a_visit_that_ends_is_forgotten_and_its_training_stopped(shelf: Shelf, recipe: Recipe):
    visit = shelf.visit("a")
    keep(shelf, "a", recipe)
    shelf.end("a")
    assert visit.stop.is_set() and names(shelf, "a") == ["test"]
    visit.keep(recipe.build(), record_of(recipe))  # by a training that ends after its page has closed
    assert names(shelf, "a") == ["test"]
    shelf.end("never seen")


def test_what_visits_may_keep_is_bounded(shelf: Shelf, recipe: Recipe):
    for _ in range(MAX_TRAINED + 2):
        keep(shelf, "a", recipe)
    assert names(shelf, "a") == [*(f"test, yours {i}" for i in range(12, 2, -1)), "test"]
    for i in range(2 * MAX_VISITS):  # pages that keep nothing drive nobody's models out
        shelf.visit(f"visit {i}")
    assert len(names(shelf, "a")) == MAX_TRAINED + 1
    for i in range(MAX_KEPT):
        keep(shelf, f"visit {i}", recipe)
    assert names(shelf, "a") == ["test"] and len(names(shelf, f"visit {MAX_KEPT - 1}")) == 2


def test_who_keeps_most_makes_room(shelf: Shelf, recipe: Recipe):
    keep_from(shelf, "early", "home", recipe)
    for visit in range(25):
        for _ in range(MAX_TRAINED):
            keep_from(shelf, f"greedy {visit}", "elsewhere", recipe)
    keep_from(shelf, "late", "a school", recipe)
    assert len(names(shelf, "early")) == len(names(shelf, "late")) == 2
    assert names(shelf, "greedy 0") == ["test"] and len(names(shelf, "greedy 24")) == 1 + MAX_TRAINED


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
    assert shelf.find(keep(shelf, "a", recipe, "practice digits")).name == "test, yours 1 (practice digits)"
    assert shelf.find(keep(shelf, "a", recipe)).name == "test, yours 2"


def test_requests_of_no_page_share_nothing(shelf: Shelf, recipe: Recipe):
    keep(shelf, "", recipe)
    assert names(shelf, "") == ["test"] and shelf.visit("") is not shelf.visit("")


def test_the_visit_that_is_used_is_not_the_one_forgotten(shelf: Shelf, recipe: Recipe):
    key = keep(shelf, "busy", recipe)
    for i in range(2 * MAX_VISITS):
        shelf.visit(f"visit {i}")
        shelf.find(key)


def test_what_nobody_has_used_for_an_hour_is_forgotten(shelf: Shelf, recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    monkeypatch.setattr(shelf_module.time, "monotonic", lambda: now)
    used, idle = keep(shelf, "used", recipe), keep(shelf, "idle", recipe)
    now = IDLE_SECONDS / 2
    shelf.find(used)
    now = IDLE_SECONDS + 1.0
    shelf.find(used)
    with pytest.raises(InputError, match="is not here"):
        shelf.find(idle)
    assert shelf.find(used)


def test_a_visit_that_trains_is_not_forgotten(shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    training = shelf.visit("trains")
    training.is_training = True
    for i in range(2 * MAX_VISITS):
        shelf.visit(f"visit {i}")
    assert shelf.visit("trains") is training and not training.stop.is_set()
    shelf.stop("trains")
    assert training.stop.is_set()
    shelf.stop("never seen")
    assert "never seen" not in shelf._visits
