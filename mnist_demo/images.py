"""Any picture of a digit to a 28x28 image like MNIST's: find the ink, give it MNIST's thickness, fit it to the box."""

import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from mnist_demo.errors import InputError
from mnist_demo.strokes import BOX, PEN, SIDE

MAX_PIXELS = 50_000_000  # of a picture: what a phone's camera gives
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
WORKING_SIDE = 400  # pixels of the longer side that the ink is looked for at
WIDEST_PEN = 0.33  # of a picture's longer side: what is wider is paper or shadow
GRAIN_SIZE = 1.5  # pixels: the paper's roughness is smoothed over so many
LEAST_CONTRAST = 0.1  # of white: a picture with less between paper and ink is blank
GRAIN = 6  # ink stands out from the paper by more than this many times the paper's roughness
FLATNESS = 0.02  # of the step from paper to ink: paper that varies less has one level
LEAST_PAPER = 0.15  # of white: below it, light is too weak to measure what ink takes of it
LEAST_AREA = 0.0005  # of a picture: less ink is none
LEAST_PIECE = 0.04  # of the largest connected piece of ink: smaller ones are specks
FINE = 5  # pixels for one of the box: what the outline is measured on
_NEIGHBOURS = np.ones((3, 3))  # a pixel touches all eight around it


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
    except Image.DecompressionBombError:  # Pillow's own limit, before the size could be looked at
        raise InputError(f"{name} has far more pixels than the {MAX_PIXELS // 10**6} million that are read.") from None
    except FileNotFoundError:
        raise InputError(f"There is no file {name}.") from None
    except Exception as error:  # Pillow's decoders raise anything, struct.error included, on a damaged file
        raise InputError(f"{name} is no picture that can be read ({', '.join(FORMATS)}).") from error


def picture_to_image(picture: Image.Image | np.ndarray) -> np.ndarray:
    """A picture of one digit to a (28, 28) uint8 image like MNIST's, 0 background to 255 ink.

    Takes a PIL image, or an array (H, W) or (H, W, 1 to 4) uint8. Ink may be darker or lighter than the background;
    transparent parts count as paper. A picture without ink gives an empty image. Raises InputError for anything else.
    """
    return fit(picture_to_ink(picture))


def picture_to_ink(picture: Image.Image | np.ndarray) -> np.ndarray:
    """The ink that `picture_to_image` finds: float32 (H, W), 0 to 1, the longer side WORKING_SIDE at most."""
    if isinstance(picture, np.ndarray):
        picture = _from_array(picture)
    if not isinstance(picture, Image.Image):
        raise InputError(f"A picture must be a PIL image or a uint8 array; got {type(picture).__name__}.")
    _check_size(picture.size)
    try:
        channels = _to_channels(_upright(picture))
    except Exception as error:  # a file that is only now decoded, or a mode that Pillow cannot convert
        raise InputError(f"The picture, of mode {picture.mode}, cannot be decoded: {error}") from error
    return find_ink(channels)


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


