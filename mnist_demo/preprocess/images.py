"""Convert a photo of a digit to a 28x28 image like MNIST's: find the ink, then scale, center and redraw it."""

import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from mnist_demo.errors import InputError
from mnist_demo.preprocess.strokes import BOX_SIZE, IMAGE_SIZE, PEN_WIDTH

MAX_PIXELS = 50_000_000  # of a photo, about what a phone's camera takes
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
WORKING_SIDE = 400  # pixels: the longer side after downscaling
MAX_PEN_WIDTH = 0.33  # as a fraction of the longer side; anything wider is paper or shadow
GRAIN_SIZE = 1.5  # pixels: sigma of the Gaussian filter that smooths the paper's grain
MIN_CONTRAST = 0.1  # of white; a photo with less contrast between paper and ink is blank
MIN_GRAIN_RATIO = 6  # contrast of ink, as a multiple of the paper's median contrast
MAX_PAPER_VARIATION = 0.02  # of uniform paper, as a fraction of the step from paper to ink
MIN_PAPER_LEVEL = 0.15  # of white; darker paper is too dark to measure how much light the ink absorbs
MIN_INK_AREA = 0.0005  # as a fraction of the photo; less ink counts as none
MIN_PIECE_SIZE = 0.04  # as a fraction of the largest connected piece of ink; smaller pieces are specks
SUPERSAMPLING = 5  # the outline is measured on this many pixels for each pixel of the box
_EIGHT_NEIGHBORS = np.ones((3, 3))  # pixels are connected along sides and corners


def open_photo(source: str | Path | IO[bytes]) -> Image.Image:
    """Open and decode the first frame of an image file. Raise InputError that names the file and the problem."""
    name = str(source) if isinstance(source, (str, Path)) else "The file"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # _check_size has a lower limit
            with Image.open(source, formats=FORMATS) as photo:
                _check_size(photo.size)
                photo.draft(None, (WORKING_SIDE, WORKING_SIDE))  # decodes a large JPEG at a lower resolution
                photo.load()
                return photo.copy()
    except InputError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit, which applies before _check_size
        raise InputError(f"{name} has too many pixels; at most {MAX_PIXELS // 10**6} million are allowed.") from None
    except FileNotFoundError:
        raise InputError(f"File not found: {name}.") from None
    except Exception as error:  # Pillow's decoders raise many types on a damaged file, such as struct.error
        raise InputError(f"{name} is not a valid image. Choose one of these formats: {', '.join(FORMATS)}.") from error


def photo_to_image(photo: Image.Image | np.ndarray) -> np.ndarray:
    """Return a photo of one digit as a (28, 28) uint8 image like MNIST's, from 0 (background) to 255 (ink).

    `photo` is a PIL image, or a uint8 array (H, W) or (H, W, 1 to 4). Ink may be darker or lighter than the background.
    Transparent parts count as paper. Without ink, the image is empty. Raise InputError for invalid input.
    """
    return fit_to_mnist(photo_to_ink(photo))


def photo_to_ink(photo: Image.Image | np.ndarray) -> np.ndarray:
    """Return the ink that `photo_to_image` finds: float32 (H, W), 0 to 1, at most WORKING_SIDE on the longer side."""
    photo = _from_array(photo) if isinstance(photo, np.ndarray) else photo
    if not isinstance(photo, Image.Image):
        raise InputError(f"A photo must be a PIL image or a uint8 array; got {type(photo).__name__}.")
    _check_size(photo.size)
    try:
        channels = _to_channels(_rotate_upright(photo))
    except Exception as error:  # a damaged file that is decoded only now, or a mode that Pillow cannot convert
        raise InputError(f"The photo (mode {photo.mode}) cannot be decoded: {error}") from error
    return find_ink(channels)


def _rotate_upright(photo: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(photo)
    except Exception:  # Pillow raises SyntaxError and others for damaged EXIF; the pixels may still be intact
        return photo.copy()


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        limit = f"at most {MAX_PIXELS // 10**6} million are allowed. Scale it down."
        raise InputError(f"The photo has {width:,} x {height:,} pixels; {limit}")
    if not width * height:
        raise InputError(f"The photo is empty: {width} x {height} pixels.")


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= 4):
        allowed = "an array must be uint8 of shape (H, W) or (H, W, C) with 1 to 4 channels"
        raise InputError(f"Got an array {array.shape} of {array.dtype}; {allowed}.")
    _check_size((array.shape[1], array.shape[0]))
    return Image.fromarray(array[:, :, 0] if array.shape[2:] == (1,) else array)


