"""Any picture of a digit to a 28x28 image like MNIST's: find the ink, fit it to the box, centre it."""

import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from mnist_demo.errors import InputError
from mnist_demo.strokes import BOX, SIDE

MAX_PIXELS = 50_000_000  # of a picture: what a phone's camera gives
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
WORKING_SIDE = 400  # pixels of the longer side that the ink is looked for at
LEAST_CONTRAST = 24  # of 255: a picture with less between paper and ink is blank
LEAST_INK = 0.35  # of the darkest ink: paler pixels are paper, its grain and its shadows


def open_picture(source: str | Path | IO[bytes]) -> Image.Image:
    """A picture file, its first frame, checked and decoded. Raises InputError that names the file and what is wrong."""
    name = str(source) if isinstance(source, (str, Path)) else "What was sent"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # _check_size has a limit of its own
            with Image.open(source, formats=FORMATS) as picture:
                _check_size(picture.size)
                picture.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG is decoded at an eighth of its size or more
                picture.load()
                return picture.copy()
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"There is no file {name}.") from None
    except Exception as error:  # Pillow's decoders raise anything, struct.error included, on a damaged file
        raise InputError(f"{name} is no picture that can be read ({', '.join(FORMATS)}).") from error


def picture_to_image(picture: Image.Image | np.ndarray) -> np.ndarray:
    """A picture of one digit to a (28, 28) uint8 image like MNIST's, 0 background to 255 ink.

    Takes a PIL image, or an array (H, W) or (H, W, 1 to 4) uint8. Ink may be darker or lighter than the background;
    transparent parts count as paper. A picture without ink gives an empty image. Raises InputError for anything else.
    """
    if isinstance(picture, np.ndarray):
        picture = _from_array(picture)
    if not isinstance(picture, Image.Image):
        raise InputError(f"A picture must be a PIL image or a uint8 array; got {type(picture).__name__}.")
    _check_size(picture.size)
    try:
        gray = _to_gray(_upright(picture))
    except Exception as error:  # a file that is only now decoded, or a mode that Pillow cannot convert
        raise InputError(f"The picture, of mode {picture.mode}, cannot be decoded: {error}") from error
    return _fit(_find_ink(gray))


def _upright(picture: Image.Image) -> Image.Image:
    """A copy of the picture, turned as its EXIF entry says."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # Pillow raises SyntaxError and others on damaged EXIF; the picture itself may be whole
        return picture.copy()


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise InputError(
            f"The picture has {width:,} x {height:,} pixels; at most {MAX_PIXELS // 10**6} million are read."
        )
    if width == 0 or height == 0:
        raise InputError(f"The picture is empty: {width} x {height} pixels.")


def _from_array(array: np.ndarray) -> Image.Image:
    allowed = "an array must be uint8 of shape (H, W) or (H, W, C) with 1 to 4 channels"
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= 4):
        raise InputError(f"Got an array {array.shape} of {array.dtype}; {allowed}.")
    _check_size((array.shape[1], array.shape[0]))
    return Image.fromarray(array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)


def _to_gray(picture: Image.Image) -> np.ndarray:
    """Luminance, float32 (H, W) 0 to 255, the longer side about WORKING_SIDE at most; transparent parts as paper."""
    if picture.mode == "I" or picture.mode.startswith("I;16"):  # 16 bits a pixel, which Pillow would clip to 8
        step = -(-max(picture.size) // (2 * WORKING_SIDE))
        picture = Image.fromarray((np.asarray(picture)[::step, ::step] / 257).clip(0, 255).astype(np.uint8))
    elif picture.mode not in ("L", "RGB", "F"):
        picture = picture.convert("RGBA")
    if max(picture.size) > WORKING_SIDE:
        picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    gray = np.asarray(picture.convert("L"), dtype=np.float32)
    if picture.mode != "RGBA":
        return gray
    opaque = np.asarray(picture.getchannel("A"), dtype=np.float32) / 255
    if opaque.min() > 0.99:
        return gray
    # Paper under a transparent picture: white for dark ink, black for light ink.
    ink = float((gray * opaque).sum() / max(opaque.sum(), 1e-9))
    paper = 255.0 if ink < 128 else 0.0
    return gray * opaque + paper * (1 - opaque)


def _find_ink(gray: np.ndarray) -> np.ndarray:
    """How much ink each pixel holds, float32 (H, W) 0 to 1, against a background as bright as the picture's border."""
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    paper = float(np.median(border))
    darker, lighter = paper - float(gray.min()), float(gray.max()) - paper
    contrast = max(darker, lighter)
    if contrast < LEAST_CONTRAST:
        return np.zeros_like(gray)
    ink = (paper - gray if darker >= lighter else gray - paper) / contrast
    return np.where(ink >= LEAST_INK, ink, 0.0)


def _fit(ink: np.ndarray) -> np.ndarray:
    """Scale the ink into MNIST's 20-pixel box and put its centre of mass at the centre of 28x28."""
    image = np.zeros((SIDE, SIDE), dtype=np.uint8)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return image
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    digit = np.asarray(Image.fromarray(np.rint(ink * 255).astype(np.uint8)).resize(size, Image.Resampling.BOX))
    weights = digit.astype(np.float64) + 1e-9
    offsets = []
    for axis, length in ((1, size[1]), (0, size[0])):
        centre = (weights.sum(axis=axis) * np.arange(length)).sum() / weights.sum()
        offsets.append(int(np.clip(round(SIDE / 2 - centre), 0, SIDE - length)))
    top, left = offsets
    image[top : top + size[1], left : left + size[0]] = digit
    return image
