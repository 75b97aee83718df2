"""Draw pictures of handwritten digits from pen strokes, as cameras, scanners and drawing programs make them.

Every picture has a random size, pen, polarity and shades. The kinds in KINDS also have one difficulty each, such as
squared paper. All functions draw from the generator they get, so that a seed gives the same pictures again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

Paths = list[np.ndarray]  # for each stroke (points, 2), y down, in any unit
MAX_TILT = 3.0  # degrees between a paper's lines and the picture's sides


def synthesize_photo(paths: Paths, rng: np.random.Generator) -> Image.Image:
    """Return a photo of a drawing with random size, position, pen and shades; half of them with uneven light."""
    side, fraction, pen = int(rng.integers(300, 801)), rng.uniform(0.25, 0.85), rng.uniform(0.03, 0.12)
    extent = np.ptp(np.concatenate(paths), axis=0)
    scale = fraction * side / extent.max()
    width = max(1.0, pen * fraction * side)
    position = width / 2 + rng.uniform(0, 1, 2) * np.maximum(side - extent * scale - width, 0)
    drawn = draw(scale_to(paths, fraction * side, position), width, side)
    dark_on_light = (rng.uniform(190, 255), rng.uniform(0, 90))
    light_on_dark = (rng.uniform(0, 60), rng.uniform(170, 255))
    ground, shade = dark_on_light if rng.random() < 0.5 else light_on_dark
    gray = ground + (shade - ground) * drawn
    if rng.random() < 0.5:
        gray = light(gray, rng)
    return Image.fromarray(gray.clip(0, 255).astype(np.uint8))


def scale_to(paths: Paths, size: float, position: np.ndarray) -> Paths:
    """Scale paths to `size` pixels on their longer side, with their upper left corner at `position`."""
    points = np.concatenate(paths)
    low, extent = points.min(axis=0), np.ptp(points, axis=0).max()
    return [(path - low) * (size / extent) + position for path in paths]


def draw(paths: Paths, width: float, side: int) -> np.ndarray:
    """Draw paths in pixels with a round pen, `width` pixels wide: float32 (side, side), 0 to 1."""
    ink = Image.new("L", (2 * side, 2 * side))  # at twice the size, for smooth edges
    canvas, radius = ImageDraw.Draw(ink), width
    for path in paths:
        line = [tuple(point) for point in path * 2]
        canvas.line(line, fill=255, width=max(1, round(2 * width)), joint="curve")
        for x, y in line[:: max(1, len(line) - 1)]:
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(ink.reduce(2), dtype=np.float32) / 255


def light(gray: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light a picture (H, W) or (H, W, 3) unevenly from a side and by a lamp, and add the paper's grain."""
    side = len(gray)
    y, x = np.mgrid[:side, :side] / side - 0.5
    angle, (lamp_x, lamp_y) = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4, 2)
    slope = ((x * np.cos(angle) + y * np.sin(angle)) / 0.7 + 0.5).clip(0, 1)
    lamp = np.exp(-((x - lamp_x) ** 2 + (y - lamp_y) ** 2) / (2 * rng.uniform(0.25, 0.5) ** 2))
    light = 1 - rng.uniform(0.2, 0.6) * slope - rng.uniform(0, 0.25) * (1 - lamp)
    light = light.reshape(light.shape + (1,) * (gray.ndim - 2))
    return gray * light + rng.normal(0, rng.uniform(2, 6), gray.shape)


@dataclass(frozen=True)
class Layout:
    """Where the digit is on a picture, in pixels."""

    side: int  # of the picture
    digit: Paths
    pen: float  # width
    low: np.ndarray  # (x, y) of the upper left corner of the pen's path
    high: np.ndarray  # and of the lower right one

    @property
    def size(self) -> float:
        """The digit's longer side."""
        return float((self.high - self.low).max())


