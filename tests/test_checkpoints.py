"""Checkpoints are saved, found and loaded; damaged and foreign files are refused."""

import dataclasses
import json
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies
from safetensors import safe_open
from safetensors.torch import save_file

from mnist_demo import checkpoints
from mnist_demo.checkpoints import (
    find_checkpoint,
    initial_model,
    list_checkpoints,
    load_checkpoint,
    load_metadata,
    save_checkpoint,
)
from mnist_demo.errors import CheckpointError
from mnist_demo.recipes import RECIPES, Recipe
from tests.conftest import make_metadata


def test_a_saved_model_loads_with_equal_weights_and_metadata(tmp_path: Path):
    recipe = RECIPES["mlp-128"]
    model = recipe.build(seed=9)
    save_checkpoint(tmp_path / "new" / "mine.safetensors", model, make_metadata(recipe))
    loaded, metadata = load_checkpoint(tmp_path / "new" / "mine.safetensors")
    assert metadata == make_metadata(recipe) == load_metadata(tmp_path / "new" / "mine.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))
    assert not loaded.training
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.safetensors"]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_is_loaded_as_it_was_saved(tmp_path: Path, recipe: Recipe):
    save_checkpoint(path := tmp_path / "test.safetensors", torch.nn.Linear(1, 1), make_metadata(recipe))
    assert load_metadata(path).recipe == recipe


def test_a_training_starts_with_random_weights_or_with_those_of_the_checkpoint_it_is_based_on(
    checkpoint: Path, recipe: Recipe
):
    def weights(model: torch.nn.Module) -> torch.Tensor:
        return torch.cat([each.flatten() for each in model.parameters()])

    assert torch.equal(weights(initial_model(recipe, seed=3)), weights(recipe.build(seed=3)))
    based = dataclasses.replace(recipe, name="based", based_on=str(checkpoint))
    assert torch.equal(weights(initial_model(based, seed=3)), weights(load_checkpoint(checkpoint)[0]))
    assert RECIPES[RECIPES["sketch"].based_on].network == RECIPES["sketch"].network


def test_the_header_holds_the_metadata_as_json(checkpoint: Path, recipe: Recipe):
    with safe_open(checkpoint, framework="pt") as file:
        header = {name: json.loads(value) for name, value in file.metadata().items() if name != "checksum"}
    assert header == json.loads(json.dumps(dataclasses.asdict(make_metadata(recipe))))
    assert header["recipe"]["network"] == "784-10" and header["test_accuracy"] == 0.5
    assert {"data_checksum", "test_loss", "per_class_accuracy", "seed", "seconds", "torch_version"} <= header.keys()


@pytest.mark.slow
@settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=strategies.floats(0, 0.1) | strategies.floats(0, 1, exclude_max=True), bit=strategies.integers(0, 7))
def test_a_flipped_bit_is_detected(checkpoint: Path, position: float, bit: int):
    content = bytearray(checkpoint.read_bytes())  # the first tenth is the header
    content[int(len(content) * position)] ^= 1 << bit
    flipped = checkpoint.with_name("flipped.safetensors")
    flipped.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"flipped\.safetensors"):
        load_checkpoint(flipped)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, recipe: Recipe):
    model = recipe.build()
    with torch.no_grad():
        model[1].weight[3, 5] = torch.nan  # type: ignore[index, operator]
    save_checkpoint(tmp_path / "mine.safetensors", model, make_metadata(recipe))
    with pytest.raises(CheckpointError, match=r"mine\.safetensors holds weights that are not finite numbers"):
        load_checkpoint(tmp_path / "mine.safetensors")


@pytest.mark.parametrize("size", [0, 5, 1000, 31_000])
def test_a_truncated_file_is_refused(checkpoint: Path, size: int):
    checkpoint.write_bytes(checkpoint.read_bytes()[:size])
    with pytest.raises(CheckpointError, match=r"test\.safetensors is not a safetensors file, or not complete"):
        load_checkpoint(checkpoint)


def test_a_pickle_is_never_opened(tmp_path: Path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / "trap.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError, match=r"trap\.safetensors is not a safetensors file"):
        load_checkpoint(path)
    torch.save({"weights": torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match=r"trap\.safetensors is not a safetensors file"):
        load_checkpoint(path)
    assert not (tmp_path / "sprung").exists()


def test_a_safetensors_file_of_another_project_is_refused(tmp_path: Path):
    save_file({"weight": torch.ones(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match=r"foreign\.safetensors is not a checkpoint of mnist_demo"):
        load_checkpoint(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize("version", [1, 7])
def test_another_format_version_is_refused(tmp_path: Path, recipe: Recipe, version: int):
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, recipe.build(), dataclasses.replace(make_metadata(recipe), format_version=version))
    message = rf"other\.safetensors has format version {version}; this program reads 2\. Train it again\."
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def test_weights_of_another_network_are_refused(tmp_path: Path, recipe: Recipe):
    path = tmp_path / "mixed.safetensors"
    save_checkpoint(path, RECIPES["cnn"].build(), make_metadata(recipe))
    with pytest.raises(CheckpointError, match=r"mixed\.safetensors does not hold the weights of 784-10"):
        load_checkpoint(path)


def test_a_failed_write_leaves_the_old_file_unchanged(
    checkpoint: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
):
    before = checkpoint.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(CheckpointError, match=r"test\.safetensors could not be written: .*No space left"):
        save_checkpoint(checkpoint, recipe.build(5), make_metadata(recipe))
    assert checkpoint.read_bytes() == before and list(checkpoint.parent.iterdir()) == [checkpoint]


def test_checkpoints_are_found_by_name_or_path(checkpoint: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checkpoints, "CHECKPOINT_FOLDER", checkpoint.parent)
    assert find_checkpoint("test") == find_checkpoint(checkpoint) == checkpoint
    with pytest.raises(CheckpointError, match="There is no checkpoint 'cn'; give a path, or a name"):
        find_checkpoint("cn")


def test_known_recipes_are_listed_first_in_their_order(tmp_path: Path):
    for name in ("zebra", "cnn", "softmax", "apple"):
        (tmp_path / f"{name}.safetensors").touch()
    assert list_checkpoints(tmp_path) == ["softmax", "cnn", "apple", "zebra"]
    assert list_checkpoints(tmp_path / "absent") == []


def test_weights_of_another_type_are_refused(tmp_path: Path, recipe: Recipe):
    path = tmp_path / "halved.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_checksum", lambda *_: "")
        save_checkpoint(path, recipe.build().bfloat16(), make_metadata(recipe))
    with pytest.raises(CheckpointError, match="does not hold the weights of 784-10, but of other types"):
        load_checkpoint(path)
