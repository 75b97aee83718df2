"""What a network makes of digits before its last layer: computed once, it serves as many last layers as are wanted."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mnist_demo.augment import Affine, Elastic, augment
from mnist_demo.data import Data, Digits
from mnist_demo.handwriting import draw_nondigits
from mnist_demo.my_digits import MyDigit, to_digits

AT_ONCE = 50  # digits between two yields


@dataclass(frozen=True)
class Seen:
    """Features float32 (N, features) and labels int64 (N,), on the network's device."""

    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def look(
    body: nn.Module,
    digits: Digits,
    device: str | torch.device,
    maps: tuple[Affine | Elastic, ...] = (),
    generator: torch.Generator | None = None,
) -> Generator[None, None, Seen]:
    """What `body`, on `device`, makes of digits, or of copies under `maps` that a CPU `generator` draws."""
    features = []
    for images in digits.images.split(AT_ONCE):
        shown = augment(images, maps, generator) if maps and generator else images
        with torch.no_grad():
            features.append(body(shown.to(device).float().div_(255)))
        yield
    return Seen(torch.cat(features), digits.labels.to(device))


def draw_own(digits: Sequence[MyDigit]) -> Generator[None, None, Digits]:
    """Their images and labels, as `to_digits` gives them."""
    drawn = []
    for first in range(0, len(digits), AT_ONCE):
        drawn.append(to_digits(digits[first : first + AT_ONCE]))
        yield
    return join(drawn)


def draw_others(data: Data, count: int, nondigits: int, generator: torch.Generator) -> Generator[None, None, Digits]:
    """So many random digits of the training set, or all where they are fewer, and so many drawings that are none."""
    drawn = [data.train[torch.randperm(len(data.train), generator=generator)[:count]]]
    rng = np.random.default_rng(generator.initial_seed())
    for first in range(0, nondigits, AT_ONCE):
        drawn.append(draw_nondigits(min(AT_ONCE, nondigits - first), rng))
        yield
    return join(drawn)


def join(parts: Sequence[Digits]) -> Digits:
    return Digits(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))
