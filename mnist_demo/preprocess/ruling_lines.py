"""Find a paper's printed lines, on squared or ruled paper and of a form's box, without the ink that crosses them.

After D. Lopresti and E. Kavallieratou, "Ruling line removal in handwritten page images" (2010): a line is a straight
row of short vertical runs, and where handwriting crosses it the runs are longer. The slope is found by the projection
profile (H. Baird, "The skew angle of printed documents", 1987).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

MAX_LINE_WIDTH = 0.03  # of a line, as a fraction of the picture's longer side; anything wider is a pen's stroke
MIN_LENGTH = 0.25  # of a line, as the same fraction
MAX_SLOPE, SLOPE_STEP = 0.08, 0.004  # 4.6 degrees; at half the picture's width, a step is less than a pixel
BORDER = 0.02  # distance at which a line reaches a border or another line, as the same fraction
MAX_GAP = 0.03  # in a line, as the same fraction
MIN_DIGIT = 0.15  # extent of what is left beside the lines, as the same fraction; less means that they are the digit
MIN_BOXED_HEIGHT = 0.3  # of a digit, as a fraction of its box; the middle bar of an 8 is lower


@dataclass(frozen=True, eq=False)
class Runs:
    """The vertical runs of a mask: one entry per run, sorted by column."""

    x: np.ndarray  # int64: column
    top: np.ndarray  # int64: first row
    length: np.ndarray  # int64: pixels

    @property
    def y(self) -> np.ndarray:
        """The middle of each run."""
        return self.top + (self.length - 1) / 2


@dataclass(frozen=True)
class Line:
    """A nearly horizontal line, y = slope x + offset. In a transposed mask it is a nearly vertical one."""

    slope: float
    offset: float
    first: int  # column
    last: int  # column
    width: float  # pixels

    def y(self, x: np.ndarray | float) -> np.ndarray | float:
        return self.slope * x + self.offset

    def ends(self) -> np.ndarray:
        """Return both ends as (x, y): float64 (2, 2)."""
        return np.array([(x, self.y(x)) for x in (self.first, self.last)], dtype=float)


def find_ruling_lines(is_dark: np.ndarray) -> np.ndarray:
    """Return which dark pixels are printed lines and nothing else: bool (H, W) from bool (H, W).

    Lines are long, thin and straight. Each end is at the picture's border or on another line. If little else is dark,
    or the lines may be a digit that fills the picture, nothing is a line.
    """
    across, down = _keep_connected(_find_segments(is_dark), _find_segments(is_dark.T), is_dark.shape)
    lines = np.zeros_like(is_dark)
    # The second pass works on what the first leaves. Otherwise the points at which two lines cross would stay.
    for _ in range(2 if across and down else 1):
        lines |= _line_pixels(is_dark & ~lines, across)
        lines |= _line_pixels((is_dark & ~lines).T, down).T
    return lines if lines.any() and _is_beside_digit(is_dark & ~lines, across, down) else np.zeros_like(lines)


def _find_runs(mask: np.ndarray) -> Runs:
    height = mask.shape[0] + 1  # with a gap between columns
    flat = np.zeros((mask.shape[1], height), dtype=np.int8)
    flat[:, 1:] = mask.T
    steps = np.diff(flat.ravel(), append=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return Runs(starts // height, starts % height, ends - starts)


def _find_segments(is_dark: np.ndarray) -> list[Line]:
    """Return the nearly horizontal straight segments, whatever they belong to."""
    side = max(is_dark.shape)
    runs = _find_runs(is_dark)
    is_thin = runs.length <= max(1, MAX_LINE_WIDTH * side)
    x, y, length = runs.x[is_thin], runs.y[is_thin], runs.length[is_thin]
    minimum = MIN_LENGTH * side / 2  # thin runs; a line has fewer than columns where handwriting crosses it
    if len(x) < minimum:
        return []
    slope = _find_slope(x, y, is_dark.shape)
    offsets = np.rint(y - slope * x).astype(int)
    lowest = offsets.min()
    counts = np.bincount(offsets - lowest)
    counts = np.convolve(counts, np.ones(3, dtype=int), mode="same")
    segments = []
    while counts.max() >= minimum:
        peak = int(counts.argmax())
        counts[max(0, peak - 2) : peak + 3] = 0
        near = np.abs(y - slope * x - peak - lowest) <= 2
        if segment := _fit(x[near], y[near], length[near], slope, is_dark):
            segments.append(segment)
    return segments


def _find_slope(x: np.ndarray, y: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return the slope at which the runs' projection profile is the sharpest."""
    margin = int(MAX_SLOPE * shape[1]) + 1

    def sharpness(slope: float) -> int:
        counts = np.bincount((y - slope * x + margin + 0.5).astype(int), minlength=1)
        return int((counts**2).sum())

    return max(np.arange(-MAX_SLOPE, MAX_SLOPE + SLOPE_STEP / 2, SLOPE_STEP), key=sharpness)


