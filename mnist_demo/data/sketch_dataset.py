"""The training set of the sketch recipes: MNIST, people's pen strokes, synthetic digits and non-digits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mnist_demo.data import MULTIPLE_DIGITS, NOT_A_DIGIT, Dataset, Digits, concatenate
from mnist_demo.data.non_digits import cut_in_half, random_non_digit, side_by_side, with_minus_sign
from mnist_demo.data.pen_digits import PEN_DIGITS_FILE, TRAINING_WRITERS, PenDigit, load_pen_digits
from mnist_demo.data.synthetic import render_paths, synthetic_paths, warp_paths
from mnist_demo.data.unipen import STROKES_FOLDER, Drawing, held_out_writers, load_drawings
from mnist_demo.preprocess.strokes import normalize, rasterize, resample

WARPED_COPIES = 2  # per digit, in addition to the original
SLASHED_ZERO_COPIES = 8  # the same of a zero of two strokes, which few people write
DIGITS_PER_WRITER = 250  # at most, so that no hand dominates
LETTERS_PER_WRITER, SYMBOLS_PER_WRITER = 120, 60
SYNTHETIC_COUNT, NON_DIGIT_COUNT, MULTIPLE_DIGITS_COUNT, HALVES_COUNT = 4_000, 6_000, 5_000, 1_000  # images of a kind
HALVED = (2, 3, 8)  # digits whose halves are no other digit as people write it
NARROW = (0, 1, 7)  # digits whose rows look like a letter or a digit: 11, 10, 71
HANDWRITING_WARP = 0.6  # strength of the warps of people's strokes, which already vary
TWINS = frozenset("oOlIzZsSbgqBDG/|(),'.`\\!")  # what people write as they write a digit

Paths = list[np.ndarray]


@dataclass(frozen=True)
class PenStrokes:
    """People's drawings, split by writer."""

    training: list[Drawing]
    held_out: list[Drawing]


def has_pen_strokes(folder: Path) -> bool:
    """Return whether the data folder has all collections of pen strokes."""
    return (folder / PEN_DIGITS_FILE).is_file() and (folder / STROKES_FOLDER).is_dir()


def load_pen_strokes(folder: Path, writers: str) -> PenStrokes:
    """Load all drawings, and hold out those of some writers unless `writers` is "all". Raises DataError."""
    digits, drawings, held_out = load_pen_digits(folder), load_drawings(folder), set[str]()
    if writers != "all":
        held_out = held_out_writers(drawings) | {_uci_name(one) for one in digits if one.writer > TRAINING_WRITERS}
    drawings = [Drawing(str(one.digit), _uci_name(one), "uci", one.paths) for one in digits] + drawings
    return PenStrokes(
        training=[one for one in drawings if one.writer not in held_out],
        held_out=[one for one in drawings if one.writer in held_out],
    )


def _uci_name(digit: PenDigit) -> str:
    return f"uci-{digit.writer:02}"


def create_sketch_dataset(mnist: Dataset, drawings: Sequence[Drawing], seed: int = 0) -> Dataset:
    """Create a dataset with MNIST's test set and a larger training set, in 20 s to 2 minutes on one core.

    The images of `draw_parts` come first. MNIST is last, so validation digits are always from MNIST.
    """
    drawn, _ = draw_parts(drawings, seed)
    return Dataset.create(mnist.name, concatenate([drawn, mnist.train]), mnist.test)


def draw_parts(drawings: Sequence[Drawing], seed: int = 0) -> tuple[Digits, list[str]]:
    """Return images drawn from people's strokes and from designs, and the part of the training set that each is of.

    The parts are, in this order: digits and their warped copies, one after the other; synthetic digits; non-digits,
    from designs; letters and symbols; numbers; halves of digits; and rows of two or three digits.
    """
    rng = np.random.default_rng(seed)
    drawn: list[tuple[str, np.ndarray, int]] = []

    def add(part: str, paths: Paths, label: int, strength: float = HANDWRITING_WARP) -> None:
        drawn.append((part, _render(warp_paths(paths, rng, strength), rng), label))

    written = sample_per_writer([one for one in drawings if is_digit(one)], DIGITS_PER_WRITER, rng)
    digits = [(int(one.label), fit_to_field(one.paths)) for one in written]
    for digit, paths in digits:
        drawn.append(("digits", rasterize(normalize(paths)), digit))
        is_slashed = digit == 0 and len(paths) == 2
        for _ in range(SLASHED_ZERO_COPIES if is_slashed else WARPED_COPIES):
            add("warped digits", paths, digit)
    for i in range(SYNTHETIC_COUNT):
        add("synthetic digits", synthetic_paths(i % 10, rng, with_rare=True), i % 10, strength=1)
    for _ in range(NON_DIGIT_COUNT):
        add("non-digits", random_non_digit(rng), NOT_A_DIGIT, strength=1)
    others = [one for one in drawings if is_non_digit(one)]
    letters = sample_per_writer([one for one in others if one.label.isalpha()], LETTERS_PER_WRITER, rng)
    symbols = sample_per_writer([one for one in others if not one.label.isalpha()], SYMBOLS_PER_WRITER, rng)
    for one in letters + symbols:
        add("letters and symbols", fit_to_field(one.paths), NOT_A_DIGIT)
    for one in drawings:
        if len(one.label) > 1:
            add("numbers", fit_to_field(one.paths), MULTIPLE_DIGITS)
    halved, narrow = ([paths for digit, paths in digits if digit in some] for some in (HALVED, NARROW))
    for _ in range(HALVES_COUNT):
        half = cut_in_half(warp_paths(halved[rng.integers(len(halved))], rng, HANDWRITING_WARP), rng)
        drawn.append(("halves", _render(half, rng), NOT_A_DIGIT))
    everything = [paths for _, paths in digits]
    for i in range(MULTIPLE_DIGITS_COUNT):
        some = narrow if i % 3 == 0 else everything
        count = 1 if i % 10 == 1 else 2 if rng.random() < 0.85 else 3
        row = [warp_paths(some[rng.integers(len(some))], rng, HANDWRITING_WARP) for _ in range(count)]
        several = side_by_side(row, rng, overlap=6) if count > 1 else with_minus_sign(row[0], rng)
        drawn.append(("rows", _render(several, rng), MULTIPLE_DIGITS))
    return _to_digits([(image, label) for _, image, label in drawn]), [part for part, *_ in drawn]