def _to_channels(picture: Image.Image) -> np.ndarray:
    """float32 (H, W, 1 or 3), 0 to 1, the longer side about WORKING_SIDE at most; transparent parts as paper."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):  # of 8 or 16 bits, or 0 to 1: none says which
        step = -(-max(picture.size) // (2 * WORKING_SIDE))
        values = np.asarray(picture, dtype=np.float32)[::step, ::step]
        full = next((full for full in (1, 255, 65_535) if values.max() <= full), float(values.max()))
        picture = Image.fromarray((values * (255 / full)).clip(0, 255).astype(np.uint8))
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGBA")
    if max(picture.size) > WORKING_SIDE:
        picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(picture, dtype=np.float32).reshape(picture.height, picture.width, -1) / 255
    if pixels.shape[2] < 4:
        return pixels
    channels, opaque = pixels[:, :, :3], pixels[:, :, 3:]
    return channels * opaque + (1 - opaque) * _paper_behind(channels[opaque[:, :, 0] > 0.9])


def _paper_behind(colours: np.ndarray) -> np.ndarray:
    """What to put behind a transparent picture, (3,), from the colours (N, 3) of its opaque parts.

    Where those differ, the picture brought its own paper. Else they are ink: on white if it is dark, on black if not.
    """
    if not len(colours):
        return np.ones(3, dtype=np.float32)
    if np.ptp(colours, axis=0).max() > LEAST_CONTRAST:
        return np.median(colours, axis=0)
    return np.full(3, 1.0 if colours.mean() < 0.5 else 0.0, dtype=np.float32)


def find_ink(channels: np.ndarray) -> np.ndarray:
    """How much ink each pixel of a picture float32 (H, W, 1 or 3), 0 to 1, holds: float32 (H, W); specks are left out.

    The light on the paper may change from place to place. Ink is told from paper by N. Otsu, "A threshold selection
    method from gray-level histograms" (1979), and by standing out from the paper's grain.
    """
    contrast = _against_paper(channels)
    inked = contrast > _otsu(contrast)
    grain = float(np.median(contrast[~inked]))
    if np.quantile(contrast, 1 - LEAST_AREA) <= max(LEAST_CONTRAST, GRAIN * grain):
        return np.zeros_like(contrast)
    full = float(np.median(contrast[inked]))
    pieces, count = ndimage.label(contrast > max(full / 2, GRAIN * grain), structure=_NEIGHBOURS)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0  # the paper
    sizes[_frames(pieces, sizes)] = 0
    # Pixels at the edge of a stroke hold less than half and still some ink.
    kept = ndimage.binary_dilation((sizes >= max(1, LEAST_PIECE * sizes.max()))[pieces], structure=_NEIGHBOURS)
    return np.where(kept, (contrast / full).clip(0, 1), 0).astype(np.float32)


def _frames(pieces: np.ndarray, sizes: np.ndarray) -> list[int]:
    """The pieces along half of three sides of the picture or more, where there are others: a table's edge, a frame."""
    sides = (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1])
    along = [np.bincount(side, minlength=len(sizes)) >= len(side) / 2 for side in sides]
    frames = [piece for piece in range(1, len(sizes)) if sum(one[piece] for one in along) >= 3]
    rest = np.delete(sizes, frames)
    return frames if rest.max() > LEAST_AREA * pieces.size else []


def _against_paper(channels: np.ndarray) -> np.ndarray:
    """Contrast of each pixel of (H, W, 1 or 3) against the paper around it, (H, W), 0 to 1; 0 where it is no ink.

    In a clean picture the paper has one level. Else it is what remains when all that is thinner than the widest pen is
    closed over (gray-scale morphology; J. Serra, "Image analysis and mathematical morphology", 1982).
    """
    if (flat := _against_flat_paper(channels)) is not None:
        return flat
    gray, dark = _choose_channel(channels)
    window = int(WIDEST_PEN * max(gray.shape)) // 2 * 2 + 1
    # Beyond its border a picture goes on as it slopes, or else a shadow's edge would end there in a corner of ink.
    shades = np.pad(ndimage.gaussian_filter(gray, GRAIN_SIZE), window, mode="reflect", reflect_type="odd")
    closed = (ndimage.grey_closing if dark else ndimage.grey_opening)(shades, size=window)
    paper = closed[window:-window, window:-window]
    return _contrast(gray, paper, dark)


def _against_flat_paper(channels: np.ndarray) -> np.ndarray | None:
    """The same for a drawing, a screenshot or a scan, whose paper has one level even where ink touches its border."""
    contrasts = []
    for gray in np.moveaxis(channels, 2, 0):
        bright = gray > _otsu(gray)
        dark = bool(bright.mean() > 0.5)  # paper is the greater part
        ink = bright != dark
        level = np.median(gray[~ink])
        step = np.abs(np.median(gray[ink]) - level) if ink.any() else 0
        is_flat = (np.abs(gray[~ink] - level) < FLATNESS * step).mean() > 0.5
        if is_flat and 2 * ndimage.distance_transform_edt(ink).max() < WIDEST_PEN * max(gray.shape):
            contrasts.append(_contrast(gray, level, dark))
    return max(contrasts, key=np.mean, default=None)


