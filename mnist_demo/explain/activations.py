"""Activations: what the linear layers of a model compute from a drawing, as small images with a caption."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mnist_demo.devices import torch_threads
from mnist_demo.explain.attribution import expected_gradients
from mnist_demo.models import CosineConv

MAX_UNITS = 12  # shown of a linear layer: the most active
_WITH_WEIGHTS = (nn.Linear, nn.Conv2d, CosineConv)


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """The response of one layer to a drawing."""

    caption: str  # what the page says of it, in 20 words at most
    units: list[int]  # the unit that each picture shows, from 0; in the last layer, its digit
    pictures: np.ndarray  # float32 (K, 28, 28), one per unit, signed
    values: list[float]  # activation of each unit


def compute_activations(model: nn.Sequential, image: np.ndarray) -> list[LayerActivations]:
    """Return how each linear layer responds to an image, uint8 (28, 28). The browser shows convolutions itself.

    `model` is one of MODELS, in evaluation mode and on the CPU. A model without hidden layers shows the weights of the
    ten digits. Other models show each hidden linear layer by its most active units, as weights in the first layer and
    as attributions (`expected_gradients`) later.
    """
    *hidden, (last, logits, _) = _run_stages(model, image)
    if not hidden:
        return [_show_digits(last, logits)]  # type: ignore[arg-type]  # each model ends with nn.Linear
    shown = []
    for number, (layer, output, end) in enumerate(hidden, 1):
        if isinstance(layer, nn.Linear):
            title = f"Layer {number} of {len(hidden)}"
            shown.append(_show_units(model[:end], layer, image, output, title, is_first=number == 1))
    return shown


def _run_stages(model: nn.Sequential, image: np.ndarray) -> Iterator[tuple[nn.Module, Tensor, int]]:
    """Yield each layer with weights, the output of its stage without batch dimension, and where the stage ends.

    A stage is the layer and what follows it, up to the next layer with weights.
    """
    starts = [i for i, layer in enumerate(model) if isinstance(layer, _WITH_WEIGHTS)]
    with torch.inference_mode(), torch_threads(1):
        x = model[: starts[0]](torch.from_numpy(image).float().div_(255)[None, None])  # (1, 1, 28, 28)
        for start, following in zip(starts, [*starts[1:], len(model)], strict=True):
            # End the stage before a Flatten, to show maps as maps.
            end = next((i for i in range(start, following) if isinstance(model[i], nn.Flatten)), following)
            x = model[start:end](x)
            yield model[start], x[0], end
            x = model[end:following](x)


def _show_digits(last: nn.Linear, logits: Tensor) -> LayerActivations:
    caption = "One weight for each pixel and digit. Ink on orange raises the digit's score, on blue lowers it."
    weights = last.weight.detach()[:10].reshape(10, 28, 28).numpy().copy()
    return LayerActivations(caption, list(range(10)), weights, logits[:10].tolist())


def _show_units(
    stages: nn.Sequential, layer: nn.Linear, image: np.ndarray, activations: Tensor, title: str, is_first: bool
) -> LayerActivations:
    units = activations.topk(min(MAX_UNITS, len(activations))).indices
    if is_first:
        pictures = layer.weight.detach()[units].reshape(-1, 28, 28).numpy()
        hint = "Ink on orange excites it, on blue inhibits it."
    else:
        pictures = expected_gradients(lambda images: stages(images)[:, units], image)
        hint = "Orange ink excited it, blue inhibited it."
    caption = f"{title} · {len(units)} most active of {len(activations)} units. {hint}"
    return LayerActivations(caption, units.tolist(), pictures, activations[units].tolist())
