"""How well a network reads a set of digits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mnist_demo.calibration import Calibration
from mnist_demo.data import Digits, batches
from mnist_demo.hardware import threads

AS_IT_IS = Calibration()


@dataclass(frozen=True)
class Evaluation:
    """A network's answers for a whole set of digits, on the CPU."""

    probabilities: Tensor  # float32 (N, 10), of the digits 0 to 9
    predictions: Tensor  # int64 (N,), the likeliest digit
    labels: Tensor  # int64 (N,)
    loss: float  # mean cross-entropy, nats

    @property
    def right(self) -> Tensor:
        """Which answers are right, bool (N,)."""
        return self.predictions == self.labels

    @property
    def confidences(self) -> Tensor:
        """The probability of each answer, float32 (N,)."""
        return self.probabilities.amax(dim=1)

    @property
    def confusion(self) -> Tensor:
        """How many digits of each truth (row) got each answer (column): int64 (10, 10)."""
        return (10 * self.labels + self.predictions).bincount(minlength=100).reshape(10, 10)

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


def evaluate(
    model: nn.Module,
    digits: Digits,
    *,
    batch_size: int | None = None,
    calibration: Calibration = AS_IT_IS,
    report: Callable[[float], None] = lambda share: None,
    workers: int = 1,
) -> Evaluation:
    """Read all of `digits` with `model`, on the model's device, dropout off; the model's mode is left as it was.

    What else than a digit it could be is not asked here: of a network with more than ten logits the first ten count.
    `calibration` makes the probabilities what they are worth, and leaves the loss. `report` is told the share that is
    done, 0 to 1, and may raise to end it. `workers` are those of `compute_logits`.
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
    """All that `model` says of `digits`, float32 (N, 10 or more) on the CPU; computed as `evaluate` tells.

    Convolutions are fastest with small batches on a CPU, where their layers stay in its cache, and with large ones on a
    GPU; without a `batch_size` it is chosen by that. More than one of `workers`
    take a batch each, and leave PyTorch one thread: unlike PyTorch's own threads they do not wait for each other after
    each layer, which takes eight times as long where something else keeps a core busy.
    """
    device = next(model.parameters()).device
    batch_size = batch_size or (50 if device.type == "cpu" else 2_000)
    digits = digits.to(device)

    def read(first: int) -> Tensor:
        with torch.inference_mode(), threads(1) if workers > 1 else nullcontext():
            return model(next(batches(digits[first : first + batch_size], batch_size))[0])

    was_training = model.training
    model.eval()
    logits: list[Tensor] = []
    try:
        with ThreadPoolExecutor(workers) as pool:
            firsts = range(0, len(digits), batch_size)
            for part in pool.map(read, firsts) if workers > 1 else map(read, firsts):
                logits.append(part)
                report(min(1.0, len(logits) * batch_size / len(digits)))
        return torch.cat(logits).cpu()
    finally:
        model.train(was_training)
