"""Pen strokes of 372 more people: UNIPEN's digits, letters, symbols and numbers, and UJI's digits.

They are read from JSON lines, or from the public archives in their original formats (I. Guyon et al., "UNIPEN project
of on-line data exchange and recognizer benchmarks", 1994; F. Prat et al., "UJI Pen Characters (Version 2)", 2009).
"""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mnist_demo.errors import DataError

CREDIT = (
    "I. Guyon, L. Schomaker, R. Plamondon, M. Liberman, S. Janet: UNIPEN train_r01_v07, International Unipen "
    "Foundation, https://doi.org/10.5281/zenodo.1195803, CC BY 4.0; F. Prat, M. J. Castro, D. Llorens, A. Marzal, J. "
    "M. Vilar: UJI Pen Characters (Version 2), UCI Machine Learning Repository, 2009, CC BY 4.0"
)
STROKES_FOLDER = Path("strokes")  # in the data folder
FILES = ("unipen-digits", "unipen-letters", "unipen-symbols", "unipen-numbers", "uji-digits")  # .jsonl.gz
ARCHIVE, UJI_FILE = "train_r01_v07", "ujipenchars2.txt"  # in the same folder
INSTALL_HINT = (
    "Download UNIPEN train_r01_v07 (https://doi.org/10.5281/zenodo.1195803) and UJI Pen Characters (Version 2) "
    f"(https://archive.ics.uci.edu/dataset/177), and put {ARCHIVE} and {UJI_FILE} into {STROKES_FOLDER} in the data "
    "folder."
)
HELD_OUT = 5  # one of this many writers of each donor is held out; for networks that judge


@dataclass(frozen=True, eq=False)
class Drawing:
    """What a person wrote, as pen strokes."""

    label: str  # "7", "a", "+", or a number such as "1993"
    writer: str
    donor: str  # who collected it; each donor's tablet has its own units
    paths: list[np.ndarray]  # for each stroke float64 (points, 2), in the tablet's units, y down


def load_drawings(folder: Path) -> list[Drawing]:
    """Load all drawings from the archives in `folder`/strokes, otherwise from JSON lines there.

    Raises DataError if a file is missing or damaged.
    """
    strokes = folder / STROKES_FOLDER
    if (archive := strokes / ARCHIVE).is_dir():
        return [*parse_archive(archive), *parse_uji(strokes / UJI_FILE)]
    return [drawing for name in FILES for drawing in read_json_lines(strokes / f"{name}.jsonl.gz")]


def read_json_lines(path: Path) -> Iterator[Drawing]:
    """Read a gzip file with one object {label, writer, donor, strokes} a line. Strokes are lists of [x, y], y down.

    Raises DataError if the file is missing or damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                paths = [np.array(stroke, dtype=float).reshape(-1, 2) for stroke in row["strokes"] if stroke]
                yield Drawing(str(row["label"]), row["writer"], row["donor"], paths)
    except FileNotFoundError:
        raise DataError(f"The data folder lacks {STROKES_FOLDER / path.name}.", INSTALL_HINT) from None
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{STROKES_FOLDER / path.name} is damaged: {error}.", f"Replace it. {INSTALL_HINT}") from error


def held_out_writers(drawings: Iterable[Drawing]) -> set[str]:
    """Choose a fifth of the writers by a fixed rule: of each donor's writers in order, the third of every five."""
    donors: dict[str, set[str]] = defaultdict(set)
    for drawing in drawings:
        donors[drawing.donor].add(drawing.writer)
    return {writer for writers in donors.values() for writer in sorted(writers)[2::HELD_OUT]}


@dataclass
class _Set:
    """The components of a recording, numbered from 0, and the segments that name them."""

    writer: str
    components: list[tuple[bool, np.ndarray]] = field(default_factory=list)  # is it ink, and its points (n, 2), y down
    segments: list[tuple[str, str]] = field(default_factory=list)  # components, such as "12-13", and label


_SEGMENT = re.compile(r'\.SEGMENT\s+\S+\s+(\S+)\s+\S+\s+"(.+)"')
_RANGE = re.compile(r"(\d+)(?::(\d+))?(?:-(\d+)(?::(\d+))?)?$")
MAX_TEMPLATE = 3000  # in the files ibm0*, larger coordinates begin templates of normalized size
JOINED_DIGITS = {"cea", "ceb", "lou"}  # donors whose digits were cut from joined writing


