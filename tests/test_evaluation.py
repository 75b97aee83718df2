import time

import pytest
import torch
from torch import nn

from mnist_demo.classifier import Classifier
from mnist_demo.data import Dataset, Digits
from mnist_demo.evaluation import evaluate
from mnist_demo.models import build_model


def test_the_evaluation_matches_a_plain_loop(synthetic: Dataset):
    model = build_model("784-10", seed=4).eval()
    result = evaluate(model, synthetic.test, batch_size=64)
    correct, loss = [0] * 10, 0.0
    for image, label in zip(synthetic.test.images, synthetic.test.labels.tolist(), strict=True):
        logits = model(image[None] / 255)[0].detach().double()
        loss -= logits.log_softmax(dim=0)[label].item() / len(synthetic.test)
        correct[label] += int(logits.argmax() == label)
    assert result.per_class == [(count, 20) for count in correct]
    assert result.per_class_accuracy == [count / 20 for count in correct]
    assert result.accuracy == sum(correct) / 200
    assert result.loss == pytest.approx(loss)
    assert torch.equal(result.confidences, result.probabilities.gather(1, result.predictions[:, None])[:, 0])
    for label, prediction in ((0, 0), (3, 5), (9, 4)):
        both = (result.labels == label) & (result.predictions == prediction)
        assert result.confusion[label, prediction] == both.sum()
    assert result.confusion.sum() == 200


def test_probabilities_are_calibrated_and_progress_is_reported(synthetic: Dataset):
    classifier = Classifier.load("sketch")
    shares: list[float] = []
    calibrated = evaluate(
        classifier.model, synthetic.test, calibration=classifier.calibration, report=shares.append, batch_size=60
    )
    single = classifier.predict_mnist(synthetic.test.images[7, 0].numpy())
    assert calibrated.probabilities[7].tolist() == pytest.approx(single.probabilities, abs=1e-6)
    assert shares == [0.3, 0.6, 0.9, 1.0]
    parallel = evaluate(classifier.model, synthetic.test, batch_size=60, calibration=classifier.calibration, workers=3)
    assert torch.allclose(parallel.probabilities, calibrated.probabilities, atol=1e-6)
    assert parallel.loss == pytest.approx(calibrated.loss, rel=1e-6)


def test_dropout_is_off_and_the_models_mode_is_restored(synthetic: Dataset):
    model = build_model("784-128-10 ReLU, dropout").train()
    assert torch.equal(evaluate(model, synthetic.test).predictions, evaluate(model, synthetic.test).predictions)
    assert model.training
    evaluate(model.eval(), synthetic.test)
    assert not model.training


def test_a_label_without_digits_has_accuracy_zero():
    digits = Digits(torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.tensor([3, 3]))
    result = evaluate(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), digits)
    assert result.per_class[0] == (0, 0) and result.per_class_accuracy[0] == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_the_progress_callback_can_stop_the_evaluation(synthetic: Dataset, workers: int):
    class Slow(nn.Linear):
        evaluated = 0

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.evaluated += len(images)
            time.sleep(0.005)
            return super().forward(images.flatten(1))

    def stop(share: float) -> None:
        raise InterruptedError

    model = Slow(784, 10).train()
    with pytest.raises(InterruptedError):
        evaluate(model, synthetic.test, batch_size=2, report=stop, workers=workers)
    assert model.evaluated < 50 and model.training
