import pytest
import torch

from mnist_demo.calibration import Calibration, expected_calibration_error, fit_calibration, fit_threshold


def overconfident(count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits scaled by three, with labels drawn from the unscaled logits' probabilities."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 12, generator=generator) * 2
    labels = logits[:, :10].softmax(dim=1).multinomial(1, generator=generator)[:, 0]
    return logits * 3, labels


def test_the_temperature_corrects_overconfidence():
    logits, labels = overconfident()
    calibration = fit_calibration(logits, labels, ["one"] * len(labels))
    assert calibration.temperature == pytest.approx(3, rel=0.05)
    assert expected_calibration_error(Calibration().probabilities(logits), labels) > 0.2
    assert expected_calibration_error(calibration.probabilities(logits), labels) < 0.03


def test_the_threshold_rejects_one_percent_of_the_digits_that_have_a_writer():
    logits, labels = overconfident()
    calibration = fit_calibration(logits, labels, ["one"] * 2000)
    rejected = calibration.scores(logits[:2000]) < calibration.threshold
    assert rejected.sum() == 20


def test_each_writer_counts_alike_however_much_they_wrote():
    # The first writer's 900 digits have low scores. A digit of the second, who wrote 100, counts nine times as much.
    scores = torch.cat([torch.linspace(0, 0.5, 900), torch.linspace(0.5, 1, 100)]).double()
    threshold = fit_threshold(scores, ["one"] * 900 + ["two"] * 100)
    assert (scores < threshold).sum() == 18  # 2% of one writer's, none of the other's


def test_with_ten_logits_every_score_is_one():
    logits = torch.randn(5, 10)
    assert torch.allclose(Calibration().scores(logits), torch.ones(5, dtype=torch.float64))
    assert torch.allclose(Calibration().probabilities(logits).sum(dim=1), torch.ones(5, dtype=torch.float64))


def test_the_score_is_independent_of_the_digits_probabilities():
    logits = torch.zeros(12)
    logits[3], logits[10] = 2.0, 5.0
    calibration = Calibration()
    assert calibration.scores(logits) < 0.15 and calibration.probabilities(logits).argmax() == 3
    assert calibration.probabilities(logits).sum().item() == pytest.approx(1)


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy():
    probabilities = torch.full((10, 10), 0.2 / 9)
    probabilities[:, 0] = 0.8
    labels = torch.tensor([0] * 6 + [1] * 4)  # confidence 80%, accuracy 60%
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.2, abs=1e-6)
