"""Digits that a visitor drew and labelled, and the small file that carries them from one visit to the next.

The file is JSON in UTF-8, at most MAX_BYTES long:

    {"format": "mnist-demo digits", "version": 1, "digits": [{"label": 7, "strokes": [[[10, 5], [90, 8], [40, 95]]]}]}

A label is a whole number from 0 to 9. A drawing is a list of strokes, a stroke a list of points in the order in which
they were drawn, and a point [x, y] in any unit, y down; bounds are those of `strokes.parse_strokes`. Other names beside
these are passed over.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mnist_demo.data import Digits
from mnist_demo.errors import InputError
from mnist_demo.strokes import Strokes, normalise, parse_strokes, rasterise

FORMAT, VERSION = "mnist-demo digits", 1
ONE_BY_ONE, FOLDS = 30, 10  # up to so many drawings each is left out alone; of more, a tenth at a time
MAX_DIGITS = 300  # of a file and of a lesson
MAX_BYTES = 5_000_000  # of a file: 300 drawings of 800 points each; people's have about 50
NAMES = {str: "a text", bool: "true or false", list: "a list", dict: "an object", type(None): "null"}  # JSON's types

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class MyDigit:
    """One drawing and the digit that its author meant."""

    strokes: tuple[Points, ...]  # (x, y) in any unit, y down; at least one point
    label: int  # 0 to 9

    @classmethod
    def check(cls, strokes: object, label: object) -> "MyDigit":
        """A digit from outside. Raises InputError for strokes that are none, a drawing without ink, another label."""
        paths = parse_strokes(strokes)
        if not paths:
            raise InputError("The drawing is empty.")
        if not isinstance(label, int) or isinstance(label, bool) or not 0 <= label <= 9:
            raise InputError(f"The label must be a whole number from 0 to 9; got {_name(label)}.")
        return cls(tuple(tuple((float(x), float(y)) for x, y in path) for path in paths), label)


def parse_my_digits(content: str | bytes) -> list[MyDigit]:
    """The digits of a file, all of them or none. Raises InputError that names the first thing that does not fit.

    Of what the file holds its message shows numbers alone, so that it may stand on a page.
    """
    if len(content) > MAX_BYTES:
        raise InputError(f"The file has {len(content):,} bytes; at most {MAX_BYTES:,} are read.")
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, numbers of thousands of digits, lists in lists in lists
        raise InputError("The file is no JSON; choose one that was downloaded here as your digits.") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise InputError(f"The file holds no digits of yours: it must be an object whose format is {FORMAT!r}.")
    if type(values.get("version")) is not int or values["version"] != VERSION:
        raise InputError(f"The file is of version {_name(values.get('version'))}; this program reads {VERSION}.")
    digits = values.get("digits")
    if not isinstance(digits, list):
        raise InputError(f"The file's digits must be a list; got {_name(digits)}.")
    check_count(len(digits))
    return [_parse_one(one, number) for number, one in enumerate(digits, 1)]


def write_my_digits(digits: Sequence[MyDigit]) -> str:
    """The contents of the file, which `parse_my_digits` reads as the very same digits.

    Raises InputError where they are too many, or have too many points, to be read again.
    """
    check_count(len(digits))
    listed = [{"label": one.label, "strokes": one.strokes} for one in digits]
    content = json.dumps({"format": FORMAT, "version": VERSION, "digits": listed}, separators=(",", ":"))
    if len(content) > MAX_BYTES:
        raise InputError(f"Your digits take {len(content):,} bytes; a file may have {MAX_BYTES:,}. Leave some out.")
    return content


def check_count(count: int) -> None:
    """Raise InputError unless so many digits may be in a file and in a lesson."""
    if not 1 <= count <= MAX_DIGITS:
        raise InputError(f"There must be from 1 to {MAX_DIGITS} digits; got {count:,}.")


def check_consistent(digits: Sequence[MyDigit]) -> None:
    """Raise InputError unless the digits can be taught: as many as may be, and no drawing twice with two labels."""
    check_count(len(digits))
    first: dict[tuple, int] = {}
    for number, one in enumerate(digits, 1):
        before = first.setdefault(one.strokes, number)
        if (other := digits[before - 1].label) != one.label:
            raise InputError(
                f"Digits {before} and {number} are the same drawing, labelled {other} and {one.label}. "
                "Correct one, or take it out."
            )


def make_folds(digits: Sequence[MyDigit]) -> Tensor:
    """Which are left out together: int64 (N,), a number from 0 each. Copies of a drawing are, so that none tells of the
    other; beyond ONE_BY_ONE drawings a tenth are, with equal shares of each label."""
    drawings = sorted({one.strokes: one.label for one in digits}.items(), key=lambda item: item[1])
    count = len(drawings) if len(drawings) <= ONE_BY_ONE else FOLDS
    fold = {strokes: i % count for i, (strokes, _) in enumerate(drawings)}
    return torch.tensor([fold[one.strokes] for one in digits])


def to_digits(digits: Sequence[MyDigit]) -> Digits:
    """Their images, like MNIST's, and labels; there must be one. About a millisecond each."""
    images = np.stack([_to_image(one.strokes) for one in digits])
    return Digits(torch.from_numpy(images)[:, None], torch.tensor([one.label for one in digits]))


def _to_image(strokes: Strokes) -> np.ndarray:
    return rasterise(normalise([np.array(stroke) for stroke in strokes]))


def _parse_one(value: Any, number: int) -> MyDigit:
    if not isinstance(value, dict):
        raise InputError(f"Digit {number} must be an object with a label and strokes; got {_name(value)}.")
    try:
        return MyDigit.check(value.get("strokes"), value.get("label"))
    except InputError as error:
        raise InputError(f"Digit {number}: {error}") from None


def _name(value: object) -> str:
    """What a value is, in words; a number itself, where it is short."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if abs(value) < 1e12 else "a number far off"
    return NAMES.get(type(value), type(value).__name__)
