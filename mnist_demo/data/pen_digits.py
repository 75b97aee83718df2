"""UCI's pen digits: the pen strokes of 7,494 digits by 30 writers, in boxes 500 units wide and high, as UNIPEN text."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_demo.data.mnist import verify_file
from mnist_demo.errors import DataError

URL = "https://archive.ics.uci.edu/ml/datasets/Pen-Based+Recognition+of+Handwritten+Digits"
CREDIT = (
    "E. Alpaydin, F. Alimoglu: Pen-Based Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998, "
    f"{URL}, CC BY 4.0"
)
PEN_DIGITS_FILE = Path("pendigits", "pendigits-orig.tra")  # in the data folder
TRAINING_WRITERS = 24  # of 30; the others judge `sketch-dev`
BYTES, MD5 = 3_641_673, "28e269fb7eaf8cb51af3f561743a0de5"


@dataclass(frozen=True, eq=False)
class PenDigit:
    """A digit as pen strokes."""

    digit: int  # 0 to 9
    writer: int  # 1 to 30
    paths: list[np.ndarray]  # for each stroke float64 (points, 2), in the tablet's units, y down


def load_pen_digits(folder: Path) -> list[PenDigit]:
    """Load the pen digits from the file in `folder`/pendigits. Raises DataError if it is missing or damaged."""
    path = folder / PEN_DIGITS_FILE
    if not path.is_file():
        raise DataError(f"The data folder lacks {PEN_DIGITS_FILE}.", install_hint(folder))
    if problem := verify_file(path, BYTES, MD5):
        raise DataError(f"{PEN_DIGITS_FILE} is damaged: {problem}.", f"Replace it. {install_hint(folder)}")
    return parse_unipen(path.read_text(encoding="latin-1"))


def parse_unipen(text: str) -> list[PenDigit]:
    """Parse UNIPEN text: `.COMMENT digit writer sample` starts a digit, `.PEN_DOWN` and `.PEN_UP` enclose a stroke.

    Each line of a stroke is a point "x y", y up. Strokes without points are skipped.
    """
    digits: list[PenDigit] = []
    points: list[tuple[float, float]] | None = None  # of the current stroke
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


def install_hint(folder: Path) -> str:
    """Return one sentence that says how to install the pen digits by hand."""
    name, target = PEN_DIGITS_FILE.name, folder / PEN_DIGITS_FILE.parent
    return f"Download the archive from {URL}, unpack {name}.Z from it with gzip -d, and put {name} into {target}."
