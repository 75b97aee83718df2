"""Open image files by what they contain, whatever their names say, and name the formats that are not read."""

import re
import warnings
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from mnist_demo.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000  # of a photo, about what a phone's camera takes
DECODED_SIDE = 400  # pixels: a large JPEG is decoded at a lower resolution, but not below this
# How files of other formats start, by what they are.
OTHER_FORMATS = {
    "a TIFF": rb"II[*+]\x00|MM\x00[*+]",
    "a HEIC photo": rb".{4}ftyp(hei|hev|mif1|msf1)",
    "an AVIF": rb".{4}ftypavi[fs]",
    "a video": rb".{4}ftyp|\x1aE\xdf\xa3",
    "a PDF": rb".{0,1000}%PDF-",
    "an SVG": rb"[^\x00]{0,1000}<svg[\s>]",
    "a JPEG XL": rb"\xff\x0a|\x00\x00\x00\x0cJXL ",
    "a JPEG 2000": rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51",
    "a Photoshop file": rb"8BPS",
    "an icon": rb"\x00\x00[\x01\x02]\x00",
    "a ZIP archive or an office document": rb"PK\x03\x04",
}


def open_photo(source: str | Path | IO[bytes]) -> Image.Image:
    """Open and decode the first frame of an image file. Raise InputError that names the file and the problem."""
    name = str(source) if isinstance(source, (str, Path)) else "The file"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size has a lower limit
            with Image.open(source, formats=FORMATS) as photo:
                check_size(photo.size)
                photo.draft(None, (DECODED_SIDE, DECODED_SIDE))
                photo.load()
                return photo.copy()
    except InputError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit, which applies before check_size
        raise InputError(f"{name} has too many pixels; at most {MAX_PIXELS // 10**6} million are allowed.") from None
    except FileNotFoundError:
        raise InputError(f"File not found: {name}.") from None
    except UnidentifiedImageError as error:
        raise InputError(_describe(source, name)) from error
    except Exception as error:  # Pillow's decoders raise many types on a damaged file, such as struct.error
        raise InputError(_invalid(name)) from error


def check_size(size: tuple[int, int]) -> None:
    """Raise InputError if a photo of (width, height) pixels is empty or too large."""
    width, height = size
    if width * height > MAX_PIXELS:
        limit = f"at most {MAX_PIXELS // 10**6} million are allowed. Scale it down."
        raise InputError(f"The photo has {width:,} x {height:,} pixels; {limit}")
    if not width * height:
        raise InputError(f"The photo is empty: {width} x {height} pixels.")


def _describe(source: str | Path | IO[bytes], name: str) -> str:
    """Return what a file that is not one of FORMATS is, and what to do."""
    if isinstance(source, (str, Path)):
        with Path(source).open("rb") as file:
            start = file.read(1024)
    else:
        source.seek(0)
        start = source.read(1024)
    if not start:
        return f"{name} is empty. Choose another file."
    for format_name, pattern in OTHER_FORMATS.items():
        if re.match(pattern, start, re.DOTALL | re.IGNORECASE):
            return f"{name} is {format_name}; save it as PNG or JPEG."
    return _invalid(name)


def _invalid(name: str) -> str:
    return f"{name} is not a valid image. Choose one of these formats: {', '.join(FORMATS)}."
