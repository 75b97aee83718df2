import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from mnist_demo.checkpoints import load_checkpoint, save_checkpoint
from mnist_demo.classifier import DEFAULT_MODEL
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.ui.model_events import ModelEvents
from mnist_demo.ui.services import Services
from tests.conftest import make_metadata, make_request

CLIENT = "192.0.2.1"
REQUEST = make_request("a page")
CHANGED = RECIPES["softmax"].change(epochs=2)


@pytest.fixture
def model_events(services: Services) -> ModelEvents:
    return ModelEvents(services)


@pytest.fixture
def key(model_events: ModelEvents) -> str:
    """Return the key of a session's model."""
    return model_events.models.session("a page").add(CHANGED.build(), make_metadata(CHANGED))


def test_a_model_is_downloaded_and_uploaded_again(model_events: ModelEvents, key: str, tmp_path: Path):
    file = model_events.download({"key": key}, CLIENT)
    assert file["name"] == f"{key.partition('/')[2]}.safetensors"
    path = tmp_path / "mine.safetensors"
    path.write_bytes(base64.b64decode(file["content"]))
    _, metadata = load_checkpoint(path)
    assert metadata == model_events.models.find(key).metadata
    state = model_events.upload(str(path), REQUEST)
    assert state["status"] == "softmax #2 (uploaded) is ready: select it in Draw or Browse."
    uploaded, original = state["runs"]  # newest first
    assert uploaded["name"] == "softmax #2 (uploaded)" and (uploaded["key"], original["key"]) == (state["key"], key)
    assert all(uploaded[name] == original[name] for name in ("accuracy", "changes", "seconds"))
    assert original["changes"] == "epochs 2, seed 3"


def test_a_description_has_what_the_list_of_runs_shows(model_events: ModelEvents, key: str):
    (run,) = model_events.list_runs(model_events.models.session("a page"), key)["runs"]
    assert run == {
        "key": key,
        "name": "softmax #1 (synthetic digits)",
        "changes": "epochs 2, seed 3",
        "accuracy": "50.00%",
        "seconds": "1.2 s",
    }


def test_an_unknown_recipe_is_described_without_changes(model_events: ModelEvents):
    recipe = Recipe("unknown", network="784-10", lr=0.5)
    session = model_events.models.session("a page")
    key = session.add(recipe.build(), make_metadata(recipe), "uploaded")
    (run,) = model_events.list_runs(session, key)["runs"]
    assert run["name"] == "unknown #1 (uploaded)" and run["changes"] == "seed 3"


def test_a_file_that_is_not_a_checkpoint_is_refused_without_its_path(model_events: ModelEvents, tmp_path: Path):
    path = tmp_path / "bad.safetensors"
    for content, message in (
        (b"PK\x03\x04 a pickle", "bad.safetensors is not a safetensors file"),
        (b"", "not a safetensors file"),
        (bytes(5_000_000), "bad.safetensors is too large"),
    ):
        path.write_bytes(content)
        with pytest.raises(gr.Error) as error:
            model_events.upload(str(path), REQUEST)
        assert message in str(error.value) and str(tmp_path) not in str(error.value)
    assert model_events.models.session("a page").models == {}


def test_a_long_recipe_name_is_cut(model_events: ModelEvents, tmp_path: Path):
    path = tmp_path / "long.safetensors"
    recipe = Recipe("<img src=x>" * 1000, network="784-10")
    save_checkpoint(path, recipe.build(), make_metadata(recipe))
    assert len(model_events.upload(str(path), REQUEST)["runs"][0]["name"]) < 80


@pytest.mark.parametrize("query", [{"key": "softmax"}, {"key": "nobody/softmax"}, {"key": 3}, {}, None, [], "softmax"])
def test_only_session_models_can_be_downloaded(model_events: ModelEvents, query: Any):
    assert "error" in model_events.download(query, CLIENT)


def test_the_selected_model_stays_selected_unless_it_was_dropped(model_events: ModelEvents):
    for selected, value in (("softmax", "softmax"), ("dropped #1", DEFAULT_MODEL)):
        dropdown, choices = model_events.update_choices(selected, REQUEST)
        assert dropdown.value == value and choices == model_events.models.choices()


def test_a_run_is_selected_in_draw_unless_it_was_dropped(model_events: ModelEvents, key: str):
    event: Any = SimpleNamespace(_data={"key": key})
    assert model_events.select(event, REQUEST).value == key
    for data in ({"key": "nobody/dropped"}, {}, None):
        event._data = data
        with pytest.raises(gr.Error, match="is no longer available"):
            model_events.select(event, REQUEST)


def test_a_closed_page_drops_its_models(model_events: ModelEvents, key: str):
    model_events.end_session(REQUEST)
    assert "error" in model_events.download({"key": key}, CLIENT)