def lay_out(
    paths: Paths,
    rng: np.random.Generator,
    size: tuple[float, float] = (0.3, 0.75),
    pen: tuple[float, float] = (0.03, 0.12),
) -> Layout:
    """Place a digit at random. `size` is its range as a fraction of the picture, `pen` the pen's of the digit."""
    side = int(rng.integers(300, 801))
    pixels = rng.uniform(*size) * side
    width = max(1.0, rng.uniform(*pen) * pixels)
    if pixels + width > side:
        pixels = side - width
    extent = np.ptp(np.concatenate(paths), axis=0)
    extent = extent * pixels / extent.max()
    low = width / 2 + rng.uniform(0, 1, 2) * np.maximum(side - extent - width, 0)
    return Layout(side, scale_to(paths, pixels, low), width, low, low + extent)


def tilt(points: np.ndarray, degrees: float, side: int) -> np.ndarray:
    """Rotate points (n, 2) about the middle of the picture."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (points - side / 2) @ np.array([[cos, sin], [-sin, cos]]) + side / 2


def rule(
    at: Layout, horizontal: list[float], vertical: list[float], width: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw slightly tilted lines across the whole picture, given their y and x: float32 (side, side), 0 to 1."""
    far = (-at.side, 2 * at.side)
    lines = [np.array([(far[0], y), (far[1], y)]) for y in horizontal]
    lines += [np.array([(x, far[0]), (x, far[1])]) for x in vertical]
    degrees = rng.uniform(-MAX_TILT, MAX_TILT)
    return draw([tilt(line, degrees, at.side) for line in lines], width, at.side)


def line_width(at: Layout, rng: np.random.Generator) -> float:
    """Return the width of printed lines: from a pixel to the pen's width, and at most a thirtieth of the digit."""
    return min(at.pen, max(1.0, rng.uniform(0.01, 0.033) * at.size))


def spaced(step: float, at: Layout, rng: np.random.Generator) -> list[float]:
    """Return coordinates at equal distances, from beyond one side of the picture to beyond the other."""
    return list(np.arange(-0.2 * at.side - rng.uniform(0, step), 1.2 * at.side, step))


