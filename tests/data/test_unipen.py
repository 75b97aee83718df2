import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from mnist_demo.data.unipen import (
    FILES,
    STROKES_FOLDER,
    Drawing,
    held_out_writers,
    load_drawings,
    parse_archive,
    parse_uji,
)
from mnist_demo.errors import DataError

RECORDING = """.VERSION 1.0
.COORD X Y
.WRITER_ID anna
.PEN_DOWN
10 20
11 25
.PEN_UP
.PEN_DOWN
.PEN_UP
12 20
.DT 100
.PEN_DOWN
30 40
31 41
32 42
.PEN_UP
.PEN_DOWN
50 60
.PEN_UP
"""


def write_archive(folder: Path, segments: str, donor: str = "abc", name: str = "abc01.dat") -> Path:
    for path, text in (
        (f"data/1a/{donor}/{name}", f".INCLUDE {donor}/{name}\n{segments}"),
        (f"include/{donor}/{name}", RECORDING),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="latin-1")
    return folder


def points(drawing: Drawing) -> list[list[list[float]]]:
    return [path.tolist() for path in drawing.paths]


def test_components_are_counted_if_they_have_points_and_only_ink_is_kept(tmp_path: Path):
    # Components: 0 is ink, 1 the pen in the air, 2 and 3 ink. The stroke without points is not counted.
    archive = write_archive(tmp_path, '.SEGMENT CHARACTER 0-2 ? "7"\n.SEGMENT CHARACTER 3 OK "-"\n')
    seven, dash = parse_archive(archive)
    assert (seven.label, seven.writer, seven.donor) == ("7", "anna", "abc")
    assert points(seven) == [[[10, -20], [11, -25]], [[30, -40], [31, -41], [32, -42]]]
    assert (dash.label, points(dash)) == ("-", [[[50, -60]]])


def test_a_segment_may_begin_and_end_inside_a_stroke(tmp_path: Path):
    (one,) = parse_archive(write_archive(tmp_path, '.SEGMENT CHARACTER 0:1-2:0 ? "1"\n'))
    assert points(one) == [[[11, -25]], [[30, -40]]]


def test_components_are_counted_again_after_start_set(tmp_path: Path):
    segments = '.SEGMENT CHARACTER 0 ? "1"\n.START_SET\n.PEN_DOWN\n1 2\n.PEN_UP\n.SEGMENT CHARACTER 0 ? "2"\n'
    one, two = parse_archive(write_archive(tmp_path, segments))
    assert (one.label, two.label, points(two)) == ("1", "2", [[[1, -2]]])


def test_numbers_are_kept_and_words_and_repeated_ink_are_not(tmp_path: Path):
    segments = (
        '.SEGMENT WORD 0-3 ? "19"\n.SEGMENT WORD 0-3 ? "cat"\n.SEGMENT CHARACTER 2 ? "1"\n.SEGMENT CHARACTER 2 ? "l"\n'
    )
    assert [one.label for one in parse_archive(write_archive(tmp_path, segments))] == ["19", "1"]


@pytest.mark.parametrize("donor, name, segments, kept", [
    ("kai", "kai1.dat", '.SEGMENT CHARACTER 0 ? "@"\n.SEGMENT CHARACTER 2 ? "a"\n', ["a"]),
    ("cea", "cea1.dat", '.SEGMENT CHARACTER 0 ? "1"\n.SEGMENT CHARACTER 2 ? "a"\n', ["a"]),
    ("ibm", "ibm01.dat", '.SEGMENT CHARACTER 0 ? "1"\n.PEN_DOWN\n4000 10\n.PEN_UP\n.SEGMENT CHARACTER 4 ? "2"\n'
     '.SEGMENT CHARACTER 2 ? "3"\n', ["1"]),
])  # fmt: skip
def test_what_is_no_handwriting_of_its_own_is_left_out(
    tmp_path: Path, donor: str, name: str, segments: str, kept: list[str]
):
    assert [one.label for one in parse_archive(write_archive(tmp_path, segments, donor, name))] == kept


def test_json_lines_are_read_and_a_missing_or_damaged_file_raises_an_error(tmp_path: Path):
    folder = tmp_path / STROKES_FOLDER
    folder.mkdir()
    row = {"label": 7, "writer": "unipen-001", "donor": "abc", "strokes": [[[1, 2], [3, 4.5]], [], [[5, 6]]]}
    for name in FILES:
        with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
            file.write(json.dumps(row) + "\n")
    drawings = load_drawings(tmp_path)
    assert len(drawings) == len(FILES) and drawings[0].label == "7"
    assert points(drawings[0]) == [[[1, 2], [3, 4.5]], [[5, 6]]]
    (folder / f"{FILES[1]}.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"unipen-letters\.jsonl\.gz is damaged: .* Replace it"):
        load_drawings(tmp_path)
    (folder / f"{FILES[0]}.jsonl.gz").unlink()
    with pytest.raises(DataError, match=r"lacks strokes/unipen-digits\.jsonl\.gz\. Download UNIPEN"):
        load_drawings(tmp_path)


def test_digits_of_uji_are_read(tmp_path: Path):
    path = tmp_path / "ujipenchars2.txt"
    path.write_text(
        "// ASCII char: 7\nWORD 7 trn_UPV_W02-01\n  NUMSTROKES 2\n  POINTS 2 # 10 20 30 40\n  POINTS 1 # 5 6\n"
        "WORD a trn_UPV_W02-01\n  NUMSTROKES 1\n  POINTS 1 # 1 2\n"
    )
    (seven,) = parse_uji(path)
    assert (seven.label, seven.writer, seven.donor) == ("7", "trn_UPV_W02", "uji")
    assert points(seven) == [[[10, 20], [30, 40]], [[5, 6]]]
    with pytest.raises(DataError, match=r"other\.txt cannot be read"):
        list(parse_uji(tmp_path / "other.txt"))


def test_a_fifth_of_each_donors_writers_is_held_out():
    drawings = [
        Drawing("1", f"{donor}-{n}", donor, []) for donor, count in (("a", 9), ("b", 5), ("c", 2)) for n in range(count)
    ]
    assert held_out_writers(drawings) == {"a-2", "a-7", "b-2"}


@pytest.fixture(scope="module")
def folder() -> Path:
    folder = Path(os.environ.get("MNIST_DEMO_DATA") or "data")
    if not (folder / STROKES_FOLDER).is_dir():
        pytest.skip("needs UNIPEN and UJI: set MNIST_DEMO_DATA to a folder that contains strokes")
    return folder


@pytest.fixture(scope="module")
def drawings(folder: Path) -> list[Drawing]:
    return load_drawings(folder)


def test_the_files_hold_the_drawings_of_235_people(drawings: list[Drawing]):
    digits = [one for one in drawings if len(one.label) == 1 and one.label.isdigit()]
    assert len(digits) == 10_934 and len({one.writer for one in digits}) == 235
    assert Counter(len(one.label) > 1 for one in drawings)[True] == 892
    assert all(one.paths for one in drawings)


def test_the_original_format_gives_the_same_drawings_as_the_json_lines(folder: Path, drawings: list[Drawing]):
    if not (sample := folder / STROKES_FOLDER / "unipen-raw-sample").is_dir():
        pytest.skip("needs six files of UNIPEN's archive in strokes/unipen-raw-sample")
    parsed = {(one.donor, one.label, str(points(one))) for one in parse_archive(sample)}
    donors = {donor for donor, *_ in parsed}
    assert len(parsed) == 167
    assert parsed <= {(one.donor, one.label, str(points(one))) for one in drawings if one.donor in donors}
