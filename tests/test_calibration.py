import pytest
import torch

from mnist_demo.calibration import Calibration, calibrate, expected_calibration_error


def overconfident(count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits three times as large as they should be, with labels drawn from what they should be."""
    draws = torch.Generator().manual_seed(0)
    honest = torch.randn(count, 12, generator=draws) * 2
    labels = honest[:, :10].softmax(dim=1).multinomial(1, generator=draws)[:, 0]
    return honest * 3, labels


def test_the_temperature_undoes_overconfidence():
    logits, labels = overconfident()
    calibration = calibrate(logits, labels)
    assert calibration.temperature == pytest.approx(3, rel=0.05)
    assert expected_calibration_error(Calibration().probabilities(logits), labels) > 0.2
    assert expected_calibration_error(calibration.probabilities(logits), labels) < 0.03


def test_the_threshold_flags_one_digit_in_a_hundred():
    logits, labels = overconfident()
    calibration = calibrate(logits, labels)
    flagged = calibration.scores(logits) < calibration.least_score
    assert flagged.sum() == 40


def test_ten_logits_say_that_everything_is_a_digit():
    logits = torch.randn(5, 10)
    assert torch.allclose(Calibration().scores(logits), torch.ones(5, dtype=torch.float64))
    assert torch.allclose(Calibration().probabilities(logits).sum(dim=1), torch.ones(5, dtype=torch.float64))


def test_scores_and_probabilities_part_what_it_is_from_whether_it_is_one():
    logits = torch.zeros(12)
    logits[3], logits[10] = 2.0, 5.0
    calibration = Calibration()
    assert calibration.scores(logits) < 0.15 and calibration.probabilities(logits).argmax() == 3
    assert calibration.probabilities(logits).sum().item() == pytest.approx(1)


def test_the_calibration_error_is_the_gap_between_sureness_and_truth():
    probabilities = torch.full((10, 10), 0.2 / 9)
    probabilities[:, 0] = 0.8
    labels = torch.tensor([0] * 6 + [1] * 4)  # sure to 80 %, right in 60 %
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.2, abs=1e-6)