def parse_archive(folder: Path) -> Iterator[Drawing]:
    """Read all single characters and numbers of UNIPEN's archive, a folder with `data` and `include`.

    Left out are: drawings without ink, repeated ink, the templates in the files ibm0*, kai's "@", which marks joining
    strokes, and digits that were cut from joined writing. Raises DataError for a file that is missing or damaged.
    """
    seen: set[bytes] = set()
    for path in sorted((folder / "data").rglob("*.dat")):
        donor = path.parent.name
        for drawing in _parse_file(path, folder / "include", donor):
            ink = np.concatenate(drawing.paths).tobytes() if drawing.paths else b""
            is_joined = (drawing.label.isdigit() and donor in JOINED_DIGITS) or (donor, drawing.label) == ("kai", "@")
            if ink and ink not in seen and not is_joined:
                yield drawing
            seen.add(ink)


def _parse_file(path: Path, include: Path, donor: str) -> Iterator[Drawing]:
    recordings = [_Set(path.stem)]
    points: list[tuple[float, float]] = []
    pen = ""  # ".PEN_DOWN" or ".PEN_UP" among points, empty elsewhere
    x, y = 0, 1  # columns

    for line in [*_lines(path, include), ".END"]:
        keyword, *words = line.split() or [""]
        if not keyword.startswith("."):
            with suppress(ValueError, IndexError):  # a line of text
                row = [float(keyword), *map(float, words)]
                points.append((row[x], -row[y]))
            continue
        if points and pen:
            recordings[-1].components.append((pen == ".PEN_DOWN", np.array(points)))
        points = []
        pen = keyword if keyword in (".PEN_DOWN", ".PEN_UP") else ""
        if keyword == ".COORD":
            x, y = words.index("X"), words.index("Y")
        elif keyword == ".WRITER_ID" and words:
            recordings[-1].writer = words[0]
        elif keyword == ".START_SET":
            recordings.append(_Set(recordings[-1].writer))
        elif segment := _SEGMENT.match(line):
            recordings[-1].segments.append((segment[1], segment[2]))
    for recording in recordings:
        for where, label in recording.segments:
            if len(label) > 1 and not label.isdigit():
                continue  # a word
            paths = _select(recording.components, where)
            if path.stem.startswith("ibm0") and any(np.abs(each).max() > MAX_TEMPLATE for each in paths):
                break
            yield Drawing(label, recording.writer, donor, paths)


def _lines(path: Path, include: Path) -> Iterator[str]:
    """Yield the lines of a file, and in place of each `.INCLUDE` those of the file that it names."""
    for line in path.read_text(encoding="latin-1").splitlines():
        if line.startswith(".INCLUDE"):
            yield from _lines(include / line.split()[1], include)
        else:
            yield line


def _select(components: list[tuple[bool, np.ndarray]], where: str) -> list[np.ndarray]:
    """Return the ink that `where` names: components "12-13,15", or from point to point, "15:3-16:20"."""
    paths = []
    for part in where.split(","):
        if not (match := _RANGE.match(part)):
            continue
        first = int(match[1])
        last = int(match[3] or first)
        for number in range(first, last + 1):
            if number >= len(components):
                break
            is_ink, points = components[number]
            start = int(match[2] or 0) if number == first else 0
            end = int(match[4]) + 1 if match[4] and number == last else None
            if is_ink and len(points[start:end]):
                paths.append(points[start:end])
    return paths


def parse_uji(path: Path) -> Iterator[Drawing]:
    """Read the digits of UJI Pen Characters. Raises DataError if the file is missing or damaged.

    A character is a line `WORD 7 trn_UPV_W02-01` (label, then site, writer and repetition), a line `NUMSTROKES n`, and
    n lines `POINTS k # x y x y ...`, y down.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"{STROKES_FOLDER / path.name} cannot be read ({error.strerror}).", INSTALL_HINT) from None
    for line in lines:
        words = line.split()
        if words[:1] == ["WORD"]:
            label, writer = words[1], words[2].rpartition("-")[0]
            paths: list[np.ndarray] = []
        elif words[:1] == ["NUMSTROKES"]:
            count = int(words[1])
        elif words[:1] == ["POINTS"]:
            paths.append(np.array(words[3:], dtype=float).reshape(-1, 2))
            if len(paths) == count and label.isdigit():
                yield Drawing(label, writer, "uji", paths)
