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
from mnist_demo.checkpoints import find_checkpoint, list_checkpoints, load_checkpoint, load_record, save_checkpoint
from mnist_demo.errors import CheckpointError
from mnist_demo.recipes import RECIPES, Recipe
from tests.conftest import record_of


def test_what_is_saved_is_what_is_loaded(tmp_path: Path):
    recipe = RECIPES["mlp-128"]
    model = recipe.build(seed=9)
    save_checkpoint(tmp_path / "new" / "mine.safetensors", model, record_of(recipe))
    loaded, record = load_checkpoint(tmp_path / "new" / "mine.safetensors")
    assert record == record_of(recipe) == load_record(tmp_path / "new" / "mine.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))
    assert not loaded.training
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.safetensors"]


def test_the_header_says_how_the_weights_were_made(checkpoint: Path, recipe: Recipe):
    with safe_open(checkpoint, framework="pt") as file:
        header = {name: json.loads(value) for name, value in file.metadata().items() if name != "checksum"}
    assert header["recipe"] == json.loads(json.dumps(recipe.to_dict()))
    assert header["test_accuracy"] == 0.5 and header["data_source"] == "practice digits"
    assert {"data_checksum", "test_loss", "per_class_accuracy", "seed", "seconds", "torch_version"} <= header.keys()


@settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=strategies.floats(0, 0.1) | strategies.floats(0, 1, exclude_max=True), bit=strategies.integers(0, 7))
def test_a_flipped_bit_is_found(checkpoint: Path, place: float, bit: int):
    content = bytearray(checkpoint.read_bytes())  # of which the header is the first tenth
    content[int(len(content) * place)] ^= 1 << bit
    flipped = checkpoint.with_name("flipped.safetensors")
    flipped.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"flipped\.safetensors"):
        load_checkpoint(flipped)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, recipe: Recipe):
    model = recipe.build()
    with torch.no_grad():
        model[1].weight[3, 5] = torch.nan  # type: ignore[index, operator]
    save_checkpoint(tmp_path / "mine.safetensors", model, record_of(recipe))
    with pytest.raises(CheckpointError, match=r"mine\.safetensors holds weights that are no finite numbers"):
        load_checkpoint(tmp_path / "mine.safetensors")


@pytest.mark.parametrize("size", [0, 5, 1000, 31_000])
def test_a_truncated_file_is_named(checkpoint: Path, size: int):
    checkpoint.write_bytes(checkpoint.read_bytes()[:size])
    with pytest.raises(CheckpointError, match=r"test\.safetensors is no safetensors file, or not whole"):
        load_checkpoint(checkpoint)


def test_a_pickle_is_never_opened(tmp_path: Path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / "trap.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError, match=r"trap\.safetensors is no safetensors file"):
        load_checkpoint(path)
    torch.save({"weights": torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match=r"trap\.safetensors is no safetensors file"):
        load_checkpoint(path)
    assert not (tmp_path / "sprung").exists()


def test_a_foreign_file_is_named(tmp_path: Path):
    save_file({"weight": torch.ones(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match=r"foreign\.safetensors is no checkpoint of mnist_demo"):
        load_checkpoint(tmp_path / "foreign.safetensors")


def test_another_format_version_is_named(tmp_path: Path, recipe: Recipe):
    path = tmp_path / "old.safetensors"
    save_checkpoint(path, recipe.build(), dataclasses.replace(record_of(recipe), format_version=7))
    with pytest.raises(CheckpointError, match=r"old\.safetensors has format version 7; this program reads 1"):
        load_checkpoint(path)


def test_weights_of_another_network_are_named(tmp_path: Path, recipe: Recipe):
    path = tmp_path / "mixed.safetensors"
    save_checkpoint(path, RECIPES["cnn"].build(), record_of(recipe))
    with pytest.raises(CheckpointError, match=r"mixed\.safetensors does not hold the weights of 784-10"):
        load_checkpoint(path)


def test_a_failed_write_leaves_the_old_file_whole(checkpoint: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    before = checkpoint.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CheckpointError, match=r"test\.safetensors could not be written: .*No space left"):
        save_checkpoint(checkpoint, recipe.build(5), record_of(recipe))
    assert checkpoint.read_bytes() == before and list(checkpoint.parent.iterdir()) == [checkpoint]


def test_checkpoints_are_found_by_name_or_path(checkpoint: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checkpoints, "FOLDER", checkpoint.parent)
    assert find_checkpoint("test") == find_checkpoint(checkpoint) == checkpoint
    with pytest.raises(CheckpointError, match="There is no checkpoint 'cn'; give a path, or a name"):
        find_checkpoint("cn")


def test_known_recipes_are_listed_first_in_their_order(tmp_path: Path):
    for name in ("zebra", "cnn", "softmax", "apple"):
        (tmp_path / f"{name}.safetensors").touch()
    assert list_checkpoints(tmp_path) == ["softmax", "cnn", "apple", "zebra"]
    assert list_checkpoints(tmp_path / "absent") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("test_accuracy", "<b>"),
        ("seed", 1.5),
        ("finished", 1),
        ("epochs", [{"train_loss": [], "test_loss": 1.0, "test_accuracy": 0.5}]),
        ("calibration", {"temperature": "hot"}),
        ("calibration", {"temperature": 0.0}),
        ("calibration", {"least_score": 2.0}),
        ("per_class_accuracy", [0.5, None]),
        ("test_accuracy", 5.0),
        ("per_class_accuracy", [0.5] * 11),
    ],
)
def test_a_header_whose_values_are_of_other_types_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe, name: str, value: object
):
    path = tmp_path / "made-up.safetensors"
    record = record_of(recipe)
    object.__setattr__(record, name, value)
    monkeypatch.setattr(dataclasses, "asdict", lambda one: {**vars(one)} | {"calibration": {}, name: value})
    if name != "epochs":
        object.__setattr__(record, "epochs", [])
    save_checkpoint(path, recipe.build(), record)  # with a checksum that is right
    with pytest.raises(CheckpointError, match=r"made-up\.safetensors has a header that cannot be read"):
        load_checkpoint(path)


def test_a_recipe_whose_values_are_of_other_types_is_refused(tmp_path: Path, recipe: Recipe):
    path = tmp_path / "made-up.safetensors"
    object.__setattr__(recipe, "name", ["<b>"])
    save_checkpoint(path, recipe.build(), record_of(recipe))
    with pytest.raises(CheckpointError, match="has a header that cannot be read"):
        load_checkpoint(path)


def test_a_header_is_no_place_for_a_book(tmp_path: Path, recipe: Recipe):
    record = dataclasses.replace(record_of(recipe), per_class_accuracy=[0.5] * 1_000_000)
    save_checkpoint(path := tmp_path / "large.safetensors", recipe.build(), record)
    with pytest.raises(CheckpointError, match=r"has a header of 5,000,\d+ characters; at most 200,000 are read\."):
        load_checkpoint(path)


def test_weights_of_another_type_are_refused(tmp_path: Path, recipe: Recipe):
    path = tmp_path / "halved.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_checksum", lambda *_: "")
        save_checkpoint(path, recipe.build().bfloat16(), record_of(recipe))
    with pytest.raises(CheckpointError, match="does not hold the weights of 784-10, but of other types"):
        load_checkpoint(path)
