"""How well a network reads a set of digits."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mnist_demo.data import Digits, batches


@dataclass(frozen=True)
class Evaluation:
    """A network's answers for a whole set of digits, on the CPU."""

    predictions: Tensor  # int64 (N,)
    labels: Tensor  # int64 (N,)
    loss: float  # mean cross-entropy, nats

    @property
    def right(self) -> Tensor:
        """Which answers are right, bool (N,)."""
        return self.predictions == self.labels

    @property
    def accuracy(self) -> float:
        """The share of right answers, 0 to 1."""
        return int(self.right.sum()) / len(self.labels)

    @property
    def per_class(self) -> list[tuple[int, int]]:
        """For each true digit 0 to 9, how many answers are right and how many there are."""
        total = self.labels.bincount(minlength=10).tolist()
        return list(zip(self.labels[self.right].bincount(minlength=10).tolist(), total, strict=True))

    @property
    def per_class_accuracy(self) -> list[float]:
        """The share of right answers for each true digit 0 to 9; 0 where there is none."""
        return [right / max(total, 1) for right, total in self.per_class]


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What an epoch of training came to."""

    train_loss: float  # mean of the steps' losses, nats: the tutorials' "cost"
    test_loss: float  # mean cross-entropy, nats
    test_accuracy: float  # share of right answers, 0 to 1
    validation_accuracy: float | None = None  # the same on the held-out digits, for recipes that hold some out


def evaluate(model: nn.Module, digits: Digits, *, batch_size: int = 50) -> Evaluation:
    """Read all of `digits` with `model`, on the model's device, dropout off; the model's mode is left as it was.

    What else than a digit it could be is not asked here: of a network with more than ten logits the first ten count.
    """
    logits, labels = compute_logits(model, digits, batch_size)[:, :10], digits.labels.cpu()
    return Evaluation(logits.argmax(dim=1), labels, cross_entropy(logits.double(), labels).item())


def compute_logits(model: nn.Module, digits: Digits, batch_size: int = 50) -> Tensor:
    """All that `model` says of `digits`, float32 (N, 10 or more) on the CPU; computed as `evaluate` tells.

    Convolutions are fastest with small batches, whose layers stay in the processor's cache.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return torch.cat([model(images) for images, _ in batches(digits.to(device), batch_size)]).cpu()
    finally:
        model.train(was_training)