def squared(at: Layout, others: Paths, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    step = rng.uniform(0.3, 1.2) * at.size
    return rule(at, spaced(step, at, rng), spaced(step, at, rng), line_width(at, rng), rng), None


def ruled(at: Layout, others: Paths, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    lines = spaced(rng.uniform(0.6, 1.8) * at.size, at, rng)
    if rng.random() < 0.5:  # the digit stands on a line
        lines = [y + at.high[1] - lines[0] + at.size * rng.normal(0, 0.03) for y in lines]
        step = lines[1] - lines[0]
        lines = [lines[0] + n * step for n in range(-20, 20)]
    return rule(at, lines, [], line_width(at, rng), rng), None


def boxed(at: Layout, others: Paths, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """Put the digit into a form's box, or into one of a row of boxes."""
    margin, width = rng.uniform(0.08, 0.35, 4) * at.size, line_width(at, rng)
    margin += at.pen / 2 + width
    left, top = at.low - margin[:2]
    right, bottom = at.high + margin[2:]
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
    lines = [np.stack(pair) for pair in pairwise(corners)]
    if rng.random() < 0.5:
        step = right - left
        xs = [left + n * step for n in range(-20, 21)]
        lines = [np.array([(xs[0], y), (xs[-1], y)]) for y in (top, bottom)]
        lines += [np.array([(x, top), (x, bottom)]) for x in xs]
    degrees = rng.uniform(-MAX_TILT, MAX_TILT) / 2
    return draw([tilt(line, degrees, at.side) for line in lines], width, at.side), None


def neighbored(at: Layout, others: Paths, rng: np.random.Generator) -> tuple[None, np.ndarray]:
    """Let a part of another digit enter from a side."""
    size = at.size * rng.uniform(0.8, 1.2)
    extent = np.ptp(np.concatenate(others), axis=0)
    extent = extent * size / extent.max()
    gap = 1.5 * at.pen
    low = rng.uniform(at.low - 0.3 * extent, at.low + 0.3 * extent)
    axis = int(rng.random() < 0.2)  # mostly from the left or the right
    before, after = at.low[axis] - gap, at.side - at.high[axis] - gap  # the room on both sides
    visible = min(rng.uniform(0.05, 0.4) * extent[axis], max(before, after))
    low[axis] = visible - extent[axis] if before > after else at.side - visible
    return None, draw(scale_to(others, size, low), at.pen, at.side)


def dotted(at: Layout, others: Paths, rng: np.random.Generator) -> tuple[None, np.ndarray]:
    """Add one to three stray dots, away from the digit."""
    dots: Paths = []
    for _ in range(200):
        spot = rng.uniform(0, at.side, 2)
        gap = np.maximum(at.low - spot, spot - at.high).max()
        if gap > 0.16 * at.size + at.pen:
            dots.append(np.array([spot, spot + 0.01]))
    chosen = dots[: rng.integers(1, 4)]
    return None, draw(chosen, at.pen * rng.uniform(0.8, 1.4), at.side)


def plain(at: Layout, others: Paths, rng: np.random.Generator) -> tuple[None, None]:
    return None, None


Disturb = Callable[[Layout, Paths, np.random.Generator], tuple[np.ndarray | None, np.ndarray | None]]
# For each kind: what is added in the lines' color and in the ink's, and options of `lay_out`.
KINDS: dict[str, tuple[Disturb, dict]] = {
    "squared": (squared, {}),
    "ruled": (ruled, {}),
    "boxed": (boxed, {}),
    "neighbor": (neighbored, {"size": (0.3, 0.7)}),
    "dots": (dotted, {"size": (0.3, 0.6)}),
    "hair-thin": (plain, {"size": (0.25, 0.85), "pen": (0, 0.005)}),
    "filled": (plain, {"size": (0.95, 1), "pen": (0.03, 0.2)}),
}


def synthesize_picture(kind: str, paths: Paths, others: Paths, rng: np.random.Generator) -> Image.Image:
    """Return a picture of a digit with one of KINDS of difficulty. `others` is the digit beside it, for "neighbor".

    The lines are at most as dark as the ink, and half of them have a color. Half of the pictures have uneven light.
    """
    disturb, options = KINDS[kind]
    at = lay_out(paths, rng, **options)
    lines, ink = disturb(at, others, rng)
    is_aliased = kind == "hair-thin" and rng.random() < 0.5
    drawn = draw_aliased(at) if is_aliased else draw(at.digit, at.pen, at.side)
    drawn = drawn if ink is None else np.maximum(drawn, ink)
    is_light = rng.random() < 0.5
    paper, shade = (
        (rng.uniform(170, 255), rng.uniform(0, 90)) if is_light else (rng.uniform(0, 60), rng.uniform(170, 255))
    )
    amount = np.repeat(drawn[:, :, None], 3, axis=2)
    if lines is not None:
        tint = rng.permutation([1, rng.uniform(0.4, 1), rng.uniform(0.2, 1)]) if rng.random() < 0.5 else np.ones(3)
        amount = np.maximum(amount, lines[:, :, None] * tint * rng.uniform(0.2, 1))
    pixels = paper + (shade - paper) * amount
    if rng.random() < 0.5:
        pixels = light(pixels, rng)
    if rng.random() < 0.3:
        pixels = ndimage.gaussian_filter(pixels, (rng.uniform(0.5, 1.2),) * 2 + (0,))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def draw_aliased(at: Layout) -> np.ndarray:
    """Draw a digit as a simple drawing program does, with hard edges: float32 (side, side), 0 or 1."""
    ink = Image.new("1", (at.side, at.side))
    for path in at.digit:
        ImageDraw.Draw(ink).line([tuple(point) for point in path], fill=1, width=max(1, round(at.pen)))
    return np.asarray(ink, dtype=np.float32)
