"""Convert a photo of a digit to a 28x28 image like MNIST's: find the ink, then scale, center and redraw it."""

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from mnist_demo.errors import InputError
from mnist_demo.preprocess.ink import MIN_CONTRAST, find_ink
from mnist_demo.preprocess.photo_file import check_size
from mnist_demo.preprocess.strokes import BOX_SIZE, IMAGE_SIZE, PEN_WIDTH

WORKING_SIDE = 400  # pixels: the longer side after downscaling
SUPERSAMPLING = 5  # the outline is measured on this many pixels for each pixel of the box


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
    check_size(photo.size)
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


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= 4):
        allowed = "an array must be uint8 of shape (H, W) or (H, W, C) with 1 to 4 channels"
        raise InputError(f"Got an array {array.shape} of {array.dtype}; {allowed}.")
    check_size((array.shape[1], array.shape[0]))
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
