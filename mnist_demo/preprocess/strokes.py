"""Convert pen strokes to a 28x28 image like MNIST's.

MNIST's digits were scaled to fit a 20x20 box, antialiased, and placed with their center of mass at the center of a
28x28 image (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"). So are the pen's paths here.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np

from mnist_demo.errors import InputError

Strokes = Sequence[Sequence[Sequence[float]]] | Sequence[np.ndarray]

IMAGE_SIZE = 28  # pixels of an image's side
BOX_SIZE = 20.0  # pixels of the side of the box that MNIST's digits fill
PEN_WIDTH = 2.7  # pixels; gives UCI's pen digits as much ink as MNIST's digits have
CURVE_STEPS = 4  # segments of a painted curve for each point
SPACING = 0.5  # pixels between the points of a resampled path
STRAY_DOT_SIZE = 0.08  # extent of a stray dot, as a fraction of the largest stroke's extent
STRAY_DOT_DISTANCE = 0.15  # its distance from the other strokes, as the same fraction
MAX_I_WIDTH = 0.5  # width of a stroke that a dot may belong to, over its height, both with the distance as a margin
MAX_STRAY_DOTS = 2  # more dots are part of the drawing
MAX_STROKES, MAX_POINTS = 500, 20_000
MAX_COORDINATE, MIN_EXTENT = 1e9, 1e-100  # a smaller drawing is a dot, because scaling it would overflow
MAX_SEGMENTS = 4_000  # of a drawing after resampling; limits the time that a scribble takes

# Centers of the 28x28 pixels as (x, y) from the image's middle, row by row: small numbers lose little in float32.
_MIDDLE = (IMAGE_SIZE - 1) / 2
_PIXELS = np.stack(np.meshgrid(*[np.arange(IMAGE_SIZE) - _MIDDLE] * 2), axis=-1).reshape(-1, 2).astype(np.float32)
_PIXELS_AND_ONES = np.concatenate([_PIXELS.T, np.ones((1, len(_PIXELS)), np.float32)])  # (3, 784)


def parse_strokes(strokes: object) -> list[np.ndarray]:
    """Validate untrusted strokes: a list of strokes, each a list of (x, y) in any unit, y down.

    Return one float64 array (points, 2) per stroke that has points. Raise InputError that names the first invalid part.
    """
    listed = _to_list(strokes, "Strokes must be a list of strokes, each a list of (x, y)")
    if len(listed) > MAX_STROKES:
        raise InputError(f"The drawing has {len(listed):,} strokes; at most {MAX_STROKES} are allowed. Draw fewer.")
    paths = [_to_list(stroke, f"Stroke {n} must be a list of (x, y)") for n, stroke in enumerate(listed, 1)]
    if (points := sum(map(len, paths))) > MAX_POINTS:
        raise InputError(f"The drawing has {points:,} points; at most {MAX_POINTS:,} are allowed. Send fewer points.")
    return [_parse_path(path, number) for number, path in enumerate(paths, 1) if path]


def _to_list(value: object, requirement: str) -> list:
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)):
        with suppress(TypeError):  # an array without dimensions
            return list(value)
    raise InputError(f"{requirement}; got {type(value).__name__}.")


def _parse_path(points: list, number: int) -> np.ndarray:
    path: np.ndarray = np.empty(0, dtype=object)
    if all(map(_is_numeric, points)):
        with suppress(ValueError, TypeError, RuntimeError):  # points of different lengths, or tensors with gradients
            path = np.asarray(points)
    if path.ndim != 2 or path.shape[1] != 2 or path.dtype.kind not in "iuf":
        raise InputError(f"Stroke {number} must be a list of points (x, y), two numbers each.")
    path = path.astype(np.float64)
    if not (np.abs(path) <= MAX_COORDINATE).all():  # also catches NaN
        raise InputError(f"Stroke {number} has a coordinate that is not a finite number up to {MAX_COORDINATE:.0e}.")
    return path


def _is_numeric(point: object) -> bool:
    """Return whether NumPy may convert the point. One long text would make NumPy store every number as long."""
    if hasattr(point, "dtype"):  # an array, whose element size is fixed
        return True
    return isinstance(point, (list, tuple)) and all(isinstance(value, (int, float, np.number)) for value in point)


def resample(path: np.ndarray, spacing: float) -> np.ndarray:
    """Return the same path (points, 2) with points at equal distances of about `spacing`, both ends included."""
    lengths = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    positions = np.linspace(0.0, along[-1], max(2, round(along[-1] / spacing) + 1))
    return np.stack([np.interp(positions, along, path[:, axis]) for axis in (0, 1)], axis=1)


def painted_curve(path: np.ndarray) -> np.ndarray:
    """Return the curve that the pad paints for a path (points, 2): parabolas between the midpoints of its segments.

    Each point but the first and the last is the control point of a quadratic Bezier curve. A repeated point makes a
    corner.
    """
    if len(path) < 3:
        return path
    ends = np.concatenate([path[:1], (path[1:-1] + path[2:]) / 2])
    start, control, end = ends[:-1, None], path[1:-1, None], ends[1:, None]
    t = np.arange(CURVE_STEPS)[:, None] / CURVE_STEPS
    curve = start * (1 - t) ** 2 + control * (2 * t * (1 - t)) + end * t**2
    return np.concatenate([curve.reshape(-1, 2), ends[-1:], path[-1:]])  # it ends with half a straight segment


def normalize(paths: list[np.ndarray], pen_width: float = PEN_WIDTH) -> list[np.ndarray]:
    """Scale valid paths so that the ink fits MNIST's box, and move its center of mass to the image's center.

    Leave out stray dots. Return resampled paths in pixels, with at least one point each. `paths` must not be empty.
    """
    paths = [painted_curve(path) for path in remove_stray_dots(paths)]
    points = np.concatenate(paths)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    # On either side, the pen extends half its width beyond the path, and antialiasing half a pixel more.
    scale = (BOX_SIZE - pen_width - 1) / extent if extent > MIN_EXTENT else 1.0
    paths = _resample_all([(path - low) * scale for path in paths])
    # Points lie at equal distances, so their mean is the center of mass of the ink.
    center = np.concatenate(paths).mean(axis=0)
    return [path - center + IMAGE_SIZE / 2 for path in paths]


def place_on_pad(paths: list[np.ndarray], pad_size: float) -> list[np.ndarray]:
    """Scale valid paths as the pad, `pad_size` units wide, scales to the image; return resampled paths in pixels."""
    # Points more than one pad size outside are moved closer, where they are still invisible.
    inside = [painted_curve(path.clip(-pad_size, 2 * pad_size)) for path in paths]
    return _resample_all([path * (IMAGE_SIZE / pad_size) - 0.5 for path in inside])


def _resample_all(paths: list[np.ndarray]) -> list[np.ndarray]:
    """Resample paths in pixels at SPACING, or more coarsely if that would exceed MAX_SEGMENTS."""
    length = sum(float(np.hypot(*np.diff(path, axis=0).T).sum()) for path in paths)
    return [resample(path, max(SPACING, length / MAX_SEGMENTS)) for path in paths]


def rotate(paths: list[np.ndarray], degrees: float) -> list[np.ndarray]:
    """Rotate paths clockwise about the center of their common bounding box."""
    points = np.concatenate(paths)
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return [(path - center) @ np.array([[cos, sin], [-sin, cos]]) + center for path in paths]


def remove_stray_dots(paths: list[np.ndarray]) -> list[np.ndarray]:
    """Remove up to MAX_STRAY_DOTS small dots far from the other strokes: accidental touches, which shrink the digit.

    A dot above or below a narrow stroke is kept, because it belongs to an i or an exclamation mark.
    """
    extents = np.array([np.ptp(path, axis=0).max() for path in paths])
    is_dot = extents < STRAY_DOT_SIZE * extents.max()
    strokes = np.concatenate([path for path, small in zip(paths, is_dot, strict=True) if not small])
    margin = STRAY_DOT_DISTANCE * extents.max()
    low, high = strokes.min(axis=0) - margin, strokes.max(axis=0) + margin
    if high[0] - low[0] < MAX_I_WIDTH * (high[1] - low[1]):
        low[1], high[1] = -np.inf, np.inf
    is_near = [((path[0] >= low) & (path[0] <= high)).all() for path in paths]
    kept = [path for path, small, near in zip(paths, is_dot, is_near, strict=True) if near or not small]
    return kept if len(paths) - len(kept) <= MAX_STRAY_DOTS else paths


def rasterize(paths: list[np.ndarray], pen_width: float = PEN_WIDTH) -> np.ndarray:
    """Draw paths, given in pixels, with a round antialiased pen, `pen_width` pixels wide: uint8 (28, 28), 255 is ink.

    A pixel's value depends on its center's distance to the nearest segment, with a ramp one pixel wide at the edge.
    """
    starts = np.concatenate([path[:-1] if len(path) > 1 else path for path in paths])
    starts = (starts - _MIDDLE).astype(np.float32)
    steps = np.concatenate([np.diff(path, axis=0) if len(path) > 1 else path * 0 for path in paths]).astype(np.float32)
    lengths = np.maximum((steps**2).sum(axis=1, keepdims=True), 1e-12)  # squared, like all distances below
    nearest = np.full(len(_PIXELS), np.inf, dtype=np.float32)
    for part in (slice(first, first + 512) for first in range(0, len(starts), 512)):  # 2 MB per temporary array
        start, step, length = starts[part], steps[part], lengths[part]
        # |p - s - t d|^2 = |p - s|^2 - t (2 (p - s).d - t |d|^2), as matrix products for all pixels p at once.
        along = _multiply_pixels(step, -(start * step).sum(axis=1, keepdims=True))  # (segments, 784): (p - s).d
        distance = _multiply_pixels(-2 * start, (start**2).sum(axis=1, keepdims=True))  # |p - s|^2 - |p|^2
        t = np.clip(along / length, 0.0, 1.0)
        distance -= t * (2 * along - t * length)
        nearest = np.minimum(nearest, distance.min(axis=0))
    nearest = np.maximum(nearest + (_PIXELS**2).sum(axis=1), 0.0)
    ink = np.clip(pen_width / 2 + 0.5 - np.sqrt(nearest), 0.0, 1.0)
    return np.rint(ink * 255).astype(np.uint8).reshape(IMAGE_SIZE, IMAGE_SIZE)


def _multiply_pixels(factors: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return `factors` (n, 2) times each pixel's (x, y), plus `offsets` (n, 1): float32 (n, 784)."""
    return np.concatenate([factors, offsets], axis=1) @ _PIXELS_AND_ONES