def _to_channels(photo: Image.Image) -> np.ndarray:
    """Return float32 (H, W, 1 or 3), 0 to 1, downscaled to about WORKING_SIDE, with transparent parts as paper."""
    if photo.mode in ("I", "F") or photo.mode.startswith("I;16"):  # the mode does not tell which value is white
        step = -(-max(photo.size) // (2 * WORKING_SIDE))
        values = np.asarray(photo, dtype=np.float32)[::step, ::step]
        white = next((white for white in (1, 255, 65_535) if values.max() <= white), float(values.max()))
        photo = Image.fromarray((values * (255 / white)).clip(0, 255).astype(np.uint8))
    elif photo.mode not in ("L", "RGB"):
        photo = photo.convert("RGBA")
    if max(photo.size) > WORKING_SIDE:
        photo.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(photo, dtype=np.float32).reshape(photo.height, photo.width, -1) / 255
    if pixels.shape[2] < 4:
        return pixels
    colors, alpha = pixels[:, :, :3], pixels[:, :, 3:]
    return colors * alpha + (1 - alpha) * _background_color(colors[alpha[:, :, 0] > 0.9])


def _background_color(opaque: np.ndarray) -> np.ndarray | float:
    """Return the color to put behind a transparent photo, given the colors (N, 3) of its opaque pixels."""
    if len(opaque) and np.ptp(opaque, axis=0).max() > MIN_CONTRAST:  # they differ, so they include paper
        return np.median(opaque, axis=0)
    return 1.0 if not len(opaque) or opaque.mean() < 0.5 else 0.0  # all are ink: white behind dark, black behind light


def find_ink(channels: np.ndarray) -> np.ndarray:
    """Return how much ink each pixel holds, without specks: float32 (H, W) from (H, W, 1 or 3), 0 to 1.

    Otsu's method separates ink from paper (N. Otsu, "A threshold selection method from gray-level histograms", 1979).
    """
    contrast = _paper_contrast(channels)
    is_ink = contrast > _otsu(contrast)
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


def _paper_contrast(channels: np.ndarray) -> np.ndarray:
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
        is_bright = gray > _otsu(gray)
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


def _otsu(values: np.ndarray) -> float:
    """Return the threshold that maximizes the variance between two classes of values."""
    if np.ptp(values) == 0:
        return float(values.max())
    counts, edges = np.histogram(values, bins=128)
    centers = (edges[:-1] + edges[1:]) / 2
    below, total = counts.cumsum()[:-1], (counts * centers).cumsum()
    above = counts.sum() - below
    between = below * above * (total[:-1] / below - (total[-1] - total[:-1]) / above) ** 2
    return float(edges[1 + between.argmax()])


def fit_to_mnist(ink: np.ndarray) -> np.ndarray:
    """Return ink (H, W), 0 to 1, as an image like MNIST's: uint8 (28, 28), fitted to the box, centered by mass.

    The outline is moved in or out until the stroke is as wide as in `strokes`. In a stroke of constant width, the
    median depth of its pixels below the outline is a quarter of the width.
    """
    if not ink.any():
        return np.zeros((IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    enlarged = _enlarge(ink)
    inside = enlarged > enlarged.max() / 2  # relative to the maximum, because a thin line fades when downscaled
    rows, columns = np.nonzero(inside)
    # Signed distance of each pixel's center to the outline, positive on ink.
    depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    depth -= np.copysign(0.5, depth)
    half_width = 2 * float(np.median(depth[inside]))
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    # Enlarged pixels per output pixel: the pen's path fills the box as in `strokes.normalize`; a blot fits into it.
    unit = max((extent - 2 * half_width) / (BOX_SIZE - PEN_WIDTH - 1), extent / IMAGE_SIZE)
    steps = (np.arange(IMAGE_SIZE) - IMAGE_SIZE / 2) * unit
    grid = np.meshgrid(rows.mean() + steps, columns.mean() + steps, indexing="ij")
    depth = ndimage.map_coordinates(depth, grid, order=1, mode="nearest") - half_width
    return np.rint(255 * (depth / unit + PEN_WIDTH / 2 + 0.5).clip(0, 1)).astype(np.uint8)


def _enlarge(ink: np.ndarray) -> np.ndarray:
    """Crop to the ink, scale it to SUPERSAMPLING times the box, and add a margin of half an image on each side."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    part = np.pad(ink, 1)[rows[0] : rows[-1] + 3, columns[0] : columns[-1] + 3]
    scale = BOX_SIZE * SUPERSAMPLING / max(part.shape)
    size = tuple(max(1, round(length * scale)) for length in part.shape[::-1])
    scaled = np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BICUBIC))
    return np.pad(scaled, IMAGE_SIZE * SUPERSAMPLING // 2)
