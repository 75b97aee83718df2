"""Pen strokes to a 28x28 image like MNIST's: geometry and rasterising, nothing else.

MNIST's digits were scaled to fit a 20x20 box, antialiased, and placed with their centre of mass at the centre of a
28x28 field (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"). Here the same is done to the
pen's path itself, so size, place and pen width on the screen do not matter.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np

from mnist_demo.errors import InputError

Strokes = Sequence[Sequence[Sequence[float]]] | Sequence[np.ndarray]

SIDE = 28  # pixels of an image's side
BOX = 20.0  # pixels of the box that MNIST's digits fill
PEN = 2.7  # pixels of the pen's width: with it the 7,494 UCI pen digits have MNIST's mean ink a class (0.1315 of 1)
SPACING = 0.5  # pixels between the points of a resampled path
SLIP, FAR, MAX_SLIPS = 0.08, 0.15, 2  # a slip's extent, and its distance from the rest, as shares of the largest extent
MAX_STROKES, MAX_POINTS = 500, 20_000
MAX_COORDINATE, LEAST_EXTENT = 1e9, 1e-100  # what fits between them can be scaled without overflow; less is a dot
MAX_RESAMPLED = 4_000  # segments of one drawing: what bounds the work of a scribble
TURNS, PENS, FIELDS = (-180.0, 180.0), (1.0, 8.0), (1e-3, 1e9)  # what a drawing can be turned by, drawn with, and on

# Centres of the 28x28 pixels as (x, y), row by row.
_PIXELS = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).reshape(-1, 2).astype(np.float32)


def parse_strokes(strokes: object) -> list[np.ndarray]:
    """Check strokes from outside: a list of strokes, each a list of (x, y), any unit, y down.

    Returns one float64 array (points, 2) a stroke; strokes without points are left out.
    Raises InputError for anything else, naming the first thing that does not fit.
    """
    listed = _as_list(strokes, "Strokes must be a list of strokes, each a list of (x, y)")
    if len(listed) > MAX_STROKES:
        raise InputError(f"The drawing has {len(listed):,} strokes; at most {MAX_STROKES} are read.")
    paths = [_as_list(stroke, f"Stroke {n} must be a list of (x, y)") for n, stroke in enumerate(listed, 1)]
    if (points := sum(map(len, paths))) > MAX_POINTS:
        raise InputError(f"The drawing has {points:,} points; at most {MAX_POINTS:,} are read. Send fewer of them.")
    return [_parse_path(path, number) for number, path in enumerate(paths, 1) if path]


def _as_list(value: object, demand: str) -> list:
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)):
        with suppress(TypeError):  # such as an array without dimensions
            return list(value)
    raise InputError(f"{demand}; got {type(value).__name__}.")


def _parse_path(points: list, number: int) -> np.ndarray:
    path: np.ndarray = np.empty(0, dtype=object)
    if all(map(_is_of_numbers, points)):
        with suppress(ValueError, TypeError, RuntimeError):  # different lengths, or tensors that need gradients
            path = np.asarray(points)
    if path.ndim != 2 or path.shape[1] != 2 or path.dtype.kind not in "iuf":
        raise InputError(f"Stroke {number} must be a list of (x, y), two numbers a point.")
    path = path.astype(np.float64)
    if not (np.abs(path) <= MAX_COORDINATE).all():  # also catches NaN
        raise InputError(f"Stroke {number} has a coordinate that is no finite number up to {MAX_COORDINATE:.0e}.")
    return path


def _is_of_numbers(point: object) -> bool:
    """Whether NumPy may take it: a text among numbers would have each of them stored as long as the text is."""
    if isinstance(point, (list, tuple)):
        return all(isinstance(value, (int, float, np.number)) for value in point)
    return hasattr(point, "dtype")  # an array, whose size is what it is


def resample(path: np.ndarray, spacing: float) -> np.ndarray:
    """The same path (points, 2) with points at equal distances of about `spacing`, both ends kept."""
    lengths = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(2, round(along[-1] / spacing) + 1)
    at = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])], axis=1)


def normalise(paths: list[np.ndarray], pen: float = PEN) -> list[np.ndarray]:
    """Scale checked paths so that their ink fits MNIST's 20-pixel box and its centre of mass is at the image's centre.

    Strokes that are slips of the pen are left out. Returns resampled paths in pixels, at least one point a stroke.
    `paths` must hold at least one point.
    """
    paths = without_slips(paths)
    points = np.concatenate(paths)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    # The pen reaches half its width, and antialiasing half a pixel more, beyond the path on either side.
    scale = (BOX - pen - 1) / extent if extent > LEAST_EXTENT else 1.0
    paths = _resample_all([(path - low) * scale for path in paths])
    # Points lie at equal distances, so their mean is the centre of mass of the ink.
    centre = np.concatenate(paths).mean(axis=0)
    return [path - centre + SIDE / 2 for path in paths]


def place(paths: list[np.ndarray], field: float) -> list[np.ndarray]:
    """Checked paths on a square field of that side, scaled with the field to the image: neither centred nor enlarged.

    Returns resampled paths in pixels. Points further outside than the field is wide are moved in to there, which is
    still outside the image.
    """
    return _resample_all([path.clip(-field, 2 * field) * (SIDE / field) - 0.5 for path in paths])


def _resample_all(paths: list[np.ndarray]) -> list[np.ndarray]:
    """Paths in pixels with points at SPACING, or further apart where they would be more than MAX_RESAMPLED."""
    length = sum(float(np.hypot(*np.diff(path, axis=0).T).sum()) for path in paths)
    return [resample(path, max(SPACING, length / MAX_RESAMPLED)) for path in paths]


def turned(paths: list[np.ndarray], degrees: float) -> list[np.ndarray]:
    """Paths turned clockwise about the middle of the box that holds them all."""
    points = np.concatenate(paths)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return [(path - middle) @ np.array([[cos, sin], [-sin, cos]]) + middle for path in paths]


def without_slips(paths: list[np.ndarray]) -> list[np.ndarray]:
    """The paths without one or two dots far from the others: a pen or a finger that touched where nothing was meant.

    Such a dot would have the digit scaled down and moved aside. More of them are meant, and so is one close by.
    """
    extents = [float(np.ptp(path, axis=0).max()) for path in paths]
    rest = np.concatenate([path for path, extent in zip(paths, extents, strict=True) if extent >= SLIP * max(extents)])
    margin = FAR * max(extents)
    low, high = rest.min(axis=0) - margin, rest.max(axis=0) + margin
    meant = [
        path
        for path, extent in zip(paths, extents, strict=True)
        if extent >= SLIP * max(extents) or ((path[0] >= low) & (path[0] <= high)).all()
    ]
    return meant if len(paths) - len(meant) <= MAX_SLIPS else paths


def rasterise(paths: list[np.ndarray], pen: float = PEN) -> np.ndarray:
    """Draw paths given in pixels with a round antialiased pen of `pen` pixels' width.

    Returns (28, 28) uint8, 0 background to 255 ink: how far each pixel's centre is from the nearest segment, with
    one pixel's ramp at the edge.
    """
    starts = np.concatenate([path[:-1] if len(path) > 1 else path for path in paths]).astype(np.float32)
    steps = np.concatenate([np.diff(path, axis=0) if len(path) > 1 else path * 0 for path in paths]).astype(np.float32)
    lengths = np.maximum((steps**2).sum(axis=1), 1e-12)  # squared, as all distances below
    nearest = np.full(len(_PIXELS), np.inf, dtype=np.float32)
    for part in (slice(first, first + 512) for first in range(0, len(starts), 512)):  # 2 MB a temporary
        start, step, length = starts[part], steps[part], lengths[part]
        # |p - s - t d|^2 = |p - s|^2 - t (2 (p - s).d - t |d|^2), with products of matrices for all pixels p at once.
        along = _PIXELS @ step.T - (start * step).sum(axis=1)  # (784, segments): (p - s).d
        t = np.clip(along / length, 0.0, 1.0)
        distance = (start**2).sum(axis=1) - 2 * _PIXELS @ start.T - t * (2 * along - t * length)  # less |p|^2
        nearest = np.minimum(nearest, distance.min(axis=1))
    nearest = np.maximum(nearest + (_PIXELS**2).sum(axis=1), 0.0)
    ink = np.clip(pen / 2 + 0.5 - np.sqrt(nearest), 0.0, 1.0)
    return np.rint(ink * 255).astype(np.uint8).reshape(SIDE, SIDE)


def strokes_to_image(
    strokes: Strokes, *, turn: float = 0.0, pen: float = PEN, field: float | None = None
) -> np.ndarray:
    """Pen strokes, each a list of (x, y) in any unit with y down, to a (28, 28) uint8 image like MNIST's.

    For what-if: as if it had been drawn turned clockwise by `turn` degrees, with a pen `pen` pixels wide, or been read
    as a naive program would: with a `field`, the side of the pad in the strokes' unit, the whole pad is scaled to the
    image, and the drawing stays as small as it is, where it is, with its slips.

    No strokes, or strokes without points, give an empty image. Raises InputError for what is not strokes, and for a
    value out of its range: TURNS, PENS, FIELDS.
    """
    _check("turn", turn, TURNS, "degrees")
    _check("pen", pen, PENS, "pixels")
    if field is not None:
        _check("field", field, FIELDS, "of the strokes' units")
    paths = parse_strokes(strokes)
    if not paths:
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    if turn:
        paths = turned(paths, turn)
    return rasterise(normalise(paths, pen) if field is None else place(paths, field), pen)


def _check(name: str, value: float, allowed: tuple[float, float], unit: str) -> None:
    low, high = allowed
    if not low <= value <= high:  # also catches NaN
        raise InputError(f"{name} is {value:g}; it must be from {low:g} to {high:g} {unit}.")
