"""Practice digits: 28x28 digits made from hand-designed pen strokes, for tests, examples, and where MNIST is out of reach.

A design is drawn on a field 100 units wide and high, y down, as people write it: in strokes. A stroke is a smooth curve
through its points; a point written twice is a corner. They are not MNIST and must be labelled wherever they show.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from mnist_demo.strokes import PEN, Strokes, normalise, rasterise

# name: (digit, strokes)
DESIGNS: dict[str, tuple[int, list[list[tuple[int, int]]]]] = {
    "round 0": (0, [[(54, 5), (24, 16), (11, 50), (24, 86), (50, 95), (78, 82), (89, 48), (77, 15), (52, 5)]]),
    "narrow 0": (0, [[(52, 4), (34, 20), (28, 50), (34, 82), (50, 96), (66, 82), (72, 50), (66, 18), (50, 4)]]),
    "open 0": (0, [[(66, 10), (40, 8), (18, 35), (18, 70), (45, 95), (75, 80), (84, 45), (70, 16), (48, 10)]]),
    "slashed 0": (0, [[(54, 5), (24, 16), (11, 50), (24, 86), (50, 95), (78, 82), (89, 48), (77, 15), (52, 5)], [(22, 80), (78, 20)]]),
    "0 with a slash inside": (0, [[(70, 6), (34, 18), (14, 56), (24, 90), (52, 92), (82, 62), (88, 24), (68, 6)], [(36, 66), (66, 34)]]),
    "plain 1": (1, [[(50, 4), (50, 50), (50, 96)]]),
    "slanted 1": (1, [[(64, 4), (52, 50), (38, 96)]]),
    "flagged 1": (1, [[(30, 30), (46, 20), (58, 4), (58, 4), (57, 96)]]),
    "1 with a foot": (1, [[(30, 26), (52, 5), (52, 5), (52, 95)], [(26, 95), (80, 95)]]),
    "1 with a high foot": (1, [[(28, 22), (50, 12), (68, 4), (68, 4), (54, 96)], [(8, 84), (92, 82)]]),
    "long-flagged 1": (1, [[(18, 46), (40, 26), (60, 4), (60, 4), (58, 96)]]),
    "round 2": (2, [[(16, 26), (28, 8), (52, 4), (76, 16), (76, 38), (50, 66), (14, 95), (14, 95), (88, 94)]]),
    "curly 2": (2, [[(18, 24), (42, 5), (72, 14), (74, 40), (46, 74), (22, 92), (13, 82), (28, 74), (54, 88), (90, 92)]]),
    "angular 2": (2, [[(14, 12), (50, 6), (84, 10), (84, 10), (52, 52), (14, 95), (14, 95), (90, 93)]]),
    "swan 2": (2, [[(20, 30), (34, 8), (60, 6), (74, 26), (62, 54), (36, 82), (20, 94), (20, 94), (50, 86), (88, 96)]]),
    "round 3": (3, [[(18, 16), (46, 4), (74, 18), (66, 40), (40, 48), (40, 48), (76, 56), (82, 78), (54, 96), (15, 86)]]),
    "flat 3": (3, [[(18, 6), (80, 6), (80, 6), (45, 42), (45, 42), (76, 54), (80, 78), (50, 96), (14, 84)]]),
    "looped 3": (3, [[(20, 14), (48, 4), (74, 18), (62, 40), (40, 49), (35, 42), (48, 42), (76, 58), (76, 84), (46, 96), (14, 86)]]),
    "open 4": (4, [[(26, 5), (16, 54), (16, 54), (86, 54)], [(66, 26), (64, 96)]]),
    "steep open 4": (4, [[(34, 4), (13, 60), (13, 60), (88, 57)], [(74, 8), (62, 96)]]),
    "closed 4": (4, [[(62, 96), (62, 4), (62, 4), (10, 66), (10, 66), (90, 66)]]),
    "round open 4": (4, [[(22, 6), (18, 34), (30, 52), (54, 52), (74, 40)], [(78, 5), (72, 96)]]),
    "5 with a hat": (5, [[(24, 8), (20, 45), (20, 45), (50, 38), (80, 55), (76, 84), (45, 96), (14, 86)], [(24, 8), (82, 8)]]),
    "one-stroke 5": (5, [[(82, 6), (26, 6), (26, 6), (22, 44), (22, 44), (52, 38), (82, 58), (74, 86), (42, 96), (14, 84)]]),
    "round 5": (5, [[(80, 10), (42, 8), (26, 28), (42, 44), (72, 56), (76, 82), (46, 96), (14, 86)]]),
    "round 6": (6, [[(68, 5), (38, 24), (19, 60), (28, 90), (58, 95), (79, 76), (66, 55), (38, 58), (21, 76)]]),
    "straight 6": (6, [[(60, 4), (32, 46), (20, 78), (44, 96), (74, 86), (74, 62), (48, 56), (23, 72)]]),
    "curly 6": (6, [[(80, 14), (58, 4), (30, 26), (16, 64), (34, 94), (70, 90), (76, 66), (50, 53), (20, 68)]]),
    "plain 7": (7, [[(14, 8), (84, 8), (84, 8), (56, 50), (42, 96)]]),
    "crossed 7": (7, [[(14, 8), (84, 8), (84, 8), (56, 52), (42, 96)], [(32, 52), (78, 50)]]),
    "hooked 7": (7, [[(14, 26), (16, 8), (16, 8), (84, 8), (84, 8), (56, 46), (46, 96)]]),
    "curved 7": (7, [[(12, 14), (42, 12), (70, 8), (84, 12), (66, 40), (48, 66), (42, 96)]]),
    "hooked crossed 7": (7, [[(16, 24), (18, 9), (18, 9), (82, 9), (82, 9), (58, 48), (40, 96)], [(34, 52), (78, 52)]]),
    "one-stroke 8": (8, [[(74, 18), (50, 5), (27, 18), (36, 38), (66, 58), (78, 78), (50, 96), (22, 78), (36, 58), (66, 38), (74, 17)]]),
    "two-circle 8": (8, [[(50, 46), (27, 36), (28, 14), (50, 4), (72, 14), (73, 36), (50, 46)], [(50, 46), (78, 60), (78, 84), (50, 96), (22, 84), (22, 60), (50, 46)]]),
    "open 8": (8, [[(78, 12), (50, 4), (27, 17), (36, 40), (68, 60), (73, 83), (48, 96), (25, 80), (42, 56), (70, 32), (76, 16)]]),
    "straight 9": (9, [[(76, 22), (54, 5), (26, 16), (22, 40), (46, 54), (70, 42), (76, 20), (76, 20), (72, 60), (70, 96)]]),
    "curly 9": (9, [[(76, 20), (50, 5), (25, 18), (27, 44), (54, 52), (74, 36), (77, 18), (77, 18), (78, 62), (64, 92), (38, 96), (18, 84)]]),
    "curved 9": (9, [[(74, 26), (58, 6), (30, 12), (22, 36), (44, 50), (68, 40), (76, 22), (70, 56), (44, 96)]]),
}  # fmt: skip


def smooth(points: Sequence[Sequence[float] | np.ndarray]) -> np.ndarray:
    """A curve (n, 2) float64 through a stroke's points, sharp only where a point is written twice.

    Catmull and Rom's spline ("A class of local interpolating splines", 1974), one a piece between corners.
    """
    corners = [i for i in range(1, len(points)) if np.array_equal(points[i], points[i - 1])]
    bounds = [0, *corners, len(points)]
    pieces = [_spline(np.array(points[a:b], dtype=float)) for a, b in pairwise(bounds)]
    return np.concatenate(pieces)


def _spline(knots: np.ndarray, steps: int = 8) -> np.ndarray:
    if len(knots) < 3:
        return knots
    # Reflected end points give the curve its direction at both ends; a closed curve goes on as it began.
    closed = np.array_equal(knots[0], knots[-1])
    before = knots[-2] if closed else 2 * knots[0] - knots[1]
    after = knots[1] if closed else 2 * knots[-1] - knots[-2]
    knots = np.concatenate([[before], knots, [after]])
    p0, p1, p2, p3 = (knots[i : len(knots) - 3 + i, None] for i in range(4))  # (segments, 1, 2)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = p1 + t * (p2 - p0) / 2 + t**2 * (p0 - 2.5 * p1 + 2 * p2 - p3 / 2) + t**3 * (1.5 * (p1 - p2) + (p3 - p0) / 2)
    return np.concatenate([curve.reshape(-1, 2), knots[-2:-1]])


def design_strokes(name: str) -> Strokes:
    """The strokes of a design, as a pen would send them: lists of (x, y) on a field 100 units wide and high, y down."""
    return [[(round(x, 1), round(y, 1)) for x, y in smooth(stroke).tolist()] for stroke in DESIGNS[name][1]]


def warp(paths: list[np.ndarray], rng: np.random.Generator, strength: float = 1.0) -> list[np.ndarray]:
    """Another hand's version of paths on the 100-unit field: turned, sheared, stretched, and bent elastically.

    `strength` scales all four; 0 changes nothing.

    The elastic map is a smooth random displacement, after P. Simard, D. Steinkraus and J. Platt, "Best practices for
    convolutional neural networks applied to visual document analysis" (2003): here three sine waves of random
    direction and phase, about 3 units of displacement in all.
    """
    turn, shear = np.radians(rng.normal(0, 7 * strength)), rng.normal(0, 0.14 * strength)
    stretch = np.diag(np.exp(rng.normal(0, 0.11 * strength, 2)))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ np.array([[1, shear], [0, 1]]) @ stretch
    waves = rng.normal(0, 1 / 22, (3, 2))  # radians a unit: a wave about as long as the digit
    phases, heights = rng.uniform(0, 2 * np.pi, 3), rng.normal(0, 3 * strength, (3, 2))
    return [path @ matrix.T + np.sin(path @ waves.T + phases) @ heights for path in paths]


def practice_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` warped designs as (images uint8 (count, 28, 28), labels int64 (count,)); digits 0 to 9 in turn.

    The same seed gives the same digits.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = np.stack([draw(warp(practice_paths(digit, rng), rng), rng) for digit in labels.tolist()])
    return images, labels


def practice_paths(digit: int, rng: np.random.Generator) -> list[np.ndarray]:
    """A random design of a digit 0 to 9, as paths on the 100-unit field."""
    designs = _paths_of(digit)
    return designs[rng.integers(len(designs))]


@cache
def _paths_of(digit: int) -> list[list[np.ndarray]]:
    return [[smooth(stroke) for stroke in strokes] for of, strokes in DESIGNS.values() if of == digit]


def draw(paths: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Paths as an image uint8 (28, 28), with a pen whose width varies as in MNIST, by about a fifth."""
    pen = PEN * float(np.clip(np.exp(rng.normal(0, 0.2)), 0.6, 1.6))
    return rasterise(normalise(paths, pen), pen)
