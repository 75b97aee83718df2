"""Calibration: temperature scaling of the probabilities, and the threshold that rejects non-digits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from mnist_demo.errors import InputError

FALSE_REJECT_RATE = 0.01  # share of a typical writer's digits that the threshold rejects


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


def fit_calibration(logits: Tensor, labels: Tensor, writers: Sequence[str]) -> Calibration:
    """Fit to logits (N, 10 or more) of digits that were not trained on, with labels int64 (N,) from 0 to 9.

    `writers` names the writers of the first digits, which determine the threshold; the others may be MNIST's. The
    temperature, precise to 1%, minimizes the cross-entropy (C. Guo et al., "On calibration of modern neural networks",
    2017).
    """
    temperatures = torch.logspace(-1, 1, 463, dtype=torch.float64).tolist()  # 0.1 to 10
    losses = [cross_entropy(logits[:, :10].double() / temperature, labels).item() for temperature in temperatures]
    temperature = temperatures[losses.index(min(losses))]
    return Calibration(temperature, fit_threshold(Calibration(temperature).scores(logits[: len(writers)]), writers))


def fit_threshold(scores: Tensor, writers: Sequence[str]) -> float:
    """Return the threshold that rejects FALSE_REJECT_RATE of a writer's digits, on average over the writers.

    `scores`, float64 (N,), are those of digits, and `writers` names each one's writer.
    """
    counts = Counter(writers)
    weights = torch.tensor([1 / (counts[writer] * len(counts)) for writer in writers], dtype=torch.float64)
    order = scores.argsort()
    rejected = weights[order].cumsum(0)  # the mean share of digits with this score or a lower one
    return scores[order][int((rejected < FALSE_REJECT_RATE + 1e-9).sum())].item()


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
