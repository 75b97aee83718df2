"""What is inside a network while it reads a drawing, a layer at a time, as pictures with a sentence to each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mnist_demo.explain import share_out
from mnist_demo.hardware import threads
from mnist_demo.models import CosineConv

MOST = 12  # units shown of a layer without pictures of its own: those that answer most
MAPS = 32  # maps shown of a convolution: those that answer most
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_WITH_WEIGHTS = (nn.Linear, nn.Conv2d, CosineConv)


@dataclass(frozen=True, eq=False)
class Layer:
    """What one layer makes of a drawing."""

    caption: str  # a plain sentence or two: what one sees
    units: list[int]  # which of the layer's units each picture is of, from 0; of the last layer, its digit
    pictures: np.ndarray  # float32 (K, H, W), a picture a unit
    values: list[float]  # how much each unit answers to the drawing
    signed: bool  # whether pictures are about 0, for and against; else from 0 up


def look_inside(model: nn.Sequential, image: np.ndarray) -> list[Layer]:
    """What each layer of a network of MODELS, in evaluation mode and on the CPU, makes of an image, uint8 (28, 28).

    Of a network that has none hidden, the weights of the ten digits. Else each hidden layer: the MAPS maps of a
    convolution that answer most, in their order; or the MOST units of a linear layer that answer most, those of the
    first layer with their weights, and those deeper in, which have no weights for pixels, with what the pixels add to
    them (`share_out`).
    """
    stages = list(_stages(model, image))
    convolutions = sum(not isinstance(layer, nn.Linear) for layer, _, _ in stages)
    shown = []
    for number, (layer, output, end) in enumerate(stages):
        if not isinstance(layer, nn.Linear):
            shown.append(_show_maps(output, number, convolutions))
        elif len(stages) == 1:
            shown.append(_show_digits(layer, output))
        elif number == 0:
            shown.append(_show_weights(layer, output))
        elif number < len(stages) - 1:
            shown.append(_show_deeper(model[:end], image, output, number))
    return shown


def _stages(model: nn.Sequential, image: np.ndarray) -> Iterator[tuple[nn.Module, Tensor, int]]:
    """Each layer with weights, what it and what follows it up to the next make of the image, without the first
    dimension, and the place in the network after those."""
    places = [i for i, layer in enumerate(model) if isinstance(layer, _WITH_WEIGHTS)]
    with torch.inference_mode(), threads(1):
        x = torch.from_numpy(image).float().div_(255)[None, None]  # (1, 1, 28, 28)
        x = model[: places[0]](x)
        for start, following in zip(places, [*places[1:], len(model)], strict=True):
            # Flattening belongs to the layer after it: maps are to be seen as maps.
            end = next((i for i in range(start, following) if isinstance(model[i], nn.Flatten)), following)
            x = model[start:end](x)
            yield model[start], x[0], end
            x = model[end:following](x)


def _show_digits(last: nn.Linear, logits: Tensor) -> Layer:
    return Layer(
        "This network has a weight for each pixel and digit. Ink on orange speaks for the digit, ink on blue against "
        "it; the number is what your ink comes to, and the highest wins.",
        list(range(10)),
        last.weight.detach()[:10].reshape(10, 28, 28).numpy().copy(),
        logits[:10].tolist(),
        signed=True,
    )


def _show_maps(maps: Tensor, number: int, of: int) -> Layer:
    count, height, width = maps.shape
    values = maps.mean(dim=(1, 2))
    units = values.topk(min(MAPS, count)).indices.sort().values
    looks_at = "your drawing" if number == 0 else "the maps before"
    which = "convolution" if of == 1 else f"{_ORDINALS[number]} of {of} convolutions"
    return Layer(
        f"The {count} filters of the {which} each look for a pattern of their own everywhere in {looks_at}: a map, of "
        f"{height} by {width} places, is marked where its filter found it, and blank where it found nothing."
        + (f" Shown are the {MAPS} that found most." if count > MAPS else ""),
        units.tolist(),
        maps[units].contiguous().numpy().copy(),
        values[units].tolist(),
        signed=False,
    )


def _show_weights(layer: nn.Linear, activations: Tensor) -> Layer:
    units = activations.topk(min(MOST, len(activations))).indices
    return Layer(
        f"The {len(units)} of the first layer's {len(activations)} units that answer most to your drawing. Ink on "
        "orange excites the unit, ink on blue holds it back. Below each: its number, and how much it answers.",
        units.tolist(),
        layer.weight.detach()[units].reshape(-1, 28, 28).numpy().copy(),
        activations[units].tolist(),
        signed=True,
    )


def _show_deeper(so_far: nn.Sequential, image: np.ndarray, activations: Tensor, number: int) -> Layer:
    units = activations.topk(min(MOST, len(activations))).indices
    return Layer(
        f"The {len(units)} of the {_ORDINALS[number]} layer's {len(activations)} units that answer most to your "
        "drawing. They see only what the layer before makes of it: orange ink excited the unit that way, blue ink held "
        "it back.",
        units.tolist(),
        share_out(lambda images: so_far(images)[:, units], image),
        activations[units].tolist(),
        signed=True,
    )
