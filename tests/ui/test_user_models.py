import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from mnist_demo.checkpoints import load_checkpoint, save_checkpoint
from mnist_demo.classifier import DEFAULT_MODEL
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.ui.services import Services
from mnist_demo.ui.user_models import UserModels
from tests.conftest import make_metadata, make_request

CLIENT = "192.0.2.1"
REQUEST = make_request("a page")
CHANGED = RECIPES["softmax"].change(epochs=2)


@pytest.fixture
def user_models(services: Services) -> UserModels:
    return UserModels(services)


@pytest.fixture
def key(user_models: UserModels) -> str:
    """Return the key of a session's model."""
    return user_models.models.session("a page").add(CHANGED.build(), make_metadata(CHANGED))


def test_a_model_is_downloaded_and_uploaded_again(user_models: UserModels, key: str, tmp_path: Path):
    file = user_models.download({"key": key}, CLIENT)
    assert file["name"] == f"{key.partition('/')[2]}.safetensors"
    path = tmp_path / "mine.safetensors"
    path.write_bytes(base64.b64decode(file["content"]))
    _, metadata = load_checkpoint(path)
    assert metadata == user_models.models.find(key).metadata
    state = user_models.upload(str(path), REQUEST)
    assert state["status"] == "softmax #2 (uploaded) is ready: select it in Draw or Browse."
    uploaded, original = state["runs"]  # newest first
    assert uploaded["name"] == "softmax #2 (uploaded)" and (uploaded["key"], original["key"]) == (state["key"], key)
    assert all(uploaded[name] == original[name] for name in ("accuracy", "changes", "seconds"))
    assert original["changes"] == "epochs 2, seed 3"


def test_a_description_has_what_the_list_of_runs_shows(user_models: UserModels, key: str):
    (run,) = user_models.list_runs(user_models.models.session("a page"), key)["runs"]
    assert run == {
        "key": key,
        "name": "softmax #1 (synthetic digits)",
        "changes": "epochs 2, seed 3",
        "accuracy": "50.00%",
        "seconds": "1.2 s",
    }


def test_an_unknown_recipe_is_described_without_changes(user_models: UserModels):
    recipe = Recipe("unknown", network="784-10", lr=0.5)
    session = user_models.models.session("a page")
    key = session.add(recipe.build(), make_metadata(recipe), "uploaded")
    (run,) = user_models.list_runs(session, key)["runs"]
    assert run["name"] == "unknown #1 (uploaded)" and run["changes"] == "seed 3"


def test_a_file_that_is_not_a_checkpoint_is_refused_without_its_path(user_models: UserModels, tmp_path: Path):
    path = tmp_path / "bad.safetensors"
    for content, message in (
        (b"PK\x03\x04 a pickle", "bad.safetensors is not a safetensors file"),
        (b"", "not a safetensors file"),
        (bytes(5_000_000), "bad.safetensors is too large"),
    ):
        path.write_bytes(content)
        with pytest.raises(gr.Error) as error:
            user_models.upload(str(path), REQUEST)
        assert message in str(error.value) and str(tmp_path) not in str(error.value)
    assert user_models.models.session("a page").models == {}


def test_a_long_recipe_name_is_cut(user_models: UserModels, tmp_path: Path):
    path = tmp_path / "long.safetensors"
    recipe = Recipe("<img src=x>" * 1000, network="784-10")
    save_checkpoint(path, recipe.build(), make_metadata(recipe))
    assert len(user_models.upload(str(path), REQUEST)["runs"][0]["name"]) < 80


@pytest.mark.parametrize("query", [{"key": "softmax"}, {"key": "nobody/softmax"}, {"key": 3}, {}, None, [], "softmax"])
def test_only_session_models_can_be_downloaded(user_models: UserModels, query: Any):
    assert "error" in user_models.download(query, CLIENT)


def test_the_selected_model_stays_selected_unless_it_was_dropped(user_models: UserModels):
    for selected, value in (("softmax", "softmax"), ("dropped #1", DEFAULT_MODEL)):
        dropdown, choices = user_models.update_choices(selected, REQUEST)
        assert dropdown.value == value and choices == user_models.models.choices()


def test_a_run_is_selected_in_draw_unless_it_was_dropped(user_models: UserModels, key: str):
    event: Any = SimpleNamespace(_data={"key": key})
    assert user_models.select(event, REQUEST).value == key
    for data in ({"key": "nobody/dropped"}, {}, None):
        event._data = data
        with pytest.raises(gr.Error, match="is no longer available"):
            user_models.select(event, REQUEST)


def test_a_closed_page_drops_its_models(user_models: UserModels, key: str):
    user_models.end_session(REQUEST)
    assert "error" in user_models.download({"key": key}, CLIENT)
