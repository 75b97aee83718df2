"""Augmentation: random affine and elastic transforms of whole batches of digits."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor

_BLOCK = 4096  # images transformed at once, which limits memory to about 40 MB


@dataclass(frozen=True)
class Affine:
    """The ranges of a random affine transform about the image's center, drawn uniformly for each image."""

    degrees: float = 0.0  # largest rotation, in either direction
    translate: float = 0.0  # largest shift along x and along y, as a fraction of the side
    scale: tuple[float, float] = (1.0, 1.0)  # range of the scale factor
    scale_apart: bool = False  # draw separate factors for x and y
    shear: float = 0.0  # largest slant, in pixels along x per pixel along y

    def matrices(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw `count` matrices that map an output pixel to an input pixel: float32 (count, 3, 3) on the CPU.

        Coordinates run from -1 to 1 over the image, as in `affine_grid`. The image is scaled and rotated, then
        sheared, then moved, as in torchvision's RandomAffine and imgaug's Affine.
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
        if self.shear:  # drawn last and only if needed, so that recipes without shear keep their random numbers
            slant = uniform(-self.shear, self.shear)
            matrix[:, :2, 1] += matrix[:, :2, 0] * slant[:, None]
        matrix[:, :2, 2:] = matrix[:, :2, :2] @ -torch.stack([shift_x, shift_y], dim=1)[:, :, None]
        matrix[:, 2, 2] = 1
        return matrix


@dataclass(frozen=True)
class Elastic:
    """A random smooth displacement: normally distributed at the nodes of a grid, with bicubic interpolation between.

    P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to visual document
    analysis" (2003), with a coarse grid instead of their Gaussian filter.
    """

    nodes: int = 5  # per side of the grid
    pixels: float = 0.7  # standard deviation of a node's displacement, for a side of 28 pixels

    def displacements(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        """Draw `count` displacement fields: float32 (count, side, side, 2) on the CPU, in `affine_grid` coordinates."""
        nodes = torch.randn(count, 2, self.nodes, self.nodes, generator=generator) * (2 * self.pixels / 28)
        return F.interpolate(nodes, size=side, mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def augment(
    images: Tensor,
    transforms: tuple[Affine | Elastic, ...],
    generator: torch.Generator,
    check_stop: Callable[[], None] = lambda: None,
) -> Tensor:
    """Return transformed copies of uint8 images (N, 1, H, W): elastic transforms first, then affine ones in order.

    Elastic transforms need H equal to W. All transforms are combined and the image is sampled once (bilinear, zeros
    outside), which blurs less. `generator` is on the CPU; the same seed gives the same copies on any device.
    `check_stop` is called before each block of images and may raise to stop.
    """
    copies = []
    for block in images.split(_BLOCK):
        check_stop()
        copies.append(_augment_block(block, transforms, generator))
    return torch.cat(copies)


def _augment_block(images: Tensor, transforms: tuple[Affine | Elastic, ...], generator: torch.Generator) -> Tensor:
    matrix = torch.eye(3).expand(len(images), 3, 3)
    displacement = torch.zeros(())
    for transform in transforms:
        if isinstance(transform, Elastic):
            displacement = displacement + transform.displacements(len(images), images.shape[-1], generator)
        else:  # matrices map output to input, so the first transform is leftmost
            matrix = matrix @ transform.matrices(len(images), generator)
    grid = F.affine_grid(matrix[:, :2].to(images.device), list(images.shape), align_corners=False)
    grid = grid + displacement.to(images.device)
    return F.grid_sample(images.float(), grid, align_corners=False).round_().to(torch.uint8)
