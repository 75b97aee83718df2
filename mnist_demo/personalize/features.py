"""Outputs of a model's body (all layers but the last), computed once to train any number of last layers."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mnist_demo.data import Dataset, Digits, concatenate
from mnist_demo.data.augment import Affine, Elastic, augment
from mnist_demo.data.sketch_dataset import render_non_digits
from mnist_demo.personalize.user_digits import UserDigit, to_digits

CHUNK_SIZE = 50  # digits processed between two yields


@dataclass(frozen=True)
class LabeledFeatures:
    """Features float32 (N, features) and labels int64 (N,), on the model's device."""

    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def extract_features(
    body: nn.Module,
    digits: Digits,
    device: str | torch.device,
    augmentation: tuple[Affine | Elastic, ...] = (),
    generator: torch.Generator | None = None,
) -> Generator[None, None, LabeledFeatures]:
    """Return the outputs of `body`, on `device`, for digits, augmented if a CPU `generator` is given."""
    features = []
    for images in digits.images.split(CHUNK_SIZE):
        shown = augment(images, augmentation, generator) if augmentation and generator else images
        with torch.no_grad():
            features.append(body(shown.to(device).float().div_(255)))
        yield
    return LabeledFeatures(torch.cat(features), digits.labels.to(device))


def render_user_digits(digits: Sequence[UserDigit]) -> Generator[None, None, Digits]:
    """Return the images and labels of `to_digits`, in chunks."""
    rendered = []
    for first in range(0, len(digits), CHUNK_SIZE):
        rendered.append(to_digits(digits[first : first + CHUNK_SIZE]))
        yield
    return concatenate(rendered)


def sample_training_digits(
    data: Dataset, count: int, non_digits: int, generator: torch.Generator
) -> Generator[None, None, Digits]:
    """Return `count` random digits of the training set, or all if there are fewer, and `non_digits` non-digits."""
    sampled = [data.train[torch.randperm(len(data.train), generator=generator)[:count]]]
    rng = np.random.default_rng(generator.initial_seed())
    for first in range(0, non_digits, CHUNK_SIZE):
        sampled.append(render_non_digits(min(CHUNK_SIZE, non_digits - first), rng))
        yield
    return concatenate(sampled)
