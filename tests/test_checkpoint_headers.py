"""A checkpoint with an invalid header is refused, and the error names the field."""

import dataclasses
from pathlib import Path

import pytest
from safetensors.torch import save_file

from mnist_demo.checkpoints import load_checkpoint, load_metadata, save_checkpoint
from mnist_demo.errors import CheckpointError
from mnist_demo.recipes import Recipe
from tests.conftest import make_metadata


def save_with(path: Path, recipe: Recipe, fields: dict[str, object]) -> Path:
    """Save a checkpoint whose header has other fields and a checksum that matches them."""
    with pytest.MonkeyPatch.context() as patch:
        real = dataclasses.asdict
        patch.setattr(dataclasses, "asdict", lambda metadata: {**real(metadata), **fields})
        save_checkpoint(path, recipe.build(), make_metadata(recipe))
    return path


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("test_accuracy", "<b>", "'test_accuracy' in its header: Input should be a valid number"),
        ("test_accuracy", "0.5", "'test_accuracy' in its header: Input should be a valid number"),
        ("test_accuracy", 5.0, "'test_accuracy' in its header: Input should be less than or equal to 1"),
        ("test_accuracy", -0.1, "'test_accuracy'"),
        ("test_accuracy", float("nan"), "'test_accuracy'"),
        ("test_loss", True, "'test_loss'"),
        ("seed", 1.5, "'seed' in its header: Input should be a valid integer"),
        ("seed", True, "'seed' in its header: Input should be a valid integer"),
        ("finished", 1, "'finished' in its header: Input should be a valid boolean"),
        ("epochs", [{"train_loss": [], "test_loss": 1.0, "test_accuracy": 0.5}], "'epochs.0.train_loss'"),
        ("calibration", {"temperature": "hot"}, "'calibration.temperature'"),
        ("calibration", {"temperature": 0.0}, "'calibration' in its header: A calibration needs a temperature"),
        ("calibration", {"threshold": 2.0}, "'calibration'"),
        ("per_class_accuracy", [0.5, None], "'per_class_accuracy.1'"),
        ("per_class_accuracy", [0.5] * 11, "'per_class_accuracy' in its header: List should have at most 10 items"),
        ("per_class_accuracy", [0.5] * 9, "'per_class_accuracy' in its header: List should have at least 10 items"),
        ("surprise", 1, "'surprise' in its header: Unexpected"),
        ("x" * 1000, 1, f"'{'x' * 80}' in its header: Unexpected"),
    ],
)
def test_an_invalid_field_is_named(tmp_path: Path, recipe: Recipe, name: str, value: object, message: str):
    path = save_with(tmp_path / "invalid.safetensors", recipe, {name: value})
    for load in (load_checkpoint, load_metadata):
        with pytest.raises(CheckpointError, match=rf"invalid\.safetensors has an invalid {message}") as caught:
            load(path)
        assert "\n" not in str(caught.value) and caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("name", ["<b>"], "'recipe.name' in its header: Input should be a valid string"),
        ("epochs", True, "'recipe.epochs' in its header: Input should be a valid integer"),
        ("epochs", 0, "'recipe' in its header: epochs must be"),
        ("lr", "0.1", "'recipe.lr' in its header: Input should be a valid number"),
        ("network", "resnet", "'recipe' in its header: Unknown network 'resnet'"),
        ("network", "resnet" * 1000, "'recipe' in its header: Unknown network 'resnet"),
        ("augmentation", [{"angle": 25}], "'recipe.augmentation.0"),
        ("augmentation", [{"degrees": True}], "'recipe.augmentation.0"),
        ("fine_tune", {"lr": 0.1}, "'recipe.fine_tune.name' in its header: Field required"),
        ("surprise", 1, "'recipe.surprise' in its header: Unexpected"),
    ],
)
def test_an_invalid_recipe_is_named(tmp_path: Path, recipe: Recipe, name: str, value: object, message: str):
    path = save_with(tmp_path / "invalid.safetensors", recipe, {"recipe": {**dataclasses.asdict(recipe), name: value}})
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Invalid JSON: EOF while parsing"),
        ("{", "Invalid JSON: EOF while parsing"),
        ('1, "seed": 2', "Invalid JSON: trailing characters"),
        ('{"fine_tune":' * 5000 + "null" + "}" * 5000, "Invalid JSON: recursion limit exceeded"),
    ],
)
def test_a_field_that_is_not_json_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "invalid.safetensors"
    save_file({}, path, {"format_version": "2", "recipe": text})
    with pytest.raises(CheckpointError, match=f"has an invalid 'recipe' in its header: {message}"):
        load_checkpoint(path)


def test_a_missing_field_is_named(tmp_path: Path):
    path = tmp_path / "invalid.safetensors"
    save_file({}, path, {"format_version": "2", "recipe": '{"name": "test"}'})
    with pytest.raises(CheckpointError, match="has an invalid 'data_source' in its header: Field required"):
        load_checkpoint(path)


def test_a_header_that_is_too_long_is_refused(tmp_path: Path, recipe: Recipe):
    metadata = dataclasses.replace(make_metadata(recipe), per_class_accuracy=[0.5] * 50_000)
    save_checkpoint(path := tmp_path / "large.safetensors", recipe.build(), metadata)
    with pytest.raises(CheckpointError, match=r"has a header of 25\d,\d+ characters; at most 200,000 are allowed\."):
        load_checkpoint(path)
