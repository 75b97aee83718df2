"""Find the ink of a digit in a photo: not the paper, its printed lines, specks, stray dots or a neighbor's stroke."""

import numpy as np
from scipy import ndimage

from mnist_demo.preprocess.paper import otsu, paper_contrast
from mnist_demo.preprocess.ruling_lines import find_ruling_lines

MIN_CONTRAST = 0.1  # of white; a photo with less contrast between paper and ink is blank
MIN_GRAIN_RATIO = 6  # contrast of ink, as a multiple of the paper's median contrast
MIN_LINE_CONTRAST = 0.15  # of a printed line, as a fraction of the darkest ink's contrast
MIN_INK_CONTRAST = 0.4  # of ink, as the same fraction
MAX_THIN_CORE = 0.1  # of a thin line: pixels with ink all around, as a fraction of all its pixels
THIN_LINE_WIDTH = 0.01  # the widest thin line, as a fraction of the longer side
THIN_LINE_BLUR = 0.0025  # sigma of the Gaussian filter for thin lines, as a fraction of the longer side
MIN_INK_AREA = 0.0005  # as a fraction of the photo; less ink counts as none
MIN_PIECE_SIZE = 0.04  # as a fraction of the largest connected piece of ink; smaller pieces are specks
MIN_MAIN_SIZE = 0.5  # of a digit within the photo, as a fraction of the largest piece that enters from the border
STRAY_DOT_SIZE = 0.2  # extent of a stray dot, as a fraction of the digit's extent
STRAY_DOT_DISTANCE = 0.1  # its distance from the other pieces, as the same fraction
MAX_STRAY_DOTS = 3  # more dots are part of the drawing
_EIGHT_NEIGHBORS = np.ones((3, 3))  # pixels are connected along sides and corners


def find_ink(channels: np.ndarray) -> np.ndarray:
    """Return how much ink each pixel holds: float32 (H, W) from (H, W, 1 or 3), 0 to 1.

    Otsu's method separates ink from paper (N. Otsu, "A threshold selection method from gray-level histograms", 1979).
    """
    contrast = paper_contrast(channels)
    is_ink = contrast > otsu(contrast)
    grain = MIN_GRAIN_RATIO * float(np.median(contrast[~is_ink]))
    darkest = float(np.quantile(contrast, 1 - MIN_INK_AREA))
    if darkest <= max(MIN_CONTRAST, grain):
        return np.zeros_like(contrast)
    # Faint lines show at the low level. Dark ones show at the high level, where no shadow joins them.
    for level in (MIN_LINE_CONTRAST, MIN_INK_CONTRAST):
        contrast = np.where(find_ruling_lines(contrast > max(grain, level * darkest)), 0, contrast)
    is_ink = contrast > otsu(contrast)
    if ndimage.binary_erosion(is_ink, structure=_EIGHT_NEIGHBORS).sum() < MAX_THIN_CORE * is_ink.sum():
        side = max(contrast.shape)
        contrast = ndimage.gaussian_filter(contrast, THIN_LINE_BLUR * side)
        # A white top-hat leaves out shadows, which a blurred thin line hardly exceeds.
        contrast -= ndimage.grey_opening(contrast, size=2 * int(THIN_LINE_WIDTH * side) + 5)
        is_ink = contrast > otsu(contrast)
    full = float(np.median(contrast[is_ink]))
    kept = _keep_digit(contrast > max(full / 2, grain))
    # Pixels at the edge of a stroke hold less than half of the ink, but some.
    kept = ndimage.binary_dilation(kept, structure=_EIGHT_NEIGHBORS)
    return np.where(kept, (contrast / full).clip(0, 1), 0).astype(np.float32)


def _keep_digit(is_ink: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) without pieces that are specks, frames, a neighbor's strokes or stray dots."""
    pieces, count = ndimage.label(is_ink, structure=_EIGHT_NEIGHBORS)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0  # the paper
    sizes[_find_frames(pieces, sizes)] = 0
    sizes[sizes < max(1, MIN_PIECE_SIZE * sizes.max())] = 0
    kept = np.flatnonzero(sizes)
    if len(kept) > 1:
        boxes = ndimage.find_objects(pieces)
        low = np.array([[axis.start for axis in boxes[piece - 1]] for piece in kept])
        high = np.array([[axis.stop for axis in boxes[piece - 1]] for piece in kept])
        is_digit = ~_is_entering(low, high, sizes[kept], pieces.shape)
        is_digit[is_digit] = ~_is_stray_dot(low[is_digit], high[is_digit])
        sizes[kept[~is_digit]] = 0
    return sizes[pieces] > 0


def _find_frames(pieces: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the pieces along half of three or four sides, such as a frame, if there is also other ink."""
    sides = (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1])
    filled = np.sum([np.bincount(side, minlength=len(sizes)) >= len(side) / 2 for side in sides], axis=0)
    frames = 1 + np.flatnonzero(filled[1:] >= 3)  # piece 0 is the paper
    return frames if np.delete(sizes, frames).max() > MIN_INK_AREA * pieces.size else frames[:0]


def _is_entering(low: np.ndarray, high: np.ndarray, sizes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return which pieces enter from the border beside a digit that lies within the photo: bool (N,).

    `low` and `high`, int (N, 2), are the rows and columns at which each piece starts and ends.
    """
    touches = ((low == 0) | (high == shape)).any(axis=1)
    if touches.all() or not touches.any():
        return np.zeros(len(sizes), dtype=bool)
    main = int(np.where(touches, 0, sizes).argmax())
    if sizes[main] < MIN_MAIN_SIZE * sizes[touches].max():
        return np.zeros(len(sizes), dtype=bool)
    shared = (np.minimum(high, high[main]) - np.maximum(low, low[main])).clip(0).prod(axis=1)
    return touches & (shared < 0.1 * (high - low).prod(axis=1))  # the bar of a 5 or a 7 is partly over its body


def _is_stray_dot(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return which pieces are small and far from the others, like an accidental touch of the pen: bool (N,)."""
    extents = (high - low).max(axis=1)
    is_small = extents < STRAY_DOT_SIZE * extents.max()
    margin = STRAY_DOT_DISTANCE * extents.max()
    first, last = low[~is_small].min(axis=0) - margin, high[~is_small].max(axis=0) + margin
    is_stray = is_small & ((high < first) | (low > last)).any(axis=1)
    return is_stray if is_stray.sum() <= MAX_STRAY_DOTS else np.zeros_like(is_stray)
