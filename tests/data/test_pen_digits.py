from pathlib import Path

import numpy as np
import pytest

from mnist_demo.data.pen_digits import PEN_DIGITS_FILE, PenDigit, load_pen_digits, parse_unipen
from mnist_demo.errors import DataError

TEXT = """.INCLUDE        dene.doc
.SEGMENT DIGIT    0 ? "7"
.COMMENT 7 12  224
.PEN_DOWN
 10  90
 80  95
.PEN_UP
.DT 100
.PEN_DOWN
.PEN_UP
.PEN_DOWN
 20  50
.PEN_UP
.SEGMENT DIGIT    1 ? "2"
.COMMENT 2 26   54
.PEN_DOWN
 249  234
.PEN_UP
"""


def test_unipen_text_is_parsed_into_digits_with_writers_and_strokes():
    seven, two = parse_unipen(TEXT)
    assert (seven.digit, seven.writer, two.digit, two.writer) == (7, 12, 2, 26)
    assert [path.tolist() for path in seven.paths] == [[[10, -90], [80, -95]], [[20, -50]]]  # without the empty stroke


def test_a_missing_or_damaged_file_raises_an_error(tmp_path: Path):
    with pytest.raises(DataError, match=r"lacks pendigits/pendigits-orig\.tra\. Download the archive from https:"):
        load_pen_digits(tmp_path)
    (tmp_path / PEN_DIGITS_FILE).parent.mkdir()
    (tmp_path / PEN_DIGITS_FILE).write_text(TEXT)
    with pytest.raises(DataError, match=r"is damaged: it has .* bytes instead of 3,641,673"):
        load_pen_digits(tmp_path)


def test_the_original_file_contains_7494_digits_by_30_writers(pen_digits: list[PenDigit]):
    assert len(pen_digits) == 7494 and {one.writer for one in pen_digits} == set(range(1, 31))
    assert np.bincount([one.digit for one in pen_digits]).tolist() == [780, 779, 780, 719, 780, 720, 720, 778, 719, 719]
    assert all(one.paths for one in pen_digits)
