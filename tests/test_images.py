import io
import struct
import zlib
from collections.abc import Callable
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


@pytest.mark.parametrize("pen", [0.01, 0.02, 0.06, 0.14, 0.2])
def test_any_pen_becomes_mnists(pen: float):
    image = picture_to_image(draw(side=500, width=pen))
    expected = strokes_to_image(design_strokes("closed 4"))
    assert similarity(image, expected) > 0.9
    assert image.mean() == pytest.approx(expected.mean(), rel=0.15)


def lit(picture: Image.Image) -> np.ndarray:
    """The picture with a lamp at its upper left, and the paper's grain."""
    y, x = np.mgrid[: picture.height, : picture.width] / max(picture.size)
    grain = np.random.default_rng(0).normal(0, 4, x.shape)
    return (np.asarray(picture) * (1 - 0.6 * (x + y) / 2) + grain).clip(0, 255).astype(np.uint8)


def shadowed(picture: Image.Image) -> np.ndarray:
    """The picture with a hand's shadow, sharply bounded, across it."""
    pixels = np.asarray(picture).astype(float)
    y, x = np.mgrid[: picture.height, : picture.width]
    return np.where(x + y > picture.width, pixels * 0.55, pixels).astype(np.uint8)


def specked(picture: Image.Image) -> np.ndarray:
    """The picture with dust on it."""
    pixels = np.asarray(picture).copy()
    for top, left in np.random.default_rng(0).integers(0, picture.height - 3, (20, 2)):
        pixels[top : top + 2, left : left + 2] = 0
    return pixels


@pytest.mark.parametrize("disturb", [lit, shadowed, specked])
def test_light_shadow_and_dust_leave_the_digit(disturb: Callable[[Image.Image], np.ndarray]):
    clean = draw(side=500, paper=235)
    assert similarity(picture_to_image(disturb(clean)), picture_to_image(clean)) > 0.95


def test_light_on_dark_is_read_under_a_lamp_too():
    chalk = lit(draw(side=500, ink=235, paper=50))
    assert similarity(picture_to_image(chalk), picture_to_image(draw(side=500))) > 0.95


COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 200)}
COLOURS |= {"yellow": (255, 220, 40), "cyan": (0, 255, 255)}


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *(("white", "red"), ("black", "red"), ("black", "blue"), ("blue", "yellow"), ("red", "yellow")),
        *(("red", "green"), ("yellow", "cyan"), ("red", "blue"), ("yellow", "white"), ("cyan", "white")),
    ],
)
def test_ink_and_paper_may_have_any_colour(ink: str, paper: str):
    share = np.asarray(draw(ink=255, paper=0))[:, :, None] / 255
    coloured = (np.array(COLOURS[ink]) * share + np.array(COLOURS[paper]) * (1 - share)).astype(np.uint8)
    assert similarity(picture_to_image(coloured), picture_to_image(draw())) > 0.95


@pytest.mark.parametrize("card", [draw(), draw(ink=240, paper=10)], ids=["light", "dark"])
def test_a_card_with_a_transparent_margin_is_read_as_the_card(card: Image.Image):
    picture = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    picture.paste(card.convert("RGBA"), (50, 50))
    assert similarity(picture_to_image(picture), picture_to_image(card)) > 0.95


@pytest.mark.parametrize("rim", [10, 40, 80])
def test_the_table_around_a_sheet_is_no_ink(rim: int):
    photograph = Image.new("L", (600, 600), 30)
    photograph.paste(draw(side=600 - 2 * rim), (rim, rim))
    assert similarity(picture_to_image(photograph), picture_to_image(draw())) > 0.95


@pytest.mark.parametrize("design", ["round 0", "closed 4", "one-stroke 5", "round 3"])
@pytest.mark.parametrize("ink", [20, 235])
def test_a_picture_cropped_to_the_ink_is_read_like_one_with_a_margin(design: str, ink: int):
    whole = np.asarray(draw(design, ink=ink, paper=255 - ink))
    rows, columns = np.nonzero(np.abs(whole.astype(int) - ink) < 100)
    cropped = whole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert similarity(picture_to_image(cropped), picture_to_image(whole)) > 0.95


def test_a_frame_along_the_border_is_no_ink():
    framed = np.asarray(draw(side=300)).copy()
    framed[:6] = framed[-6:] = framed[:, :6] = framed[:, -6:] = 0
    assert similarity(picture_to_image(framed), picture_to_image(draw(side=300))) > 0.95


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


def test_pictures_that_are_no_drawing_give_some_image_and_no_warning():
    rng = np.random.default_rng(0)
    half = np.full((300, 300), 255, dtype=np.uint8)
    half[:, :150] = 0
    noise = [rng.integers(0, 256, rng.integers(1, 60, 2)).astype(np.uint8) for _ in range(30)]
    hairline = np.zeros((700, 700), dtype=np.uint8)
    hairline[300, 200:500] = 255
    for pixels in (half, half[:28, 136:164], 255 - half.T, hairline, *noise):
        assert picture_to_image(pixels).shape == (28, 28)


def test_an_animation_is_read_by_its_first_frame():
    file = io.BytesIO()
    draw().save(file, "GIF", save_all=True, append_images=[Image.new("L", (300, 300), 255)])
    assert similarity(picture_to_image(open_picture(file)), picture_to_image(draw())) > 0.95


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


@pytest.mark.parametrize(("side", "message"), [(12_000, "12,000 x 12,000"), (20_000, "far more")])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int, message: str):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(InputError, match=f"{message} pixels"):
        open_picture(io.BytesIO(bomb))
