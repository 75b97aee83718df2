"""Where a network looked: what each pixel of a drawing said for a digit, or against it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mnist_demo.errors import InputError
from mnist_demo.hardware import threads
from mnist_demo.strokes import SIDE

SAMPLES = 12  # baselines, an even number; with 16 the maps mark as well, with 8 less so


def _draw_copies() -> tuple[Tensor, Tensor]:
    """Which pixels each baseline lacks, and how much of these stands on the way back from it: both float32
    (SAMPLES, 1, 28, 28). The same for every drawing, so that the same drawing has the same map."""
    generator = torch.Generator().manual_seed(0)
    # Each pixel is left out of exactly half of the baselines.
    lacking = torch.rand(SAMPLES, 1, SIDE, SIDE, generator=generator).argsort(dim=0) < SAMPLES // 2
    back = (torch.arange(SAMPLES) + 0.5) / SAMPLES
    return lacking.float(), back[:, None, None, None] * lacking


_LACKING, _BACK = _draw_copies()


def attribute(model: nn.Module, image: np.ndarray, digits: Sequence[int]) -> np.ndarray:
    """What each pixel of an image, uint8 (28, 28), says for each of `digits`, or against it where it is negative.

    float32 (len(digits), 28, 28), in nats of that digit's log-odds against the nine others; 0 where there is no ink.
    `model` is on the CPU, in evaluation mode, and is left as it is. Raises InputError for what is no digit.
    """
    if not all(0 <= digit <= 9 for digit in digits):
        raise InputError(f"There are heat maps of the digits 0 to 9; got {list(digits)}.")
    return share_out(lambda images: log_odds(model(images))[:, list(digits)], image)


def log_odds(logits: Tensor) -> Tensor:
    """Of each digit against the nine others, (N, 10) from logits (N, 10 or more): the ratios' natural logarithms."""
    logits = logits[:, :10]
    others = logits[:, None].masked_fill(torch.eye(10, dtype=torch.bool), -torch.inf)  # (N, 10, 10)
    return logits - others.logsumexp(dim=-1)


def share_out(scores: Callable[[Tensor], Tensor], image: np.ndarray) -> np.ndarray:
    """What each pixel of an image, uint8 (28, 28), adds to each of the scores that float32 (N, 1, 28, 28) in [0, 1]
    has, (N, K): float32 (K, 28, 28).

    Expected gradients (G. Erion, J. Janizek, P. Sturmfels, S. Lundberg, S.-I. Lee, "Improving performance of deep
    learning models with axiomatic attribution priors and expected gradients", 2021): integrated gradients
    (M. Sundararajan, A. Taly, Q. Yan, 2017) averaged over baselines, which here are the drawing itself with a random
    half of its pixels left out. From blank paper alone, maps of convolutional networks mark less well what counts, as
    `tests/benchmarks/attribution.py` measures it. The expected sum of a map is the image's score less the baselines'
    mean score; it is exact where scores are linear. Gradients are of the input alone: threads may share a model.
    """
    pixels = torch.from_numpy(image).float().div_(255)  # (28, 28)
    with torch.inference_mode(False), torch.enable_grad(), threads(1):
        copies = (pixels * (1 - _LACKING + _BACK)).requires_grad_()  # (SAMPLES, 1, 28, 28)
        sums = scores(copies).sum(dim=0)  # (K,)
        gradients = [torch.autograd.grad(one, copies, retain_graph=True)[0] for one in sums]
        maps = [(gradient * _LACKING).mean(dim=0)[0] * pixels for gradient in gradients]
    return torch.stack(maps).numpy() if maps else np.zeros((0, SIDE, SIDE), dtype=np.float32)
