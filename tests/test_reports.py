import dataclasses

from mnist_demo.devices import hardware_name
from mnist_demo.recipes import RECIPES
from mnist_demo.reports import (
    describe_network,
    describe_training,
    format_percent,
    markdown_table,
    metadata_note,
    recipe_table,
)
from tests.conftest import make_metadata


def test_tables_are_markdown_with_aligned_columns():
    assert markdown_table(["a", "bbb"], [["1", "2"], ["333", ""]]).splitlines() == [
        "| a   | bbb |",
        "| --- | --- |",
        "| 1   | 2   |",
        "| 333 |     |",
    ]


def test_training_is_described_in_words():
    assert describe_training(RECIPES["mlp-sigmoid"]) == "SGD 0.01 momentum 0.5, batch 32, 10 epochs"
    assert describe_training(RECIPES["mlp-500"].change(epochs=1)) == (
        "Adam 0.001, batch 100, 1 epoch, best epoch on 5,000 validation digits"
    )
    assert describe_training(RECIPES["mlp-128"]).endswith("10 epochs, plus copies augmented once")
    assert describe_training(RECIPES["sketch"]) == (
        "SGD 0.01 in one cycle momentum 0.9, batch 128 (drop last), 6 epochs with averaged weights, "
        "starting from sketch-dev, augmented each epoch, plus pen strokes of all writers"
    )
    assert describe_training(RECIPES["sketch-dev"]).endswith(
        "plus pen strokes of four fifths of the writers, best epoch on 5,000 validation digits, "
        "then 6 epochs with averaged weights at 0.01"
    )


def test_a_models_layers_are_described_in_words():
    networks = {name: describe_network(recipe.build()) for name, recipe in RECIPES.items()}
    assert networks["softmax"] == "784 pixels → 10 outputs"
    assert networks["mlp-dropout"] == (
        "784 pixels → 512 units, ReLU, dropout → 120 units, ReLU → 84 units, ReLU → 10 outputs"
    )
    assert networks["cnn"] == (
        "784 pixels → 16 maps (5x5), max pooling, ReLU → 32 maps (5x5), max pooling, ReLU → 10 outputs"
    )
    assert "→ 32 maps (3x3, stride 2), batch norm, ReLU →" in networks["sketch"]
    assert networks["fast"].startswith(
        "784 pixels, cropped to 24x24 → 16 maps (fixed cosine waves 6x6, stride 2), ReLU → 32 maps (3x3)"
    )


def test_recipes_without_a_checkpoint_are_not_trained():
    metadata = dataclasses.replace(make_metadata(RECIPES["cnn"]), test_accuracy=0.9876, data_source="MNIST")
    lines = recipe_table(RECIPES, {"cnn": metadata}).splitlines()
    assert format_percent(0.9876) == "98.76%" and "| 98.76% " in lines[-1] and "not trained" not in lines[-1]
    assert all("| not trained" in line for line in lines[2:-1])
    assert metadata_note({"cnn": metadata}).endswith("seconds of training on a test.")


def test_the_table_shows_the_hyperparameters_and_data_of_the_checkpoint():
    metadata = make_metadata(RECIPES["cnn"].change(epochs=2))
    metadata = dataclasses.replace(metadata, data_source="synthetic digits", finished=False)
    line = recipe_table({"cnn": RECIPES["cnn"]}, {"cnn": metadata}).splitlines()[-1]
    assert "2 epochs" in line and "50.00% on synthetic digits, stopped early" in line
    line = recipe_table({"cnn": RECIPES["cnn"]}, {"cnn": dataclasses.replace(metadata, epochs=[])}).splitlines()[-1]
    assert "50.00% on synthetic digits, stopped early" in line


def test_the_hardware_name_ends_with_the_number_of_cores():
    assert hardware_name().endswith(" cores") and not hardware_name().startswith(",")
