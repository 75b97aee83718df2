"""Random affine and elastic copies of whole batches of digits."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor

_BLOCK = 4096  # images warped at once: bounds memory to about 40 MB


@dataclass(frozen=True)
class Affine:
    """The ranges of a random affine map about the image's centre; each value is drawn uniformly for every image."""

    degrees: float = 0.0  # turned by up to this, either way
    translate: float = 0.0  # moved by up to this share of the side, along x and along y
    scale: tuple[float, float] = (1.0, 1.0)  # enlarged by a factor in this range
    scale_apart: bool = False  # draw the factor for x and for y apart
    shear: float = 0.0  # slanted by up to this: pixels along x for each along y

    def matrices(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` random maps from an output pixel to the input pixel it shows, (count, 3, 3) float32 on the CPU.

        Coordinates run from -1 to 1 over the image, as `affine_grid` has them; the image is scaled and turned first,
        then sheared, and moved last, as torchvision's RandomAffine and imgaug's Affine do.
        """

        def uniform(low: float, high: float) -> Tensor:
            return torch.empty(count).uniform_(low, high, generator=generator)

        angle = uniform(-self.degrees, self.degrees) * (pi / 180)
        shift_x, shift_y = (uniform(-2 * self.translate, 2 * self.translate) for _ in range(2))
        scale_x = uniform(*self.scale)
        scale_y = uniform(*self.scale) if self.scale_apart else scale_x
        cos, sin = angle.cos(), angle.sin()
        matrix = torch.zeros(count, 3, 3)
        matrix[:, 0, 0], matrix[:, 0, 1] = cos / scale_x, sin / scale_x
        matrix[:, 1, 0], matrix[:, 1, 1] = -sin / scale_y, cos / scale_y
        if self.shear:  # drawn last and only if asked for: recipes without it keep their draws
            slant = uniform(-self.shear, self.shear)
            matrix[:, :2, 1] += matrix[:, :2, 0] * slant[:, None]
        matrix[:, :2, 2:] = matrix[:, :2, :2] @ -torch.stack([shift_x, shift_y], dim=1)[:, :, None]
        matrix[:, 2, 2] = 1
        return matrix


@dataclass(frozen=True)
class Elastic:
    """A random smooth displacement: normal at the nodes of a grid over the image, bicubic between them.

    P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to visual document
    analysis" (2003), with a coarse grid in the place of their Gaussian filter.
    """

    nodes: int = 5  # of the grid, along each side
    pixels: float = 0.7  # standard deviation of a node's displacement, for a side of 28 pixels

    def displacements(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        """(count, side, side, 2) float32 on the CPU, in `affine_grid`'s coordinates."""
        nodes = torch.randn(count, 2, self.nodes, self.nodes, generator=generator) * (2 * self.pixels / 28)
        return F.interpolate(nodes, size=side, mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def augment(
    images: Tensor,
    maps: tuple[Affine | Elastic, ...],
    generator: torch.Generator,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """A copy of uint8 images (N, 1, H, W) under `maps`, drawn anew for every image: elastic ones, for which H must be
    W, then affine ones in their order.

    The maps are joined first and the image is sampled once (bilinear, zeros outside), which blurs less than sampling
    after each. `generator` is on the CPU; the same one gives the same copy on any device. `check` is called now and
    then, and may raise to end it.
    """
    copies = []
    for block in images.split(_BLOCK):
        check()
        copies.append(_augment_block(block, maps, generator))
    return torch.cat(copies)


def _augment_block(images: Tensor, maps: tuple[Affine | Elastic, ...], generator: torch.Generator) -> Tensor:
    matrix = torch.eye(3).expand(len(images), 3, 3)
    displacement = torch.zeros(())
    for one in maps:
        if isinstance(one, Elastic):
            displacement = displacement + one.displacements(len(images), images.shape[-1], generator)
        else:  # each leads from output to input, so the first map stands leftmost
            matrix = matrix @ one.matrices(len(images), generator)
    grid = F.affine_grid(matrix[:, :2].to(images.device), list(images.shape), align_corners=False)
    grid = grid + displacement.to(images.device)
    return F.grid_sample(images.float(), grid, align_corners=False).round_().to(torch.uint8)
