"""Evaluate a model on a set of digits: predictions, accuracy, confusion matrix and loss."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mnist_demo.calibration import Calibration
from mnist_demo.data import Digits
from mnist_demo.devices import torch_threads

UNCALIBRATED = Calibration()


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions for a whole set of digits, on the CPU."""

    probabilities: Tensor  # float32 (N, 10), of the digits 0 to 9
    predictions: Tensor  # int64 (N,), the most likely digits
    labels: Tensor  # int64 (N,)
    loss: float  # mean cross-entropy, nats

    @property
    def correct(self) -> Tensor:
        """Whether each prediction is correct, bool (N,)."""
        return self.predictions == self.labels

    @property
    def confidences(self) -> Tensor:
        """The probability of each prediction, float32 (N,)."""
        return self.probabilities.amax(dim=1)

    @property
    def confusion(self) -> Tensor:
        """The number of digits by label (row) and prediction (column): int64 (10, 10)."""
        return (10 * self.labels + self.predictions).bincount(minlength=100).reshape(10, 10)

    @property
    def accuracy(self) -> float:
        """The share of correct predictions, 0 to 1."""
        return int(self.correct.sum()) / len(self.labels)

    @property
    def per_class(self) -> list[tuple[int, int]]:
        """For each label 0 to 9, the number of correct predictions and of digits."""
        total = self.labels.bincount(minlength=10).tolist()
        return list(zip(self.labels[self.correct].bincount(minlength=10).tolist(), total, strict=True))

    @property
    def per_class_accuracy(self) -> list[float]:
        """The share of correct predictions for each label 0 to 9; 0 for a label without digits."""
        return [correct / max(total, 1) for correct, total in self.per_class]


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Losses and accuracies after one epoch of training."""

    train_loss: float  # mean of the steps' losses, nats; the tutorials call it cost
    test_loss: float  # mean cross-entropy, nats
    test_accuracy: float  # share of correct predictions, 0 to 1
    validation_accuracy: float | None = None  # the same for the validation digits, None without any


def evaluate(
    model: nn.Module,
    digits: Digits,
    *,
    batch_size: int | None = None,
    calibration: Calibration = UNCALIBRATED,
    report: Callable[[float], None] = lambda share: None,
    workers: int = 1,
) -> Evaluation:
    """Evaluate `model` on `digits`, on the model's device and in evaluation mode; the model's mode is restored.

    Only the first ten logits count. `calibration` applies to the probabilities, not to the loss. The other arguments
    are those of `compute_logits`.
    """
    logits, labels = compute_logits(model, digits, batch_size, report, workers), digits.labels.cpu()
    loss = cross_entropy(logits[:, :10].double(), labels).item()
    return Evaluation(calibration.probabilities(logits).float(), logits[:, :10].argmax(dim=1), labels, loss)


def compute_logits(
    model: nn.Module,
    digits: Digits,
    batch_size: int | None = None,
    report: Callable[[float], None] = lambda share: None,
    workers: int = 1,
) -> Tensor:
    """Return the model's logits for `digits`, float32 (N, 10 or more) on the CPU.

    `report` receives the completed share, 0 to 1, and may raise to stop. Several `workers` compute a batch each with
    one PyTorch thread: unlike PyTorch's own threads, they do not wait for each other after each layer.
    """
    device = next(model.parameters()).device
    batch_size = batch_size or (50 if device.type == "cpu" else 2_000)  # small batches fit into the CPU's cache
    digits = digits.to(device)

    def predict_batch(start: int) -> Tensor:
        with torch.inference_mode(), torch_threads(1) if workers > 1 else nullcontext():
            return model(digits.images[start : start + batch_size].float().div_(255))

    was_training = model.training
    model.eval()
    logits: list[Tensor] = []
    try:
        with ThreadPoolExecutor(workers) as pool:
            starts = range(0, len(digits), batch_size)
            for part in pool.map(predict_batch, starts) if workers > 1 else map(predict_batch, starts):
                logits.append(part)
                report(min(1.0, len(logits) * batch_size / len(digits)))
        return torch.cat(logits).cpu()
    finally:
        model.train(was_training)
