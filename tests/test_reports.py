import dataclasses

from mnist_demo.hardware import hardware_name
from mnist_demo.recipes import RECIPES
from mnist_demo.reports import describe_network, describe_training, percent, recipe_table, record_note, table
from tests.conftest import record_of


def test_tables_are_markdown_with_columns_of_one_width():
    assert table(["a", "bbb"], [["1", "2"], ["333", ""]]).splitlines() == [
        "| a   | bbb |",
        "| --- | --- |",
        "| 1   | 2   |",
        "| 333 |     |",
    ]


def test_a_training_is_told_in_words():
    assert describe_training(RECIPES["mlp-sigmoid"]) == "SGD 0.01 momentum 0.5, batch 32, 10 epochs"
    assert describe_training(RECIPES["mlp-500"].change(epochs=1)) == (
        "Adam 0.001, batch 100, 1 epoch, best epoch on 5,000 held out"
    )
    assert describe_training(RECIPES["mlp-128"]).endswith("10 epochs, with a copy augmented once")
    assert describe_training(RECIPES["sketch"]).startswith("SGD 0.15 in one cycle momentum 0.9, batch 128")
    assert describe_training(RECIPES["sketch"]).endswith(
        "also the pens of 30 writers, then 4 gentler epochs at 0.01 with averaged weights"
    )


def test_a_network_is_told_in_words():
    told = {name: describe_network(recipe.build()) for name, recipe in RECIPES.items()}
    assert told["softmax"] == "784 pixels → 10 outputs"
    assert told["mlp-dropout"] == (
        "784 pixels → 512 units, ReLU, dropout → 120 units, ReLU → 84 units, ReLU → 10 outputs"
    )
    assert told["cnn"] == (
        "784 pixels → 16 maps (5x5), max pooling, ReLU → 32 maps (5x5), max pooling, ReLU → 10 outputs"
    )
    assert "→ 32 maps (3x3, every second place), batch norm, ReLU →" in told["sketch"]
    assert told["fast"].startswith(
        "784 pixels, cropped to 24x24 → 16 maps (fixed cosine waves 6x6, every second place), ReLU → 32 maps (3x3)"
    )


def test_recipes_without_a_checkpoint_say_so():
    record = dataclasses.replace(record_of(RECIPES["cnn"]), test_accuracy=0.9876, data_source="MNIST")
    lines = recipe_table(RECIPES, {"cnn": record}).splitlines()
    assert percent(0.9876) == "98.76 %" and "| 98.76 % " in lines[-1] and "not trained" not in lines[-1]
    assert all("| not trained" in line for line in lines[2:-1])
    assert record_note({"cnn": record}).endswith("seconds of training on a test.")


def test_a_run_that_differs_from_its_recipe_shows_as_such():
    record = dataclasses.replace(record_of(RECIPES["cnn"].change(epochs=2)), finished=False)
    line = recipe_table({"cnn": RECIPES["cnn"]}, {"cnn": record}).splitlines()[-1]
    assert "2 epochs" in line and "50.00 % on practice digits, stopped early" in line
    line = recipe_table({"cnn": RECIPES["cnn"]}, {"cnn": dataclasses.replace(record, epochs=[])}).splitlines()[-1]
    assert "50.00 % on practice digits, stopped early" in line


def test_the_hardware_has_a_name_and_cores():
    assert hardware_name().endswith(" cores") and not hardware_name().startswith(",")
