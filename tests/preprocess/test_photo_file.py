import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from mnist_demo.errors import InputError
from mnist_demo.preprocess.images import photo_to_image
from mnist_demo.preprocess.photo_file import FORMATS, open_photo
from tests.conftest import draw_photo


@pytest.mark.parametrize("name", ["photo.txt", "photo", "photo.pdf", "photo.png"])
@pytest.mark.parametrize("image_format", FORMATS)
def test_a_photo_is_read_by_its_content_whatever_its_name(image_format: str, name: str, tmp_path: Path):
    draw_photo().save(tmp_path / name, image_format)
    assert open_photo(tmp_path / name).size == (300, 300)


def test_a_photo_with_several_pictures_as_phones_save_it_is_read(tmp_path: Path):
    draw_photo().save(tmp_path / "photo.jpg", "MPO", save_all=True, append_images=[draw_photo("plain 7")])
    assert open_photo(tmp_path / "photo.jpg").size == (300, 300)


def encode(image_format: str) -> bytes:
    file = io.BytesIO()
    draw_photo().save(file, image_format)
    return file.getvalue()


OTHER_FILES = {
    "a TIFF": encode("TIFF"),
    "a HEIC photo": b"\0\0\0\x24ftypheic\0\0\0\0mif1heic",
    "an AVIF": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1",
    "a video": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    "a PDF": encode("PDF"),
    "an SVG": b"<?xml version='1.0'?>\n<!-- a digit -->\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "a JPEG XL": b"\xff\x0a\xfa\x7f",
    "a Photoshop file": b"8BPS\0\1",
    "an icon": encode("ICO"),
    "a ZIP archive or an office document": b"PK\x03\x04\x14\0",
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_a_format_that_is_not_read_is_named_with_what_to_do(kind: str, tmp_path: Path):
    path = tmp_path / "photo.jpg"  # iPhones and chat programs give such names
    path.write_bytes(OTHER_FILES[kind])
    with pytest.raises(InputError, match=rf"photo\.jpg is {kind}; save it as PNG or JPEG\."):
        open_photo(path)
    with pytest.raises(InputError, match=f"^The file is {kind}; save it as PNG or JPEG"):
        open_photo(io.BytesIO(OTHER_FILES[kind]))


def test_an_empty_file_is_an_error(tmp_path: Path):
    (tmp_path / "photo.png").touch()
    with pytest.raises(InputError, match=r"photo\.png is empty\. Choose another file\."):
        open_photo(tmp_path / "photo.png")


def test_the_first_frame_of_an_animation_is_used():
    file = io.BytesIO()
    draw_photo().save(file, "GIF", save_all=True, append_images=[Image.new("L", (300, 300), 255)])
    assert (photo_to_image(open_photo(file)) == photo_to_image(draw_photo())).all()


def test_invalid_image_files_are_an_error(tmp_path: Path):
    (tmp_path / "text.png").write_text("seven", encoding="utf-8")
    draw_photo().save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:300])
    for name in ("text.png", "cut.png"):
        with pytest.raises(InputError, match=f"{name} is not a valid image"):
            open_photo(tmp_path / name)
    with Image.open(tmp_path / "cut.png") as cut, pytest.raises(InputError, match=r"\(mode L\) cannot be decoded"):
        photo_to_image(cut)
    with pytest.raises(InputError, match=r"File not found: .*absent\.png"):
        open_photo(tmp_path / "absent.png")


@pytest.mark.parametrize(("side", "message"), [(12_000, "12,000 x 12,000"), (20_000, "too many")])
def test_a_decompression_bomb_is_rejected_before_decoding(side: int, message: str):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(InputError, match=f"{message} pixels"):
        open_photo(io.BytesIO(bomb))
