"""Digits that a user drew and labeled, and their file format.

The file is JSON in UTF-8, at most MAX_BYTES long:

    {"format": "mnist-demo digits", "version": 1, "digits": [{"label": 7, "strokes": [[[10, 5], [90, 8], [40, 95]]]}]}

A label is an integer from 0 to 9. A drawing is a list of strokes, and a stroke is a list of points in drawing order. A
point is [x, y] in any unit, y down. `strokes.parse_strokes` sets the limits. Unknown keys are ignored.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mnist_demo.data import Digits
from mnist_demo.errors import InputError
from mnist_demo.preprocess.strokes import normalize, parse_strokes, rasterize

FORMAT, VERSION = "mnist-demo digits", 1
MAX_LEAVE_ONE_OUT, FOLDS = 30, 10  # for more drawings, cross-validation uses FOLDS folds
MAX_DIGITS = 300  # in a file and for fine-tuning
MAX_BYTES = 5_000_000  # enough for 300 drawings of 800 points; a hand-drawn digit has about 50
_TYPE_NAMES = {str: "text", bool: "true or false", list: "a list", dict: "an object", type(None): "nothing"}

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class UserDigit:
    """A drawing and the digit that the user meant."""

    strokes: tuple[Points, ...]  # (x, y) in any unit, y down; at least one point
    label: int  # 0 to 9

    @classmethod
    def check(cls, strokes: object, label: object) -> "UserDigit":
        """Return a digit from untrusted values. Raise InputError for invalid strokes, no points or an invalid label."""
        if not (paths := parse_strokes(strokes)):
            raise InputError("The drawing is empty.")
        if not isinstance(label, int) or isinstance(label, bool) or not 0 <= label <= 9:
            raise InputError(f"The label must be a whole number from 0 to 9; got {_describe(label)}.")
        return cls(tuple(tuple((float(x), float(y)) for x, y in path) for path in paths), label)


def parse_user_digits(content: str | bytes) -> list[UserDigit]:
    """Return all digits of a file. Raise InputError, safe to show on a page, that names the first invalid part."""
    if len(content) > MAX_BYTES:
        raise InputError(f"The file has {len(content):,} bytes; at most {MAX_BYTES:,} are allowed.")
    try:
        file = json.loads(content)
    except (ValueError, RecursionError):  # also raised for invalid UTF-8 and for numbers of thousands of digits
        raise InputError("The file is not valid JSON. Choose a file of digits that you downloaded here.") from None
    if not isinstance(file, dict) or file.get("format") != FORMAT:
        raise InputError(f"The file does not contain your digits: it must be an object with the format {FORMAT!r}.")
    version, digits = file.get("version"), file.get("digits")
    if type(version) is not int or version != VERSION:
        raise InputError(f"The file's version must be {VERSION}; got {_describe(version)}.")
    if not isinstance(digits, list):
        raise InputError(f"The file's digits must be a list; got {_describe(digits)}.")
    validate_count(len(digits))
    return [_parse_digit(digit, number) for number, digit in enumerate(digits, 1)]


def _parse_digit(value: object, number: int) -> UserDigit:
    if not isinstance(value, dict):
        raise InputError(f"Digit {number} must be an object with a label and strokes; got {_describe(value)}.")
    try:
        return UserDigit.check(value.get("strokes"), value.get("label"))
    except InputError as error:
        raise InputError(f"Digit {number}: {error}") from None


def _describe(value: object) -> str:
    """Return a short number as it is, and the type of any other value in words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if abs(value) < 1e12 else "a number out of range"
    return _TYPE_NAMES.get(type(value), type(value).__name__)


def dump_user_digits(digits: Sequence[UserDigit]) -> str:
    """Return the content of a file for `parse_user_digits`. Raise InputError for no or too many digits or points."""
    validate_count(len(digits))
    listed = [{"label": one.label, "strokes": one.strokes} for one in digits]
    content = json.dumps({"format": FORMAT, "version": VERSION, "digits": listed}, separators=(",", ":"))
    if len(content) > MAX_BYTES:
        raise InputError(f"Your digits take {len(content):,} bytes; at most {MAX_BYTES:,} are allowed. Remove some.")
    return content


def validate_count(count: int) -> None:
    """Raise InputError unless a file and fine-tuning may have `count` digits."""
    if not 1 <= count <= MAX_DIGITS:
        raise InputError(f"There must be from 1 to {MAX_DIGITS} digits; got {count:,}.")


def validate_labels(digits: Sequence[UserDigit]) -> None:
    """Raise InputError if the number of digits is not allowed, or if one drawing has two labels."""
    validate_count(len(digits))
    first: dict[tuple[Points, ...], int] = {}
    for number, digit in enumerate(digits, 1):
        earlier = first.setdefault(digit.strokes, number)
        if (label := digits[earlier - 1].label) != digit.label:
            same = f"Digits {earlier} and {number} are the same drawing, labeled {label} and {digit.label}"
            raise InputError(f"{same}. Correct or remove one of them.")


def make_folds(digits: Sequence[UserDigit]) -> Tensor:
    """Return the cross-validation fold of each digit: int64 (N,), numbered from 0.

    Copies of a drawing share a fold. Up to MAX_LEAVE_ONE_OUT drawings have a fold each. More are divided among FOLDS
    folds with equal shares of each label.
    """
    drawings = sorted({digit.strokes: digit.label for digit in digits}.items(), key=lambda item: item[1])
    count = len(drawings) if len(drawings) <= MAX_LEAVE_ONE_OUT else FOLDS
    folds = {strokes: i % count for i, (strokes, _) in enumerate(drawings)}
    return torch.tensor([folds[digit.strokes] for digit in digits])


def to_digits(digits: Sequence[UserDigit]) -> Digits:
    """Return images like MNIST's, and labels, of one or more digits; about 1 ms per digit."""
    images = [rasterize(normalize([np.array(stroke) for stroke in digit.strokes])) for digit in digits]
    return Digits(torch.from_numpy(np.stack(images))[:, None], torch.tensor([digit.label for digit in digits]))
