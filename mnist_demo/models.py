"""The networks, as readable lists of layers.

All take float32 (N, 1, 28, 28) in [0, 1] and give logits: (N, 10), or (N, 12) where they also know what is no digit.
"""

import itertools
import math
import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mnist_demo.errors import InputError

_INITIALISING = threading.Lock()


class Dropout(nn.Module):
    """Dropout that draws from a generator of its own, so that two trainings in one process do not mix their draws.

    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014), with the kept
    units scaled by 1 / (1 - p) in training. Needs `generator` (on the input's device) while training; `train` sets it.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        keep = 1 - self.p
        return x * torch.empty_like(x).bernoulli_(keep, generator=self.generator).div_(keep)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class CosineConv(nn.Module):
    """A convolution whose filters are not learned: the lowest functions of the two-dimensional discrete cosine
    transform (N. Ahmed, T. Natarajan and K. R. Rao, 1974) of norm 1, and the negative of each.

    float32 (N, 1, H, W) to (N, channels, H', W'). It has no gradients to compute, which is what it is for.
    """

    def __init__(self, channels: int, size: int, stride: int):
        super().__init__()
        self.size, self.stride = size, stride
        frequencies = sorted(itertools.product(range(size), repeat=2), key=lambda pair: (math.hypot(*pair), pair))
        place = (torch.arange(size) + 0.5) * math.pi / size
        waves = [torch.outer(torch.cos(i * place), torch.cos(j * place)) for i, j in frequencies[: channels // 2]]
        filters = torch.stack([wave / wave.norm() for wave in waves])[:, None]
        self.filters: Tensor
        self.register_buffer("filters", torch.cat([filters, -filters]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.filters, stride=self.stride)

    def extra_repr(self) -> str:
        return f"{len(self.filters)}, size={self.size}, stride={self.stride}"


def _xavier(layer: nn.Linear) -> nn.Linear:
    """Uniform initial weights after X. Glorot and Y. Bengio (2010), as document 004 starts its last layer."""
    nn.init.xavier_uniform_(layer.weight)
    return layer


def _conv3(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, ...]:
    """A 3x3 convolution, normalised over the batch (S. Ioffe and C. Szegedy, "Batch normalization", 2015)."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU()


MODELS: dict[str, Callable[[], nn.Sequential]] = {
    "784-10": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
    "784-500-500-10 ReLU": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 10)
    ),
    "784-512-10 ReLU": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10)),
    "784-512-120-84-10 ReLU, dropout": lambda: nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(784, 512), nn.ReLU(), Dropout(0.3)),
        *(nn.Linear(512, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, 10),
    ),
    "784-128-10 ReLU, dropout": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), Dropout(0.2), nn.Linear(128, 10)
    ),
    "784-512-256-10 sigmoid": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.Sigmoid(), nn.Linear(512, 256), nn.Sigmoid(), nn.Linear(256, 10)
    ),
    "conv5 16, conv5 32, linear": lambda: nn.Sequential(
        # The document has ReLU before the pooling, which gives the same, and takes 1.6 times as long to train.
        *(nn.Conv2d(1, 16, kernel_size=5, padding=2), nn.MaxPool2d(2), nn.ReLU()),  # (N, 16, 14, 14)
        *(nn.Conv2d(16, 32, kernel_size=5, padding=2), nn.MaxPool2d(2), nn.ReLU()),  # (N, 32, 7, 7)
        nn.Flatten(),
        _xavier(nn.Linear(32 * 7 * 7, 10)),
    ).to(memory_format=torch.channels_last),  # the layout in which CPUs convolve fastest
    "cosine6 16, conv3 32, 256": lambda: nn.Sequential(
        nn.ZeroPad2d(-2),  # (N, 1, 24, 24): without a margin that is nearly always empty
        *(CosineConv(16, size=6, stride=2), nn.ReLU()),  # (N, 16, 10, 10)
        *(
            nn.Conv2d(16, 32, kernel_size=3, bias=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        ),  # (N, 32, 4, 4)
        *(nn.Flatten(), nn.Linear(32 * 4 * 4, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU()),
        nn.Linear(256, 10),
    ).to(memory_format=torch.channels_last),
    "conv3 16-32-64-64-128-128, linear": lambda: nn.Sequential(
        *(*_conv3(1, 16), *_conv3(16, 32, stride=2)),  # (N, 32, 14, 14)
        *(*_conv3(32, 64), *_conv3(64, 64), nn.MaxPool2d(2)),  # (N, 64, 7, 7)
        *(*_conv3(64, 128), *_conv3(128, 128), nn.MaxPool2d(3, stride=2)),  # (N, 128, 3, 3)
        *(nn.Flatten(), Dropout(0.3)),
        nn.Linear(128 * 3 * 3, 12),  # ten digits, no digit, several digits
    ).to(memory_format=torch.channels_last),
}


def build_model(name: str, seed: int = 0) -> nn.Sequential:
    """A fresh network of MODELS on the CPU; the same seed gives the same weights. InputError for an unknown name."""
    if name not in MODELS:
        raise InputError(f"Unknown network {name!r}; choose from: {'; '.join(MODELS)}.")
    # Layers draw their first weights from torch's global generator: borrow it, one caller at a time, and restore it.
    with _INITIALISING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[name]()


def for_reading(model: nn.Sequential) -> nn.Sequential:
    """The same network, which must be in evaluation mode, with each batch normalisation folded into the convolution
    before it: a quarter faster, and no longer to be trained."""
    layers: list[nn.Module] = []
    for layer in model:
        before = layers[-1] if layers else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            layers[-1] = fuse_conv_bn_eval(before, layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers).eval()


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