def strokes_to_image(
    strokes: Strokes, *, rotation: float = 0.0, pen_width: float = PEN_WIDTH, pad_size: float | None = None
) -> np.ndarray:
    """Return pen strokes, each a list of (x, y) in any unit with y down, as a (28, 28) uint8 image like MNIST's.

    A smooth curve joins a stroke's points, as on the pad, with a corner where a point is repeated (`painted_curve`).
    `rotation` turns the drawing clockwise, in degrees. `pen_width` is in pixels. `pad_size`, the side of the pad in the
    strokes' unit, skips normalization: the whole pad is scaled to the image, with stray dots, and nothing is centered.
    Without points, the image is empty. Raise InputError for invalid strokes and for values outside their ranges.
    """
    _check_range("rotation", rotation, (-180, 180), "degrees")
    _check_range("pen_width", pen_width, (1, 8), "pixels")
    if pad_size is not None:
        _check_range("pad_size", pad_size, (1e-3, 1e9), "of the strokes' units")
    paths = parse_strokes(strokes)
    if not paths:
        return np.zeros((IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    if rotation:
        paths = rotate(paths, rotation)
    return rasterize(normalize(paths, pen_width) if pad_size is None else place_on_pad(paths, pad_size), pen_width)


def _check_range(name: str, value: float, allowed: tuple[float, float], unit: str) -> None:
    low, high = allowed
    if not low <= value <= high:  # also catches NaN
        raise InputError(f"{name} is {value:g}; it must be from {low:g} to {high:g} {unit}.")
