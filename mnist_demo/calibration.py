"""What a network's logits are worth: percentages that mean what they say, and a threshold for what is no digit."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from mnist_demo.errors import InputError

FALSE_ALARMS = 0.01  # share of the digits it is fitted to that may be taken for something else


@dataclass(frozen=True)
class Calibration:
    """How logits become answers; as it stands, they are taken as they are and everything is a digit."""

    temperature: float = 1.0  # logits are divided by it; above 1 where the network is too sure of itself
    least_score: float = 0.0  # what scores less is no digit, 0 to 1

    def __post_init__(self) -> None:
        if not (0 < self.temperature < float("inf") and 0 <= self.least_score <= 1):
            raise InputError(f"A calibration needs a temperature above 0 and a score from 0 to 1; got {self}.")

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of the ten digits, if it is one: float64 (..., 10) that sum to 1, from logits (..., 10 or more)."""
        return (logits[..., :10].double() / self.temperature).softmax(dim=-1)

    def scores(self, logits: Tensor) -> Tensor:
        """How likely it is one digit and nothing else: float64 (...), 0 to 1; 1 from networks that know only digits."""
        return (logits.double() / self.temperature).softmax(dim=-1)[..., :10].sum(dim=-1)


def calibrate(logits: Tensor, labels: Tensor) -> Calibration:
    """Fit to logits (N, 10 or more) of digits that were not trained on, with labels int64 (N,) from 0 to 9.

    The temperature is the one that makes the labels likeliest (C. Guo et al., "On calibration of modern neural
    networks", 2017), to 1 %. The threshold flags FALSE_ALARMS of these digits.
    """
    temperatures = torch.logspace(-1, 1, 463, dtype=torch.float64).tolist()  # 0.1 to 10
    losses = [cross_entropy(logits[:, :10].double() / temperature, labels).item() for temperature in temperatures]
    temperature = temperatures[losses.index(min(losses))]
    scores = Calibration(temperature).scores(logits)
    return Calibration(temperature, scores.quantile(FALSE_ALARMS).item())


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """The mean gap, 0 to 1, between how sure answers are and how many of them are right, over bins of equal width.

    probabilities (N, 10), labels int64 (N,). M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated
    probabilities using Bayesian binning" (2015).
    """
    confidences, answers = probabilities.double().max(dim=1)
    gaps = (answers == labels).double() - confidences
    which = (confidences * bins).long().clamp(max=bins - 1)
    sums = torch.zeros(bins, dtype=torch.float64).index_add_(0, which, gaps)
    return sums.abs().sum().item() / len(labels)
