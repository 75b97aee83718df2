"""The models, as readable lists of layers.

Each takes float32 images (N, 1, 28, 28) in [0, 1] and returns logits: (N, 10), or (N, 12) if it also knows non-digits.
"""

import itertools
import math
import threading
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mnist_demo.errors import InputError

_INIT_LOCK = threading.Lock()


class Dropout(nn.Module):
    """Dropout with its own random generator, so that two trainings in one process stay reproducible.

    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014). Training scales
    the kept units by 1 / (1 - p) and needs `generator`, on the input's device; `train` sets it.
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


class CosineConv(nn.Module):
    """A convolution with fixed filters: two-dimensional cosine waves of low frequency and norm 1, and their negatives.

    float32 (N, 1, H, W) to (N, channels, H', W'). Fixed filters save the time to compute their gradients.
    N. Ahmed, T. Natarajan and K. R. Rao, "Discrete cosine transform" (1974).
    """

    def __init__(self, channels: int, size: int, stride: int):
        super().__init__()
        self.size, self.stride = size, stride
        frequencies = sorted(itertools.product(range(size), repeat=2), key=lambda pair: (math.hypot(*pair), pair))
        phase = (torch.arange(size) + 0.5) * math.pi / size
        waves = [torch.outer(torch.cos(i * phase), torch.cos(j * phase)) for i, j in frequencies[: channels // 2]]
        filters = torch.stack([wave / wave.norm() for wave in waves])[:, None]
        self.filters: Tensor
        self.register_buffer("filters", torch.cat([filters, -filters]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.filters, stride=self.stride)


def _xavier(layer: nn.Linear) -> nn.Linear:
    """Initialize a layer as tutorial 004 does its last one (X. Glorot and Y. Bengio, 2010)."""
    nn.init.xavier_uniform_(layer.weight)
    return layer


def _conv3(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, ...]:
    """Return a 3x3 convolution with batch normalization (S. Ioffe and C. Szegedy, 2015) and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU()


# The comments give output shapes: channels, height, width.
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
        # The tutorial applies ReLU before pooling, which gives the same result more slowly.
        *(nn.Conv2d(1, 16, kernel_size=5, padding=2), nn.MaxPool2d(2), nn.ReLU()),  # 16, 14, 14
        *(nn.Conv2d(16, 32, kernel_size=5, padding=2), nn.MaxPool2d(2), nn.ReLU()),  # 32, 7, 7
        nn.Flatten(),
        _xavier(nn.Linear(32 * 7 * 7, 10)),
    ).to(memory_format=torch.channels_last),  # CPUs compute convolutions fastest in this layout
    "cosine6 16, conv3 32, 256": lambda: nn.Sequential(
        nn.ZeroPad2d(-2),  # 1, 24, 24: crops the margin, which is nearly always empty
        *(CosineConv(16, size=6, stride=2), nn.ReLU()),  # 16, 10, 10
        *(nn.Conv2d(16, 32, kernel_size=3, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU()),  # 32, 4, 4
        *(nn.Flatten(), nn.Linear(32 * 4 * 4, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU()),
        nn.Linear(256, 10),
    ).to(memory_format=torch.channels_last),
    "conv3 16-32-64-64-128-128, linear": lambda: nn.Sequential(
        *(*_conv3(1, 16), *_conv3(16, 32, stride=2)),  # 32, 14, 14
        *(*_conv3(32, 64), *_conv3(64, 64), nn.MaxPool2d(2)),  # 64, 7, 7
        *(*_conv3(64, 128), *_conv3(128, 128), nn.MaxPool2d(3, stride=2)),  # 128, 3, 3
        *(nn.Flatten(), Dropout(0.3)),
        nn.Linear(128 * 3 * 3, 12),  # ten digits, NOT_A_DIGIT, MULTIPLE_DIGITS
    ).to(memory_format=torch.channels_last),
}


def build_model(name: str, seed: int = 0) -> nn.Sequential:
    """Build an untrained model of MODELS on the CPU; the same seed gives the same weights. Raises InputError."""
    if name not in MODELS:
        raise InputError(f"Unknown network {name!r}; choose from: {'; '.join(MODELS)}.")
    # Layers draw their weights from torch's global generator: use it in one thread at a time, then restore it.
    with _INIT_LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[name]()


def fuse_for_inference(model: nn.Sequential) -> nn.Sequential:
    """Return an equivalent, faster model for inference only: batch norms are folded into the convolutions before."""
    layers: list[nn.Module] = []
    for layer in model:
        if layers and isinstance(layer, nn.BatchNorm2d) and isinstance(layers[-1], nn.Conv2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers).eval()


@cache
def min_batch_size(name: str) -> int:
    """Return the smallest batch that a network of MODELS can train on: batch normalization of vectors needs two."""
    return 2 if any(isinstance(layer, nn.BatchNorm1d) for layer in build_model(name)) else 1


def count_parameters(model: nn.Module) -> int:
    """Return the number of learned weights."""
    return sum(parameter.numel() for parameter in model.parameters())
