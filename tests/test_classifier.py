from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mnist_demo
from mnist_demo import RECIPES, CheckpointError, Classifier, evaluate
from mnist_demo.checkpoints import find_checkpoint, load_metadata
from mnist_demo.data import Dataset
from mnist_demo.data.non_digits import LETTERS, SYMBOLS, design_paths, side_by_side
from mnist_demo.data.pen_digits import PenDigit
from mnist_demo.data.synthetic import DESIGNS, RARE_DESIGNS, design_strokes, synthetic_paths, warp_paths
from mnist_demo.preprocess.strokes import strokes_to_image

# Test accuracies that the tutorials report, in percent.
TUTORIALS = {"softmax": 92.0, "mlp-500": 96.21, "mlp-512": 97.0, "mlp-512-augmented": 98.0, "mlp-dropout": 98.0}
TUTORIALS |= {"mlp-sigmoid": 90.27}


def test_the_public_names_are_exported():
    promised = {"Classifier", "Prediction", "RECIPES", "Recipe", "train", "Progress", "evaluate"}
    assert promised <= set(mnist_demo.__all__) and all(hasattr(mnist_demo, name) for name in mnist_demo.__all__)


def test_a_classifier_loads_by_name_or_path(checkpoint: Path):
    assert Classifier.load("softmax").name == "softmax"
    assert Classifier.load(checkpoint).name == Classifier.load(str(checkpoint)).name == "test"
    with pytest.raises(CheckpointError, match="There is no checkpoint 'nothing'"):
        Classifier.load("nothing")
    with pytest.raises(CheckpointError, match="There is no checkpoint 'xxx"):
        Classifier.load("x" * 5000)


def test_a_prediction_contains_the_digit_its_probabilities_and_the_image():
    prediction = Classifier.load("cnn").predict_strokes(design_strokes("plain 7"))
    assert prediction.digit == 7 == int(np.argmax(prediction.probabilities))
    assert len(prediction.probabilities) == 10 and sum(prediction.probabilities) == pytest.approx(1)
    assert prediction.confidence == max(prediction.probabilities)
    assert np.array_equal(prediction.image, strokes_to_image(design_strokes("plain 7")))


def test_a_blank_drawing_has_no_digit():
    classifier = Classifier.load("cnn")
    for prediction in (classifier.predict_strokes([]), classifier.predict_image(Image.new("RGB", (90, 90), "white"))):
        assert prediction.digit is None and prediction.probabilities == [0.1] * 10 and not prediction.image.any()


def test_non_digits_are_rejected_and_digits_are_accepted():
    classifier, rng = Classifier.load("sketch"), np.random.default_rng(5)
    drawings = [warp_paths(paths, rng) for paths in design_paths({**SYMBOLS, **LETTERS})]
    assert sum(not classifier.predict_strokes(drawing).is_digit for drawing in drawings) / len(drawings) > 0.9
    digits = [classifier.predict_strokes(warp_paths(synthetic_paths(i % 10, rng), rng)) for i in range(200)]
    assert sum(one.is_digit for one in digits) / 200 > 0.95
    assert all(0 <= one.digit_probability <= 1 for one in digits)


def test_two_digits_side_by_side_are_detected():
    classifier, rng = Classifier.load("sketch"), np.random.default_rng(5)
    tens = [
        classifier.predict_strokes(side_by_side([synthetic_paths(1, rng), synthetic_paths(0, rng)], rng))
        for _ in range(50)
    ]
    assert sum(one.is_multiple and not one.is_digit for one in tens) > 45


def test_models_that_know_only_digits_accept_every_drawing():
    prediction = Classifier.load("cnn").predict_strokes([[(0, 50), (100, 50)]])
    assert prediction.is_digit and prediction.digit_probability == pytest.approx(1) and not prediction.is_multiple


def test_digits_of_unseen_writers_are_classified_correctly(pen_digits: list[PenDigit]):
    classifier = Classifier.load("sketch-dev")
    unseen = [one for one in pen_digits if one.writer > 24][::5]
    correct = sum(classifier.predict_strokes(one.paths).digit == one.digit for one in unseen)
    assert correct / len(unseen) > 0.99


@pytest.mark.parametrize("name", ["plain 7", "round 2", "flat 3", "closed 4"])
def test_a_photo_is_classified_from_an_image_or_an_array(name: str):
    classifier = Classifier.load("cnn")
    photo = Image.fromarray(255 - strokes_to_image(design_strokes(name))).resize((280, 280))
    assert classifier.predict_image(photo).digit == DESIGNS[name][0]
    assert classifier.predict_image(np.asarray(photo)).digit == DESIGNS[name][0]


def test_all_designs_are_classified_correctly():
    classifier = Classifier.load("sketch")
    for name, (digit, _) in {**DESIGNS, **RARE_DESIGNS}.items():
        prediction = classifier.predict_strokes(design_strokes(name))
        assert prediction.digit == digit and prediction.is_digit, name


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_checkpoints_were_trained_on_mnist_with_their_recipe(name: str):
    metadata = load_metadata(find_checkpoint(name))
    assert metadata.recipe == RECIPES[name] and metadata.data_source == "MNIST" and metadata.finished
    assert ("CC BY 4.0" in metadata.credit) == bool(metadata.recipe.pen_writers)
    assert len(metadata.epochs) == metadata.recipe.all_epochs
    assert 100 * metadata.test_accuracy >= TUTORIALS.get(name, 97.0) - 0.3


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "sketch-dev" else ()) for name in RECIPES]
)  # sketch-dev is sketch, trained by fewer writers
def test_shipped_checkpoints_have_their_recorded_accuracy_on_mnist(name: str, mnist: Dataset):
    classifier = Classifier.load(name)
    result = evaluate(classifier.model, mnist.test)
    assert classifier.metadata is not None
    if not classifier.metadata.recipe.pen_writers:
        assert classifier.metadata.data_checksum == mnist.checksum
    # Rounding on another machine may change the prediction of an uncertain digit.
    assert result.accuracy == pytest.approx(classifier.metadata.test_accuracy, abs=3e-4)
    assert result.loss == pytest.approx(classifier.metadata.test_loss, rel=1e-3)