def _fit(x: np.ndarray, y: np.ndarray, length: np.ndarray, slope: float, is_dark: np.ndarray) -> Line | None:
    """Fit a line to thin runs, and return its longest part without gaps; None if that is too short."""
    height, width = is_dark.shape
    side = max(height, width)
    slope, offset = np.polyfit(x, y, 1) if np.ptp(x) > side / 10 else (slope, float(np.median(y - slope * x)))
    columns = np.arange(width)
    rows = np.rint(slope * columns + offset).astype(int)
    is_covered = np.zeros(width, dtype=bool)
    for shift in (-1, 0, 1):
        inside = (rows + shift >= 0) & (rows + shift < height)
        is_covered[inside] |= is_dark[rows[inside] + shift, columns[inside]]
    covered = np.flatnonzero(is_covered)
    if not len(covered):
        return None
    parts = np.split(covered, np.flatnonzero(np.diff(covered) > max(2, MAX_GAP * side)) + 1)
    longest = max(parts, key=lambda part: part[-1] - part[0])
    first, last = int(longest[0]), int(longest[-1])
    on_line = (x >= first) & (x <= last) & (np.abs(y - slope * x - offset) <= 1.5)
    if last - first < MIN_LENGTH * side or len(np.unique(x[on_line])) < (last - first) / 2:
        return None
    return Line(float(slope), float(offset), first, last, float(np.median(length[on_line])))


def _keep_connected(across: list[Line], down: list[Line], shape: tuple[int, ...]) -> tuple[list[Line], list[Line]]:
    """Keep segments whose ends are both at a border or on a kept segment of the other direction."""
    reach = BORDER * max(shape) + 1
    while True:
        kept_across = [line for line in across if all(_is_held(end, down, shape, reach) for end in line.ends())]
        kept_down = [
            line for line in down if all(_is_held(end, kept_across, shape[::-1], reach) for end in line.ends())
        ]
        if len(kept_across) == len(across) and len(kept_down) == len(down):
            return across, down
        across, down = kept_across, kept_down


def _is_held(end: np.ndarray, others: list[Line], shape: tuple[int, ...], reach: float) -> bool:
    x, y = end
    if min(x, y, shape[1] - 1 - x, shape[0] - 1 - y) <= reach:
        return True
    return any(
        abs(x - other.y(y)) <= reach + other.width / 2 and other.first - reach <= y <= other.last + reach
        for other in others
    )


def _line_pixels(is_dark: np.ndarray, lines: list[Line]) -> np.ndarray:
    """Return the pixels of vertical runs that lie on a line and are no longer than it is wide."""
    found = np.zeros(is_dark.shape, dtype=np.int32)
    runs = _find_runs(is_dark)
    is_line = np.zeros(len(runs.x), dtype=bool)
    for line in lines:
        limit = line.width + max(1.5, 0.4 * line.width)
        is_near = np.abs(runs.y - line.y(runs.x)) <= line.width / 2 + 1.5
        is_line |= is_near & (runs.length <= limit) & (runs.x >= line.first) & (runs.x <= line.last)
    x, top, length = runs.x[is_line], runs.top[is_line], runs.length[is_line]
    for shift in range(int(length.max(initial=0))):
        inside = length > shift
        found[top[inside] + shift, x[inside]] = 1
    return found.astype(bool)


def _is_beside_digit(rest: np.ndarray, across: list[Line], down: list[Line]) -> bool:
    """Return whether what is left beside the lines may be a digit, and the lines are not a part of it."""
    height, width = rest.shape
    side, reach = max(rest.shape), BORDER * max(rest.shape) + 1
    boxes = ndimage.find_objects(ndimage.label(rest, structure=np.ones((3, 3)))[0])
    extents = np.array([[rows.stop - rows.start, columns.stop - columns.start] for rows, columns in boxes])
    if not boxes or extents.max() < MIN_DIGIT * side:
        return False
    ends = np.concatenate([line.ends() for line in across] + [line.ends()[:, ::-1] for line in down])
    (left, top), (right, bottom) = ends.min(axis=0), ends.max(axis=0)
    if min(left, top, width - 1 - right, height - 1 - bottom) > reach:  # a box that the whole picture shows
        return extents[:, 0].max() >= MIN_BOXED_HEIGHT * (bottom - top)
    inner = _count_inner(across, height), _count_inner(down, width)
    if max(inner) > 1 or len(across + down) > 3:
        return True
    # A digit that fills the picture may have one or two such strokes, as the 4 has. Then the rest reaches borders too.
    rows, columns = (np.flatnonzero(rest.any(axis=axis)) for axis in (1, 0))
    gaps = np.array([columns[0], rows[0], width - 1 - columns[-1], height - 1 - rows[-1]])
    if across and down:
        return (gaps > reach).sum() > 2 and sum(inner) in (0, len(across + down))  # a 1 with a foot has one of each
    return max(np.minimum(gaps, [left, top, width - 1 - right, height - 1 - bottom])) > reach


def _count_inner(lines: list[Line], height: int) -> int:
    """Count the lines that are not along a border."""
    middles = [line.ends()[:, 1].mean() / height for line in lines]
    return sum(2 * BORDER < middle < 1 - 2 * BORDER for middle in middles)