def is_digit(drawing: Drawing) -> bool:
    return len(drawing.label) == 1 and drawing.label in "0123456789"


def is_non_digit(drawing: Drawing) -> bool:
    """Return whether it is a letter or a symbol that looks like no digit."""
    return len(drawing.label) == 1 and drawing.label not in "0123456789" and drawing.label not in TWINS


def sample_per_writer(drawings: Sequence[Drawing], most: int, rng: np.random.Generator) -> list[Drawing]:
    """Choose at most `most` drawings of each writer at random, as evenly over the labels as the writer allows."""
    by_writer: dict[str, list[Drawing]] = defaultdict(list)
    for drawing in drawings:
        by_writer[drawing.writer].append(drawing)
    chosen: list[Drawing] = []
    for some in by_writer.values():
        seen: dict[str, int] = defaultdict(int)
        ranked: list[tuple[int, Drawing]] = []  # with the number of those with its label so far
        for i in rng.permutation(len(some)).tolist():
            seen[some[i].label] += 1
            ranked.append((seen[some[i].label], some[i]))
        chosen += [drawing for _, drawing in sorted(ranked, key=lambda each: each[0])[:most]]
    return chosen


def render_digits(drawings: Sequence[Drawing]) -> tuple[Digits, list[str]]:
    """Return the digits among the drawings, as written, and each one's writer. There must be at least one."""
    digits = [one for one in drawings if is_digit(one)]
    drawn = [(rasterize(normalize(one.paths)), int(one.label)) for one in digits]
    return _to_digits(drawn), [one.writer for one in digits]


def render_non_digits(count: int, rng: np.random.Generator) -> Digits:
    """Draw non-digits, alternating with two synthetic digits side by side; about 1 ms per drawing."""
    drawn = []
    for i in range(count):
        if i % 2:
            pair = [warp_paths(synthetic_paths(int(digit), rng), rng) for digit in rng.integers(0, 10, 2)]
            drawn.append((_render(side_by_side(pair, rng), rng), MULTIPLE_DIGITS))
        else:
            drawn.append((_render(warp_paths(random_non_digit(rng), rng), rng), NOT_A_DIGIT))
    return _to_digits(drawn)


def _render(paths: Paths, rng: np.random.Generator) -> np.ndarray:
    return render_paths(degrade_sampling(paths, rng), rng)


def _to_digits(drawn: list[tuple[np.ndarray, int]]) -> Digits:
    images, labels = zip(*drawn, strict=True)
    return Digits(torch.from_numpy(np.stack(images))[:, None], torch.tensor(labels))


def fit_to_field(paths: Paths) -> Paths:
    """Scale and move paths in any unit to the 100-unit field on which drawings are designed and warped."""
    points = np.concatenate(paths)
    extent = float(np.ptp(points, axis=0).max())
    return [(path - points.min(axis=0)) * (100 / max(extent, 1e-9)) for path in paths]


def degrade_sampling(paths: Paths, rng: np.random.Generator) -> Paths:
    """Imitate a slow or coarse device at random: points 2 to 8 units apart, or on a grid of 1 to 2.5 units, or both."""
    if rng.random() < 0.25:
        spacing = rng.uniform(2, 8)
        paths = [resample(path, spacing) for path in paths]
    if rng.random() < 0.25:
        cell = rng.uniform(1, 2.5)
        paths = [np.round(path / cell) * cell for path in paths]
    return paths
