"""MNIST: load and verify the four original files, or download them."""

import gzip
import hashlib
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from mnist_demo.data import Dataset, Digits
from mnist_demo.errors import DataError
from mnist_demo.files import write_atomically

DATA_FOLDER = Path(__file__).resolve().parents[2] / "data"  # the default data folder
RAW_FOLDER = Path("MNIST", "raw")  # in the data folder

# Size in bytes and MD5 of the unpacked files; torchvision knows the checksums of the packed files only.
MNIST_FILES = {
    "train-images-idx3-ubyte": (47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": (60_008, "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": (7_840_016, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": (10_008, "27ae3e4e09519cfbb04c329615203637"),
}
STALL_TIMEOUT, FILE_TIMEOUT = 15, 300  # seconds without data, and for a whole file, before the next mirror is tried
MAX_FILE_BYTES = 20_000_000  # of a packed file; the largest has 9,912,422


def missing_files(folder: Path) -> list[str]:
    """Return the names of MNIST's files that `folder`/MNIST/raw lacks."""
    return [name for name in MNIST_FILES if not (folder / RAW_FOLDER / name).is_file()]


def load_mnist(folder: Path) -> Dataset:
    """Load MNIST from the original files in `folder`/MNIST/raw: 60,000 training and 10,000 test digits.

    Raises DataError that names the missing files, or the first that is truncated, altered or unreadable.
    """
    raw = folder / RAW_FOLDER
    if missing := missing_files(folder):
        raise DataError(f"The data folder lacks {', '.join(missing)}.", install_hint(folder))
    for name, (size, md5) in MNIST_FILES.items():
        if problem := verify_file(raw / name, size, md5):
            raise DataError(f"{name} is damaged: {problem}.", f"Delete it, or replace it. {install_hint(folder)}")
    # Imported here because torchvision is large. Its MNIST class would prefer an unverified pickle to these files.
    from torchvision.datasets.mnist import read_image_file, read_label_file

    def read(part: str) -> Digits:
        images = read_image_file(str(raw / f"{part}-images-idx3-ubyte"))
        return Digits(images[:, None], read_label_file(str(raw / f"{part}-labels-idx1-ubyte")))

    return Dataset.create("MNIST", read("train"), read("t10k"))


def verify_file(path: Path, size: int, md5: str) -> str | None:
    """Return how the file differs from the original with that size in bytes and MD5 checksum, None if it does not."""
    try:
        if (found := path.stat().st_size) != size:
            return f"it has {found:,} bytes instead of {size:,}"
        with path.open("rb") as file:
            return None if hashlib.file_digest(file, "md5").hexdigest() == md5 else f"its MD5 checksum is not {md5}"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"


def install_hint(folder: Path) -> str:
    """Return one sentence that says how to install MNIST by hand."""
    files = f"put its four unpacked files ({', '.join(MNIST_FILES)}) into {folder / RAW_FOLDER}"
    return f"To place MNIST by hand, {files}, or name another data folder with --data or MNIST_DEMO_DATA."


def download_mnist(
    folder: Path,
    report: Callable[[float], None] = lambda share: None,
    mirrors: list[str] | None = None,
    timeout: float = STALL_TIMEOUT,
) -> None:
    """Download the files that `folder` lacks from torchvision's mirrors and verify torchvision's checksums.

    `report` receives the completed share, 0 to 1. If a mirror sends nothing for `timeout` seconds or sends the wrong
    file, the next mirror is tried. Two downloads may run at once. Raises DataError with each mirror's reason, or if the
    folder cannot be written.
    """
    from torchvision.datasets import MNIST

    missing = [(name, md5) for name, md5 in MNIST.resources if Path(name).stem in missing_files(folder)]
    sizes = [MNIST_FILES[Path(name).stem][0] for name, _ in missing]  # of the unpacked files, precise enough here
    for i, (name, md5) in enumerate(missing):

        def report_file(share: float, before: int = sum(sizes[:i]), size: int = sizes[i]) -> None:
            report((before + share * size) / sum(sizes))

        reasons = []
        for mirror in MNIST.mirrors if mirrors is None else mirrors:
            try:
                packed = _fetch(mirror + name, md5, report_file, timeout)
                break
            except (OSError, HTTPException, ValueError) as error:  # OSError includes URLError and TimeoutError
                reasons.append(f"{urlsplit(mirror).hostname}: {_describe_failure(error)}")
        else:
            raise DataError(f"{name} could not be downloaded ({'; '.join(reasons)}).", install_hint(folder))
        try:
            write_atomically(folder / RAW_FOLDER / Path(name).stem, gzip.decompress(packed))
        except OSError as error:
            raise DataError(f"The data folder cannot be written ({error.strerror}).", install_hint(folder)) from error
    report(1.0)


def _describe_failure(error: Exception) -> str:
    """Return an error's text without the name of its class and without its number, which help no user."""
    cause = getattr(error, "reason", "")  # of a URLError: an exception or a text
    if isinstance(cause, OSError):
        error = cause
    return getattr(error, "strerror", None) or str(error)


def _fetch(url: str, md5: str, report: Callable[[float], None], timeout: float) -> bytes:
    deadline = time.monotonic() + FILE_TIMEOUT
    content = bytearray()
    with urllib.request.urlopen(url, timeout=timeout) as response:
        length = int(response.headers.get("Content-Length") or 0)
        while chunk := response.read1(1 << 16):
            content += chunk
            report(min(1.0, len(content) / length) if length else 0.0)
            if time.monotonic() > deadline:
                raise TimeoutError(f"not finished after {FILE_TIMEOUT} s")
            if len(content) > MAX_FILE_BYTES:
                raise ValueError(f"the response is not the file: it has more than {MAX_FILE_BYTES:,} bytes")
    if hashlib.md5(content).hexdigest() != md5:
        raise ValueError("the response is not the file: its MD5 checksum differs")
    return bytes(content)
