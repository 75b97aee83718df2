"""Digits as whole tensors: MNIST from its original files or its mirrors, and practice digits."""

import gzip
import hashlib
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import torch
from torch import Tensor

from mnist_demo.errors import DataError
from mnist_demo.files import write_whole
from mnist_demo.practice import practice_digits

DATA_FOLDER = Path(__file__).resolve().parent.parent / "data"  # where data are looked for unless told otherwise

# The original files, unpacked: (bytes, MD5). torchvision checks the packed files only, and only as it downloads them.
RAW = Path("MNIST", "raw")  # in the data folder
MNIST_FILES = {
    "train-images-idx3-ubyte": (47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": (60_008, "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": (7_840_016, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": (10_008, "27ae3e4e09519cfbb04c329615203637"),
}
PRACTICE_TRAIN, PRACTICE_TEST = 8_000, 1_000  # enough for every recipe, one holds out 5,000; 5 s on one core
SILENCE_SECONDS, FILE_SECONDS = 15, 300  # a mirror's silence, and a file's whole time, that end in trying the next
MAX_FILE_BYTES = 20_000_000  # of a packed file; the largest has 9,912,422


NO_DIGIT, SEVERAL = 10, 11  # what else a drawing can be than one of the ten digits


@dataclass(frozen=True)
class Digits:
    """A set of labelled digits."""

    images: Tensor  # uint8 (N, 1, 28, 28), 0 background to 255 ink
    labels: Tensor  # int64 (N,), 0 to 9; in training also NO_DIGIT and SEVERAL

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> "Digits":
        return Digits(self.images.to(device), self.labels.to(device))

    def __getitem__(self, rows: slice | Tensor) -> "Digits":
        return Digits(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Data:
    """A training and a test set of one source."""

    name: str  # "MNIST" or "practice digits"
    train: Digits
    test: Digits
    checksum: str  # SHA-256 of all four tensors, in hexadecimal


def make_data(name: str, train: Digits, test: Digits) -> Data:
    """Put two sets together under a name, with the checksum that checkpoints trained on them will carry."""
    digest = hashlib.sha256()
    for tensor in (train.images, train.labels, test.images, test.labels):
        digest.update(tensor.contiguous().numpy().data)
    return Data(name, train, test, digest.hexdigest())


def practice_data(train: int = PRACTICE_TRAIN, test: int = PRACTICE_TEST) -> Data:
    """Digits that this project makes itself, from other random warps for training and for testing. Not MNIST."""

    def digits(count: int, seed: int) -> Digits:
        images, labels = practice_digits(count, seed)
        return Digits(torch.from_numpy(images)[:, None], torch.from_numpy(labels))

    return make_data("practice digits", digits(train, seed=1), digits(test, seed=2))


def missing_files(folder: Path) -> list[str]:
    """The names of MNIST's files that `folder`/MNIST/raw lacks."""
    return [name for name in MNIST_FILES if not (folder / RAW / name).is_file()]


def load_mnist(folder: Path) -> Data:
    """MNIST from the original files in `folder`/MNIST/raw: 60,000 training and 10,000 test digits.

    Raises DataError that names the files which are absent, or the first that is truncated, altered or unreadable.
    """
    raw = folder / RAW
    if missing := missing_files(folder):
        raise DataError(f"The data folder lacks {', '.join(missing)}.", how_to_place(folder))
    for name, (size, md5) in MNIST_FILES.items():
        if problem := find_damage(raw / name, size, md5):
            raise DataError(f"{name} is damaged: {problem}.", f"Delete it, or replace it. {how_to_place(folder)}")
    # Torchvision takes 150 MB of memory and a second, so it is imported only where data are read. Its readers are used
    # and not its class, which would rather load a pickle that an old version left beside the checked files.
    from torchvision.datasets.mnist import read_image_file, read_label_file

    train, test = (
        Digits(
            read_image_file(str(raw / f"{part}-images-idx3-ubyte"))[:, None],
            read_label_file(str(raw / f"{part}-labels-idx1-ubyte")),
        )
        for part in ("train", "t10k")
    )
    return make_data("MNIST", train, test)


def find_damage(path: Path, size: int, md5: str) -> str | None:
    """What tells a file from the original of so many bytes and that checksum, None where nothing does."""
    try:
        if (found := path.stat().st_size) != size:
            return f"it has {found:,} bytes instead of {size:,}"
        with path.open("rb") as file:
            return None if hashlib.file_digest(file, "md5").hexdigest() == md5 else f"its MD5 checksum is not {md5}"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"


def how_to_place(folder: Path) -> str:
    """One sentence for a person who has MNIST's files and wants them found."""
    return (
        f"To place MNIST by hand, put its four unpacked files ({', '.join(MNIST_FILES)}) into "
        f"{folder / RAW}, or name another data folder with --data or MNIST_DEMO_DATA."
    )


def download_mnist(
    folder: Path,
    report: Callable[[float], None] = lambda share: None,
    mirrors: list[str] | None = None,
    silence: float = SILENCE_SECONDS,
) -> None:
    """Fetch the files that `folder` lacks, from torchvision's mirrors with torchvision's checksums.

    `report` is told the share of the download that is done, 0 to 1. A mirror that is silent for `silence` seconds, or
    sends what is not the file, is given up for the next one. Files appear whole or not at all, and are written under
    names of their own until then, so two downloads at once do no harm. Raises DataError with each mirror's reason, or
    where the folder cannot be written.
    """
    from torchvision.datasets import MNIST

    wanted = [(name, md5) for name, md5 in MNIST.resources if Path(name).stem in missing_files(folder)]
    sizes = [MNIST_FILES[Path(name).stem][0] for name, _ in wanted]  # unpacked: close enough for a bar
    for i, (name, md5) in enumerate(wanted):

        def report_part(part: float, before: int = sum(sizes[:i]), size: int = sizes[i]) -> None:
            report((before + part * size) / sum(sizes))

        reasons = []
        for mirror in MNIST.mirrors if mirrors is None else mirrors:
            try:
                packed = _fetch(mirror + name, md5, report_part, silence)
                break
            except (OSError, HTTPException, ValueError) as error:  # URLError and time-outs are OSErrors
                reasons.append(f"{mirror}: {error}")
        else:
            raise DataError(f"{name} could not be downloaded ({'; '.join(reasons)}).", how_to_place(folder))
        try:
            write_whole(folder / RAW / Path(name).stem, gzip.decompress(packed))
        except OSError as error:
            raise DataError(f"The data folder cannot be written ({error.strerror}).", how_to_place(folder)) from error
    report(1.0)


def _fetch(url: str, md5: str, report: Callable[[float], None], silence: float) -> bytes:
    deadline = time.monotonic() + FILE_SECONDS
    content = bytearray()
    with urllib.request.urlopen(url, timeout=silence) as answer:
        length = int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read1(1 << 16):
            content += chunk
            report(min(1.0, len(content) / length) if length else 0.0)
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done after {FILE_SECONDS} s")
            if len(content) > MAX_FILE_BYTES:
                raise ValueError(f"what came is not the file, it has more than {MAX_FILE_BYTES:,} bytes")
    if hashlib.md5(content).hexdigest() != md5:
        raise ValueError("what came is not the file, its MD5 checksum differs")
    return bytes(content)


def batches(
    digits: Digits, size: int, generator: torch.Generator | None = None, drop_last: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """The digits in batches: images float32 (size, 1, 28, 28) in [0, 1] and labels int64 (size,).

    In random order where a CPU `generator` is given, else as stored. The last batch is smaller where the number does
    not divide, unless `drop_last`. Images become floats a batch at a time, on the digits' own device.
    """
    end = len(digits) - len(digits) % size if drop_last else len(digits)
    order = None if generator is None else torch.randperm(len(digits), generator=generator).to(digits.labels.device)
    for first in range(0, end, size):
        rows = slice(first, first + size) if order is None else order[first : first + size]
        batch = digits[rows]
        yield batch.images.float().div_(255), batch.labels
