from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_demo.errors import InputError
from mnist_demo.recipes import Recipe
from mnist_demo.ui.services import model_store
from mnist_demo.ui.services.model_store import IDLE_SECONDS, MAX_ALL_MODELS, MAX_MODELS, ModelStore, Session
from tests.conftest import make_metadata

MAX_SESSIONS = 100  # fewer than on a server


def add_model(store: ModelStore, session_id: str, recipe: Recipe, *, source: str = "MNIST", client: str = "") -> str:
    """Add a model to a session and return its key."""
    return store.session(session_id, client).add(recipe.build(), replace(make_metadata(recipe), data_source=source))


def names(store: ModelStore, session_id: str) -> list[str]:
    return [name for name, _ in store.choices(session_id)]


@pytest.fixture
def store(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """Return a store with one shared model, "test"."""
    monkeypatch.setattr(model_store, "MAX_SESSIONS", MAX_SESSIONS)
    return ModelStore(checkpoint.parent)


def test_a_checkpoint_is_loaded_once_for_all_sessions(store: ModelStore):
    assert store.choices("a") == [("test", "test")] and store.default_key() == "test"
    assert store.find("test") is store.find("test")


def test_a_sessions_models_are_private(store: ModelStore, recipe: Recipe):
    key = add_model(store, "a", recipe)
    assert names(store, "a") == ["test #1", "test"] and names(store, "b") == ["test"]
    assert store.find(key).name == "test #1" and len(key) == 22 + len("/test #1")
    for guess in ("test #1", "a/test #1", "/test #1"):
        message = r"^The model 'test #1' is no longer available; choose from: test\."
        with pytest.raises(InputError, match=message):
            store.find(guess)


def test_choices_describe_all_models(store: ModelStore, recipe: Recipe):
    key = add_model(store, "a", recipe)
    accuracy = f"{100 * store.find(key).metadata.test_accuracy:.1f}%"  # type: ignore[union-attr]
    (own, own_key), (shared, _) = store.described_choices("a")
    assert own_key == key and own == f"test #1 · no hidden layer · {accuracy}"
    assert shared.startswith("test · no hidden layer · ")


def test_an_ended_session_is_dropped_and_its_training_stopped(store: ModelStore, recipe: Recipe):
    session = store.session("a")
    add_model(store, "a", recipe)
    store.end_session("a")
    assert session.stop.is_set() and names(store, "a") == ["test"]
    session.add(recipe.build(), make_metadata(recipe))  # by a training that ends after its page has closed
    assert names(store, "a") == ["test"]
    store.end_session("unknown")


def test_the_number_of_models_is_limited(store: ModelStore, recipe: Recipe):
    for _ in range(MAX_MODELS + 2):
        add_model(store, "a", recipe)
    assert names(store, "a") == [*(f"test #{i}" for i in range(12, 2, -1)), "test"]
    for i in range(2 * MAX_SESSIONS):  # sessions without models displace none
        store.session(f"session {i}")
    assert len(names(store, "a")) == MAX_MODELS + 1
    for i in range(MAX_ALL_MODELS):
        add_model(store, f"session {i}", recipe)
    assert names(store, "a") == ["test"] and len(names(store, f"session {MAX_ALL_MODELS - 1}")) == 2


def test_the_client_with_most_models_loses_its_oldest_session(store: ModelStore, recipe: Recipe):
    add_model(store, "early", recipe, client="192.0.2.1")
    for session in range(25):
        for _ in range(MAX_MODELS):
            add_model(store, f"greedy {session}", recipe, client="192.0.2.2")
    add_model(store, "late", recipe, client="192.0.2.3")
    assert len(names(store, "early")) == len(names(store, "late")) == 2
    assert names(store, "greedy 0") == ["test"] and len(names(store, "greedy 24")) == 1 + MAX_MODELS


def test_only_checkpoint_names_are_looked_up_as_files(store: ModelStore):
    keys: list[Any] = ["../test", "/etc/passwd", "", None, ["test"], {}]
    for key in keys:
        with pytest.raises(InputError, match="is no longer available; choose from: test"):
            store.find(key)


def test_the_error_for_a_damaged_checkpoint_hides_its_path_and_other_models_work(
    store: ModelStore, checkpoint: Path, caplog: pytest.LogCaptureFixture
):
    intact = checkpoint.with_name("intact.safetensors")
    intact.write_bytes(checkpoint.read_bytes())
    checkpoint.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"^The model 'test' cannot be loaded; see the server's log\.$"):
        store.find("test")
    assert "test.safetensors is not a safetensors file" in caplog.text
    assert [classifier.name for classifier in store.all_shared()] == ["intact"]


def test_an_empty_folder_has_no_default_model(tmp_path: Path):
    assert ModelStore(tmp_path).default_key() == ""


def test_a_models_name_contains_its_data_source_unless_that_is_mnist(store: ModelStore, recipe: Recipe):
    key = add_model(store, "a", recipe, source="synthetic digits")
    assert store.find(key).name == "test #1 (synthetic digits)"
    assert store.find(add_model(store, "a", recipe)).name == "test #2"


def test_requests_without_a_session_share_nothing(store: ModelStore, recipe: Recipe):
    add_model(store, "", recipe)
    assert names(store, "") == ["test"] and store.session("") is not store.session("")


def test_a_session_in_use_is_not_dropped(store: ModelStore, recipe: Recipe):
    key = add_model(store, "busy", recipe)
    for i in range(2 * MAX_SESSIONS):
        store.session(f"session {i}")
        store.find(key)


def test_models_unused_for_an_hour_are_dropped(store: ModelStore, recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    monkeypatch.setattr(model_store.time, "monotonic", lambda: now)
    used, idle = add_model(store, "used", recipe), add_model(store, "idle", recipe)
    now = IDLE_SECONDS / 2
    store.find(used)
    now = IDLE_SECONDS + 1.0
    store.find(used)
    with pytest.raises(InputError, match="is no longer available"):
        store.find(idle)
    assert store.find(used)


def test_a_session_that_trains_is_not_dropped(store: ModelStore):
    session = store.session("trains")
    with session.training():
        for i in range(2 * MAX_SESSIONS):
            store.session(f"session {i}")
        assert store.session("trains") is session and not session.stop.is_set()
        store.stop("trains")
        assert session.stop.is_set()
    store.stop("unknown")
    assert "unknown" not in store._sessions


def test_a_session_runs_one_training_at_a_time():
    session = Session()
    with session.training():
        first = session.stop
        with pytest.raises(InputError, match=r"^You are training a model already;"), session.training():
            pass
        assert session.is_training and session.stop is first  # the refused training changed nothing
        first.set()
    assert not session.is_training
    with session.training():
        assert session.stop is not first and not session.stop.is_set()


def test_a_training_copy_leaves_the_model_as_it_is(store: ModelStore, recipe: Recipe):
    for key in ("test", add_model(store, "a", recipe)):
        before = store.find(key).model.state_dict()["1.weight"].clone()
        model, metadata = store.copy_for_training(key)
        assert metadata == store.find(key).metadata
        assert model.state_dict()["1.weight"].equal(before)
        model.state_dict()["1.weight"].zero_()
        assert store.find(key).model.state_dict()["1.weight"].equal(before)