def _contrast(gray: np.ndarray, paper: np.ndarray | np.floating, dark: bool) -> np.ndarray:
    # Ink swallows a share of the light that falls on paper; what shines on a dark ground adds to it.
    contrast = (paper - gray) / np.maximum(paper, LEAST_PAPER) if dark else gray - paper
    return np.maximum(contrast, 0)


def _choose_channel(channels: np.ndarray) -> tuple[np.ndarray, bool]:
    """The channel (H, W) that shows the ink best, and whether ink is darker in it than paper.

    Paper is most of the picture, and its light changes slowly: a quadratic surface that most pixels lie near. The
    pixel farthest from that surface is ink.
    """
    height, width = channels.shape[:2]
    step = -(-max(height, width) // 100)  # so many pixels tell a surface
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    some = terms[::step, ::step].reshape(-1, 6)
    farthest, chosen = -1.0, (channels[:, :, 0], True)
    for gray in np.moveaxis(channels, 2, 0):
        values = gray[::step, ::step].ravel()
        near = np.ones(len(values), dtype=bool)
        for _ in range(3):  # each time without what is far off
            surface = np.linalg.lstsq(some[near], values[near], rcond=None)[0]
            off = np.abs(values - some @ surface)
            near = off <= 3 * np.median(off) + 1e-3
        rest = ndimage.gaussian_filter(gray, 0.5) - terms @ surface
        for dark, distance in ((True, -rest.min()), (False, rest.max())):
            if distance > farthest + 1e-6:  # of equal channels the first, of equal signs dark ink
                farthest, chosen = distance, (gray, dark)
    return chosen


def _otsu(values: np.ndarray) -> float:
    """The threshold that parts values into two classes with the greatest variance between them; of one value, it."""
    if values.max() == values.min():
        return float(values.max())
    counts, edges = np.histogram(values, bins=128)
    centres = (edges[:-1] + edges[1:]) / 2
    below, total = counts.cumsum()[:-1], (counts * centres).cumsum()
    above = counts.sum() - below
    between = below * above * (total[:-1] / below - (total[-1] - total[:-1]) / above) ** 2
    return float(edges[1 + between.argmax()])


def fit(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W), 0 to 1, as MNIST would have it: uint8 (28, 28), in its box, centred by mass, as thick as its pen.

    The outline is moved in or out until the pen is as wide as `strokes` draws it. How wide it was is told by how deep
    inked pixels lie below the outline: in a stroke of constant width the median depth is a quarter of that width.
    """
    if not ink.any():
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    enlarged = _enlarge(ink)
    inside = enlarged > enlarged.max() / 2  # a hairline pales where the picture is larger than what is measured on
    rows, columns = np.nonzero(inside)
    # Signed distance of each pixel's centre to the outline, positive on ink.
    depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    depth -= np.copysign(0.5, depth)
    half = 2 * float(np.median(depth[inside]))
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    # Fine pixels a pixel of the result: the pen's path fills the box as in `strokes.normalise`; a blot fits into it.
    unit = max((extent - 2 * half) / (BOX - PEN - 1), extent / SIDE)
    steps = (np.arange(SIDE) - SIDE / 2) * unit
    where = np.meshgrid(rows.mean() + steps, columns.mean() + steps, indexing="ij")
    depth = ndimage.map_coordinates(depth, where, order=1, mode="nearest") - half
    return np.rint(255 * (depth / unit + PEN / 2 + 0.5).clip(0, 1)).astype(np.uint8)


def _enlarge(ink: np.ndarray) -> np.ndarray:
    """The inked part of a picture, scaled to FINE times the box, with a margin as wide as the field."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    part = np.pad(ink, 1)[rows[0] : rows[-1] + 3, columns[0] : columns[-1] + 3]
    scale = BOX * FINE / max(part.shape)
    size = tuple(max(1, round(length * scale)) for length in part.shape[::-1])
    return np.pad(np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BICUBIC)), SIDE * FINE // 2)
