import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from mnist_demo.checkpoints import load_checkpoint, save_checkpoint
from mnist_demo.classifier import DEFAULT_MODEL
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.ui.kept import Handlers, entry
from mnist_demo.ui.shelf import Shelf
from tests.conftest import record_of, request_of

VISITOR = request_of("a visitor")
CHANGED = RECIPES["softmax"].change(epochs=2)


@pytest.fixture
def handlers() -> Handlers:
    return Handlers(Shelf())


@pytest.fixture
def key(handlers: Handlers) -> str:
    """Of a network of the visit."""
    return handlers.shelf.visit("a visitor").keep(CHANGED.build(), record_of(CHANGED))


def test_a_run_is_downloaded_and_uploaded_again(handlers: Handlers, key: str, tmp_path: Path):
    file = handlers.download({"key": key})
    assert file["name"] == f"{key.partition('/')[2]}.safetensors"
    path = tmp_path / "mine.safetensors"
    path.write_bytes(base64.b64decode(file["content"]))
    _, record = load_checkpoint(path)
    assert record == handlers.shelf.find(key).record
    news = handlers.upload(str(path), VISITOR)
    assert news["name"] == "softmax, yours 2 (uploaded)" and news["kept"] == [key, news["key"]]
    told = entry(handlers.shelf.visit("a visitor"), key)
    assert {name: news[name] for name in ("accuracy", "changes", "seconds")}.items() <= told.items()
    assert news["changes"] == "epochs 2, seed 3"


def test_a_file_that_is_no_checkpoint_is_refused_without_its_place(handlers: Handlers, tmp_path: Path):
    path = tmp_path / "bad.safetensors"
    for content, message in (
        (b"PK\x03\x04 a pickle", "bad.safetensors is no safetensors file"),
        (b"", "no safetensors"),
        (bytes(5_000_000), "bad.safetensors is too large"),
    ):
        path.write_bytes(content)
        with pytest.raises(gr.Error) as error:
            handlers.upload(str(path), VISITOR)
        assert message in str(error.value) and str(tmp_path) not in str(error.value)
    assert handlers.shelf.visit("a visitor").trained == {}


def test_a_made_up_recipe_name_is_cut(handlers: Handlers, tmp_path: Path):
    path = tmp_path / "long.safetensors"
    named = Recipe("<img src=x>" * 1000, network="784-10")
    save_checkpoint(path, named.build(), record_of(named))
    assert len(handlers.upload(str(path), VISITOR)["name"]) < 80


@pytest.mark.parametrize("query", [{"key": "softmax"}, {"key": "nobody/softmax"}, {"key": 3}, {}, None, [], "softmax"])
def test_only_a_visits_own_network_can_be_downloaded(handlers: Handlers, query: Any):
    assert "error" in handlers.download(query)


def test_the_picker_keeps_its_choice_unless_it_had_to_make_room(handlers: Handlers):
    for chosen, value in (("softmax", "softmax"), ("long gone, yours 1", DEFAULT_MODEL)):
        picker, choices = handlers.offer(chosen, VISITOR)
        assert picker.value == value and choices == handlers.shelf.choices()


def test_a_run_is_chosen_in_draw_and_what_is_gone_is_told(handlers: Handlers, key: str):
    event: Any = SimpleNamespace(_data={"key": key})
    assert handlers.use(event, VISITOR).value == key
    for data in ({"key": "nobody/gone"}, {}, None):
        event._data = data
        with pytest.raises(gr.Error, match="is not here"):
            handlers.use(event, VISITOR)
