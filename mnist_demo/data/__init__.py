"""Labeled digits as whole tensors, and the generator that yields them in batches."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NOT_A_DIGIT, MULTIPLE_DIGITS = 10, 11  # labels of the two classes after the ten digits


@dataclass(frozen=True)
class Digits:
    """A set of labeled digits."""

    images: Tensor  # uint8 (N, 1, 28, 28), 0 background to 255 ink
    labels: Tensor  # int64 (N,), 0 to 9; in training also NOT_A_DIGIT and MULTIPLE_DIGITS

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> "Digits":
        return Digits(self.images.to(device), self.labels.to(device))

    def __getitem__(self, rows: slice | Tensor) -> "Digits":
        return Digits(self.images[rows], self.labels[rows])


def concatenate(parts: Sequence[Digits]) -> Digits:
    """Join several sets of digits in order."""
    return Digits(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))


@dataclass(frozen=True)
class Dataset:
    """A training set and a test set from one source."""

    name: str  # "MNIST" or "synthetic digits"
    train: Digits
    test: Digits
    checksum: str  # SHA-256 of the four tensors, hexadecimal

    @classmethod
    def create(cls, name: str, train: Digits, test: Digits) -> "Dataset":
        """Combine two sets under a name and compute their checksum, which checkpoints record."""
        digest = hashlib.sha256()
        for tensor in (train.images, train.labels, test.images, test.labels):
            digest.update(tensor.contiguous().numpy().data)
        return cls(name, train, test, digest.hexdigest())


def batches(
    digits: Digits, size: int, generator: torch.Generator | None = None, drop_last: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches: images float32 (size, 1, 28, 28) in [0, 1] and labels int64 (size,), on the digits' device.

    A CPU `generator` shuffles the digits; without one they keep their order. The last batch may be smaller, unless
    `drop_last` skips it.
    """
    end = len(digits) - len(digits) % size if drop_last else len(digits)
    order = None if generator is None else torch.randperm(len(digits), generator=generator).to(digits.labels.device)
    for first in range(0, end, size):
        rows = slice(first, first + size)
        batch = digits[rows if order is None else order[rows]]
        yield batch.images.float().div_(255), batch.labels
