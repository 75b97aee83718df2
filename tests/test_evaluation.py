import time

import pytest
import torch
from torch import nn

from mnist_demo.classifier import Classifier
from mnist_demo.data import Data, Digits
from mnist_demo.evaluation import evaluate
from mnist_demo.models import build_model


def test_figures_are_those_of_a_plain_loop(practice: Data):
    model = build_model("784-10", seed=4).eval()
    result = evaluate(model, practice.test, batch_size=64)
    right, loss = [0] * 10, 0.0
    for image, label in zip(practice.test.images, practice.test.labels.tolist(), strict=True):
        logits = model(image[None] / 255)[0].detach().double()
        loss -= logits.log_softmax(dim=0)[label].item() / len(practice.test)
        right[label] += int(logits.argmax() == label)
    assert result.per_class == [(count, 20) for count in right]
    assert result.per_class_accuracy == [count / 20 for count in right]
    assert result.accuracy == sum(right) / 200
    assert result.loss == pytest.approx(loss)
    assert torch.equal(result.confidences, result.probabilities.gather(1, result.predictions[:, None])[:, 0])
    for truth, read in ((0, 0), (3, 5), (9, 4)):
        both = (result.labels == truth) & (result.predictions == read)
        assert result.confusion[truth, read] == both.sum()
    assert result.confusion.sum() == 200


def test_probabilities_are_calibrated_and_the_progress_is_told(practice: Data):
    classifier = Classifier.load("sketch")
    shares: list[float] = []
    calibrated = evaluate(
        classifier.model, practice.test, calibration=classifier.calibration, report=shares.append, batch_size=60
    )
    alone = classifier.predict_prepared(practice.test.images[7, 0].numpy())
    assert calibrated.probabilities[7].tolist() == pytest.approx(alone.probabilities, abs=1e-6)
    assert shares == [0.3, 0.6, 0.9, 1.0]
    shared = evaluate(classifier.model, practice.test, batch_size=60, calibration=classifier.calibration, workers=3)
    assert torch.allclose(shared.probabilities, calibrated.probabilities, atol=1e-6) and shared.loss == calibrated.loss


def test_dropout_is_off_and_the_models_mode_is_left(practice: Data):
    model = build_model("784-128-10 ReLU, dropout").train()
    assert torch.equal(evaluate(model, practice.test).predictions, evaluate(model, practice.test).predictions)
    assert model.training
    evaluate(model.eval(), practice.test)
    assert not model.training


def test_a_digit_that_is_absent_counts_nothing():
    digits = Digits(torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.tensor([3, 3]))
    result = evaluate(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), digits)
    assert result.per_class[0] == (0, 0) and result.per_class_accuracy[0] == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_who_hears_of_the_progress_may_end_it(practice: Data, workers: int):
    class Slow(nn.Linear):
        read = 0

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.read += len(images)
            time.sleep(0.005)
            return super().forward(images.flatten(1))

    def stop(share: float) -> None:
        raise InterruptedError

    model = Slow(784, 10).train()
    with pytest.raises(InterruptedError):
        evaluate(model, practice.test, batch_size=2, report=stop, workers=workers)
    assert model.read < 50 and model.training
