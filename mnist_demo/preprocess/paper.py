"""Measure how much each pixel of a photo stands out from the paper around it, whatever the light and the colors."""

import numpy as np
from scipy import ndimage

MAX_PEN_WIDTH = 0.33  # as a fraction of the longer side; anything wider is paper or shadow
GRAIN_SIZE = 1.5  # pixels: sigma of the Gaussian filter that smooths the paper's grain
MAX_PAPER_VARIATION = 0.02  # of uniform paper, as a fraction of the step from paper to ink
MIN_PAPER_LEVEL = 0.15  # of white; darker paper is too dark to measure how much light the ink absorbs


def paper_contrast(channels: np.ndarray) -> np.ndarray:
    """Return each pixel's contrast against the paper around it: (H, W), 0 (paper) to 1.

    Unless paper is uniform, a morphological closing, wider than the widest pen, removes the ink and leaves the paper
    (J. Serra, "Image analysis and mathematical morphology", 1982).
    """
    if (uniform := _uniform_paper_contrast(channels)) is not None:
        return uniform
    gray, is_dark = _choose_channel(channels)
    window = int(MAX_PEN_WIDTH * max(gray.shape)) // 2 * 2 + 1
    # Odd reflection continues the slope of the light. Other padding makes ink of a shadow's edge at the border.
    smooth = np.pad(ndimage.gaussian_filter(gray, GRAIN_SIZE), window, mode="reflect", reflect_type="odd")
    closed = (ndimage.grey_closing if is_dark else ndimage.grey_opening)(smooth, size=window)
    return _contrast(gray, closed[window:-window, window:-window], is_dark)


def _uniform_paper_contrast(channels: np.ndarray) -> np.ndarray | None:
    """Return the contrast in a drawing, a screenshot or a scan, whose paper has one level; None for other photos."""
    contrasts = []
    for gray in np.moveaxis(channels, 2, 0):
        is_bright = gray > otsu(gray)
        is_dark = bool(is_bright.mean() > 0.5)  # paper covers more than ink
        ink = is_bright != is_dark
        level = np.median(gray[~ink])
        step = np.abs(np.median(gray[ink]) - level) if ink.any() else 0
        is_uniform = (np.abs(gray[~ink] - level) < MAX_PAPER_VARIATION * step).mean() > 0.5
        if is_uniform and 2 * ndimage.distance_transform_edt(ink).max() < MAX_PEN_WIDTH * max(gray.shape):
            contrasts.append(_contrast(gray, level, is_dark))
    return max(contrasts, key=np.mean, default=None)


def _contrast(gray: np.ndarray, paper: np.ndarray | np.floating, is_dark: bool) -> np.ndarray:
    # Dark ink absorbs a fraction of the paper's light; light ink on a dark ground adds to it.
    contrast = (paper - gray) / np.maximum(paper, MIN_PAPER_LEVEL) if is_dark else gray - paper
    return np.maximum(contrast, 0)


def _choose_channel(channels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the channel (H, W) that shows the ink best, and whether its ink is darker than the paper.

    The paper's brightness changes slowly: a quadratic surface fits most pixels. The pixel farthest from it is ink.
    """
    height, width = channels.shape[:2]
    step = -(-max(height, width) // 100)  # a 100x100 sample is enough to fit the surface
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    sample = terms[::step, ::step].reshape(-1, 6)
    farthest, chosen = -1.0, (channels[:, :, 0], True)
    for gray in np.moveaxis(channels, 2, 0):
        values = gray[::step, ::step].ravel()
        inliers = np.ones(len(values), dtype=bool)
        for _ in range(3):  # fit again without outliers
            surface = np.linalg.lstsq(sample[inliers], values[inliers], rcond=None)[0]
            errors = np.abs(values - sample @ surface)
            inliers = errors <= 3 * np.median(errors) + 1e-3
        rest = ndimage.gaussian_filter(gray, 0.5) - terms @ surface
        for is_dark, distance in ((True, -rest.min()), (False, rest.max())):
            if distance > farthest + 1e-6:  # ties go to the first channel and to dark ink
                farthest, chosen = distance, (gray, is_dark)
    return chosen


def otsu(values: np.ndarray) -> float:
    """Return the threshold that maximizes the variance between two classes of values."""
    if np.ptp(values) == 0:
        return float(values.max())
    counts, edges = np.histogram(values, bins=128)
    centers = (edges[:-1] + edges[1:]) / 2
    below, total = counts.cumsum()[:-1], (counts * centers).cumsum()
    above = counts.sum() - below
    between = below * above * (total[:-1] / below - (total[-1] - total[:-1]) / above) ** 2
    return float(edges[1 + between.argmax()])
