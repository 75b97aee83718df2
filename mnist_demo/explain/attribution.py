"""Attribution: how much each pixel of a drawing contributes to a digit's score."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mnist_demo.devices import torch_threads
from mnist_demo.errors import InputError
from mnist_demo.preprocess.strokes import IMAGE_SIZE

SAMPLES = 12  # baselines, an even number; see docs/explanations.md


def _draw_baselines() -> tuple[Tensor, Tensor]:
    """Return which pixels each baseline lacks, and how much of those is put back: float32 (SAMPLES, 1, 28, 28)."""
    generator = torch.Generator().manual_seed(0)  # so that the same drawing has the same map
    # Each pixel is missing in exactly half of the baselines.
    missing = torch.rand(SAMPLES, 1, IMAGE_SIZE, IMAGE_SIZE, generator=generator).argsort(dim=0) < SAMPLES // 2
    fractions = (torch.arange(SAMPLES) + 0.5) / SAMPLES  # along the path from the baseline to the drawing
    return missing.float(), fractions[:, None, None, None] * missing


_MISSING, _RESTORED = _draw_baselines()


def attribute(model: nn.Module, image: np.ndarray, digits: Sequence[int]) -> np.ndarray:
    """Return how much each pixel of an image, uint8 (28, 28), speaks for (positive) or against each of `digits`.

    float32 (len(digits), 28, 28), in nats of the digit's log-odds against the nine others; 0 where there is no ink.
    `model` must be on the CPU and in evaluation mode; it is not changed. Raise InputError for digits outside 0 to 9.
    """
    if not all(0 <= digit <= 9 for digit in digits):
        raise InputError(f"Heat maps exist for the digits 0 to 9; got {list(digits)}.")
    return expected_gradients(lambda images: log_odds(model(images))[:, list(digits)], image)


def log_odds(logits: Tensor) -> Tensor:
    """Return the natural log-odds of each digit against the nine others: (N, 10) from logits (N, 10 or more)."""
    logits = logits[:, :10]
    others = logits[:, None].masked_fill(torch.eye(10, dtype=torch.bool), -torch.inf)  # (N, 10, 10)
    return logits - others.logsumexp(dim=-1)


def expected_gradients(scores: Callable[[Tensor], Tensor], image: np.ndarray) -> np.ndarray:
    """Return how much each pixel of an image, uint8 (28, 28), adds to each of K scores: float32 (K, 28, 28).

    `scores` maps float32 (N, 1, 28, 28) in [0, 1] to (N, K). Expected gradients (G. Erion, J. Janizek, P. Sturmfels,
    S. Lundberg, S.-I. Lee, "Improving performance of deep learning models with axiomatic attribution priors and
    expected gradients", 2021) average integrated gradients over baselines, here the drawing without a random half of
    its pixels. A map sums to about the image's score minus the baselines' mean score. See docs/explanations.md.
    """
    pixels = torch.from_numpy(image).float().div_(255)  # (28, 28)
    with torch.inference_mode(False), torch.enable_grad(), torch_threads(1):
        copies = (pixels * (1 - _MISSING + _RESTORED)).requires_grad_()  # (SAMPLES, 1, 28, 28)
        sums = scores(copies).sum(dim=0)  # (K,)
        gradients = [torch.autograd.grad(total, copies, retain_graph=True)[0] for total in sums]
        maps = [(gradient * _MISSING).mean(dim=0)[0] * pixels for gradient in gradients]
    return torch.stack(maps).numpy() if maps else np.zeros((0, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
