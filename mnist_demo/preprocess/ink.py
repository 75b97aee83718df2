"""Find the ink of a digit in a photo: not the paper, its printed lines, specks, stray dots or a neighbor's stroke."""

import numpy as np
from scipy import ndimage

from mnist_demo.preprocess.paper import otsu, paper_contrast

MIN_CONTRAST = 0.1  # of white; a photo with less contrast between paper and ink is blank
MIN_GRAIN_RATIO = 6  # contrast of ink, as a multiple of the paper's median contrast
MIN_INK_AREA = 0.0005  # as a fraction of the photo; less ink counts as none
MIN_PIECE_SIZE = 0.04  # as a fraction of the largest connected piece of ink; smaller pieces are specks
_EIGHT_NEIGHBORS = np.ones((3, 3))  # pixels are connected along sides and corners


def find_ink(channels: np.ndarray) -> np.ndarray:
    """Return how much ink each pixel holds, without specks: float32 (H, W) from (H, W, 1 or 3), 0 to 1.

    Otsu's method separates ink from paper (N. Otsu, "A threshold selection method from gray-level histograms", 1979).
    """
    contrast = paper_contrast(channels)
    is_ink = contrast > otsu(contrast)
    grain = MIN_GRAIN_RATIO * float(np.median(contrast[~is_ink]))
    if np.quantile(contrast, 1 - MIN_INK_AREA) <= max(MIN_CONTRAST, grain):
        return np.zeros_like(contrast)
    full = float(np.median(contrast[is_ink]))
    pieces, count = ndimage.label(contrast > max(full / 2, grain), structure=_EIGHT_NEIGHBORS)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0  # the paper
    sizes[_find_frames(pieces, sizes)] = 0
    is_large = sizes >= max(1, MIN_PIECE_SIZE * sizes.max())
    # Pixels at the edge of a stroke hold less than half of the ink, but some.
    kept = ndimage.binary_dilation(is_large[pieces], structure=_EIGHT_NEIGHBORS)
    return np.where(kept, (contrast / full).clip(0, 1), 0).astype(np.float32)


def _find_frames(pieces: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the pieces along half of three or four sides, such as a frame, if there is also other ink."""
    sides = (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1])
    filled = np.sum([np.bincount(side, minlength=len(sizes)) >= len(side) / 2 for side in sides], axis=0)
    frames = 1 + np.flatnonzero(filled[1:] >= 3)  # piece 0 is the paper
    return frames if np.delete(sizes, frames).max() > MIN_INK_AREA * pieces.size else frames[:0]
