"""Calibration: temperature scaling of the probabilities, and the threshold that rejects non-digits."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from mnist_demo.errors import InputError

FALSE_REJECT_RATE = 0.01  # share of the digits used for fitting that the threshold rejects


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities. By default they are not scaled, and every drawing is accepted as a digit."""

    temperature: float = 1.0  # divides the logits; above 1 if the model is overconfident
    threshold: float = 0.0  # a drawing with a lower score is not a digit, 0 to 1

    def __post_init__(self) -> None:
        if not (0 < self.temperature < float("inf") and 0 <= self.threshold <= 1):
            raise InputError(f"A calibration needs a temperature above 0 and a threshold from 0 to 1; got {self}.")

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the ten digits' probabilities, given one digit: float64 (..., 10) from logits (..., 10 or more)."""
        return (logits[..., :10].double() / self.temperature).softmax(dim=-1)

    def scores(self, logits: Tensor) -> Tensor:
        """Return the probability that it is one digit: float64 (...), 0 to 1; 1 if the model knows only digits."""
        return (logits.double() / self.temperature).softmax(dim=-1)[..., :10].sum(dim=-1)


def fit_calibration(logits: Tensor, labels: Tensor) -> Calibration:
    """Fit to logits (N, 10 or more) of digits that were not trained on, with labels int64 (N,) from 0 to 9.

    The temperature, precise to 1%, minimizes the cross-entropy (C. Guo et al., "On calibration of modern neural
    networks", 2017). The threshold rejects FALSE_REJECT_RATE of these digits.
    """
    temperatures = torch.logspace(-1, 1, 463, dtype=torch.float64).tolist()  # 0.1 to 10
    losses = [cross_entropy(logits[:, :10].double() / temperature, labels).item() for temperature in temperatures]
    temperature = temperatures[losses.index(min(losses))]
    scores = Calibration(temperature).scores(logits)
    return Calibration(temperature, scores.quantile(FALSE_REJECT_RATE).item())


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Return the mean gap, 0 to 1, between confidence and accuracy over bins of equal width.

    probabilities (N, 10), labels int64 (N,). M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated
    probabilities using Bayesian binning" (2015).
    """
    confidences, predictions = probabilities.double().max(dim=1)
    gaps = (predictions == labels).double() - confidences
    indices = (confidences * bins).long().clamp(max=bins - 1)
    sums = torch.zeros(bins, dtype=torch.float64).index_add_(0, indices, gaps)
    return sums.abs().sum().item() / len(labels)
