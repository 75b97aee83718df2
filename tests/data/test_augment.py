import math

import pytest
import torch

from mnist_demo.data import Dataset
from mnist_demo.data.augment import Affine, Elastic, augment


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def centers(images: torch.Tensor) -> torch.Tensor:
    """Return the centers of mass (N, 2) as (x, y) of images (N, 1, 28, 28), -1 to 1 over the image."""
    weights = images.float() / images.float().sum(dim=(1, 2, 3), keepdim=True)
    positions = (torch.arange(28) + 0.5) / 14 - 1
    return torch.stack([(weights.sum(2) * positions).sum((1, 2)), (weights.sum(3) * positions).sum((1, 2))], dim=1)


def test_the_identity_transform_returns_the_same_images(synthetic: Dataset):
    assert torch.equal(augment(synthetic.test.images, (Affine(),), generator()), synthetic.test.images)


def test_random_transforms_fill_their_ranges():
    matrices = Affine(degrees=25, translate=0.1, scale=(0.8, 1.2)).matrices(5000, generator())
    scale = matrices[:, :2, :2].det().rsqrt()
    angle = torch.atan2(matrices[:, 0, 1], matrices[:, 0, 0]) * 180 / math.pi
    shift = -(torch.linalg.inv(matrices[:, :2, :2]) @ matrices[:, :2, 2:])[:, :, 0]
    for values, low, high in ((scale, 0.8, 1.2), (angle, -25, 25), (shift[:, 0], -0.2, 0.2), (shift[:, 1], -0.2, 0.2)):
        margin = 0.01 * (high - low)
        assert low - 1e-3 <= values.min() < low + margin and high - margin < values.max() <= high + 1e-3


def test_the_axes_can_be_scaled_separately():
    matrices = Affine(scale=(0.9, 1.1), scale_apart=True).matrices(100, generator())
    assert not torch.allclose(matrices[:, 0, 0], matrices[:, 1, 1], atol=0.01)


@pytest.mark.parametrize(
    "transforms", [(Affine(translate=0.05),), (Affine(degrees=30), Affine(translate=0.05)), (Affine(scale=(0.8, 1.0)),)]
)
def test_transforms_are_applied_in_order(synthetic: Dataset, transforms: tuple[Affine, ...]):
    images = synthetic.test.images[:50]
    moved = centers(augment(images, transforms, generator(7)))
    same = generator(7)
    expected = torch.cat([centers(images), torch.ones(50, 1)], dim=1)[:, :, None]
    for affine in transforms:
        expected = torch.linalg.inv(affine.matrices(50, same)) @ expected  # from input to output
    assert torch.allclose(moved, expected[:, :2, 0], atol=0.03)


def test_the_seed_determines_the_copies(synthetic: Dataset):
    transforms = (Affine(degrees=45, translate=0.1, scale=(0.8, 1.2)),)
    one, same, other = (augment(synthetic.test.images, transforms, generator(seed)) for seed in (1, 1, 2))
    assert one.dtype == torch.uint8 and torch.equal(one, same) and not torch.equal(one, other)


def test_an_elastic_transform_is_smooth_with_the_given_strength():
    bent = Elastic(nodes=5, pixels=0.7).displacements(2000, 28, generator()) * 14  # from -1..1 to pixels
    assert bent[:, 0, 0].std().item() == pytest.approx(0.7, rel=0.05)  # at a node
    assert (bent[:, 1:] - bent[:, :-1]).abs().max() < 1.5  # neighbors move together


def test_shear_moves_pixels_along_x_in_proportion_to_y():
    matrices = Affine(shear=0.2).matrices(2000, generator())
    slants = matrices[:, 0, 1]
    assert -0.2 <= slants.min() < -0.19 and 0.19 < slants.max() <= 0.2
    assert torch.equal(matrices[:, 1], torch.tensor([0.0, 1.0, 0.0]).expand(2000, 3))


def test_elastic_and_affine_transforms_can_be_combined(synthetic: Dataset):
    moved = augment(synthetic.test.images, (Affine(translate=0.1),), generator())
    assert augment(synthetic.test.images, (Elastic(),), generator()).shape == moved.shape
    bent = augment(synthetic.test.images, (Affine(translate=0.1), Elastic()), generator())
    assert bent.shape == moved.shape and bent.dtype == torch.uint8 and not torch.equal(bent, moved)
