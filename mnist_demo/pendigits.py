"""UCI's pen digits: the pen strokes of 7,494 digits by 30 writers, in the original UNIPEN text.

They were asked for 250 digits each, on a tablet whose boxes are 500 units wide and high.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_demo.data import find_damage
from mnist_demo.errors import DataError

CREDIT = (
    "E. Alpaydin, F. Alimoglu: Pen-Based Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998, "
    "https://archive.ics.uci.edu/ml/datasets/Pen-Based+Recognition+of+Handwritten+Digits, CC BY 4.0"
)
FILE = Path("pendigits", "pendigits-orig.tra")  # in the data folder
BYTES, MD5 = 3_641_673, "28e269fb7eaf8cb51af3f561743a0de5"


@dataclass(frozen=True, eq=False)
class PenDigit:
    """One digit as it was written."""

    digit: int  # 0 to 9
    writer: int  # 1 to 30
    paths: list[np.ndarray]  # a float64 array (points, 2) a stroke, in the tablet's units, y down


def load_pen_digits(folder: Path) -> list[PenDigit]:
    """The pen digits from the file in `folder`/pendigits. Raises DataError where it is absent or damaged."""
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"The data folder lacks {FILE}.", how_to_place(folder))
    if problem := find_damage(path, BYTES, MD5):
        raise DataError(f"{FILE} is damaged: {problem}.", f"Delete it, or replace it. {how_to_place(folder)}")
    return parse_unipen(path.read_text(encoding="latin-1"))


def parse_unipen(text: str) -> list[PenDigit]:
    """Read UNIPEN text in which `.COMMENT digit writer sample` opens a digit and `.PEN_DOWN` and `.PEN_UP` its strokes.

    Between those two, each line is a point, x and y, y up. Strokes without points are left out.
    """
    digits: list[PenDigit] = []
    points: list[tuple[float, float]] | None = None  # of the stroke being read
    for line in text.splitlines():
        words = line.split()
        if line.startswith(".COMMENT"):
            digits.append(PenDigit(int(words[1]), int(words[2]), []))
        elif line.startswith(".PEN_DOWN"):
            points = []
        elif line.startswith(".PEN_UP"):
            if points:
                digits[-1].paths.append(np.array(points))
            points = None
        elif points is not None and len(words) == 2:
            points.append((float(words[0]), -float(words[1])))
    return digits


def how_to_place(folder: Path) -> str:
    """One sentence for a person who wants the pen digits found."""
    return (
        "The README says where the pen digits come from and how to unpack them; "
        f"{FILE.name} belongs into {folder / FILE.parent}."
    )
