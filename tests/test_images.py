import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_demo.errors import InputError
from mnist_demo.images import open_picture, picture_to_image
from mnist_demo.practice import design_strokes
from mnist_demo.strokes import strokes_to_image
from tests.conftest import draw


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def transparent() -> Image.Image:
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    picture.paste((10, 10, 10, 255), mask=Image.eval(draw(), lambda value: 255 - value))
    return picture


PICTURES: dict[str, Image.Image | np.ndarray] = {
    "dark on light": draw(),
    "light on dark": draw(ink=235, paper=20),
    "large": draw(side=1500),
    "small": draw(side=60),
    "colour": draw().convert("RGB"),
    "palette": draw().convert("P"),
    "bilevel": draw().convert("1", dither=Image.Dither.NONE),
    "CMYK": draw().convert("RGB").convert("CMYK"),
    "floats": draw().convert("F"),
    "16 bits": Image.fromarray(np.asarray(draw(), dtype=np.uint16) * 256),
    "transparent": transparent(),
    "faint": draw(ink=150, paper=200),
    "array": np.asarray(draw()),
    "array with one channel": np.asarray(draw())[:, :, None],
    "colour array": np.asarray(draw().convert("RGB")),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_any_picture_of_a_digit_becomes_the_same_image(kind: str):
    image = picture_to_image(PICTURES[kind])
    assert image.shape == (28, 28) and image.dtype == np.uint8
    assert similarity(image, strokes_to_image(design_strokes("closed 4"))) > 0.85


def test_damaged_exif_does_not_spoil_a_whole_picture():
    file = io.BytesIO()
    draw(side=900).save(file, "JPEG", exif=b"Exif\0\0garbage that is no TIFF file")
    with Image.open(file) as picture:
        assert similarity(picture_to_image(picture), picture_to_image(draw())) > 0.95
        assert picture.size == (900, 900)  # the caller's picture is left as it was


def test_noise_on_paper_of_16_bits_is_no_ink():
    paper = np.random.default_rng(0).integers(40_000, 40_010, (60, 60)).astype(np.uint16)
    assert not picture_to_image(Image.fromarray(paper)).any()


def test_a_picture_of_mnists_own_shape_stays_what_it_is():
    image = strokes_to_image(design_strokes("curly 2"))
    assert similarity(picture_to_image(image), image) > 0.9


def test_a_rotated_photograph_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways: turn by a quarter to see it right
    file = io.BytesIO()
    draw().transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", exif=exif)
    upright = picture_to_image(open_picture(file))
    assert similarity(upright, picture_to_image(draw())) > 0.95


@pytest.mark.parametrize("paper", [0, 128, 255])
def test_a_picture_without_ink_gives_an_empty_image(paper: int):
    assert not picture_to_image(Image.new("L", (50, 40), paper)).any()
    assert not picture_to_image(Image.new("RGBA", (50, 40), (paper, paper, paper, 0))).any()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("seven.png", "A picture must be a PIL image or a uint8 array; got str"),
        (np.zeros((28, 28)), r"Got an array \(28, 28\) of float64; an array must be uint8 of shape"),
        (np.zeros(28, dtype=np.uint8), r"Got an array \(28,\) of uint8"),
        (np.zeros((2, 28, 28, 3), dtype=np.uint8), "an array must be uint8 of shape"),
        (np.zeros((28, 28, 5), dtype=np.uint8), "with 1 to 4 channels"),
        (np.zeros((0, 28), dtype=np.uint8), "The picture is empty: 28 x 0 pixels"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "has 20,000 x 20,000 pixels; at most 50 million"),
    ],
)
def test_what_is_no_picture_is_named(picture: object, message: str):
    with pytest.raises(InputError, match=message):
        picture_to_image(picture)  # type: ignore[arg-type]


def test_files_that_are_no_pictures_are_named(tmp_path: Path):
    (tmp_path / "text.png").write_text("seven", encoding="utf-8")
    draw().save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:300])
    draw().save(tmp_path / "rare.tiff")
    for name in ("text.png", "cut.png", "rare.tiff"):
        with pytest.raises(InputError, match=f"{name} is no picture that can be read"):
            open_picture(tmp_path / name)
    with Image.open(tmp_path / "cut.png") as cut, pytest.raises(InputError, match="of mode L, cannot be decoded"):
        picture_to_image(cut)
    with pytest.raises(InputError, match=r"There is no file .*absent\.png"):
        open_picture(tmp_path / "absent.png")


def test_a_decompression_bomb_is_refused_before_it_is_decoded():
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="12,000 x 12,000 pixels; at most 50 million"):
        open_picture(io.BytesIO(bomb))
