"""What the tests share: small datasets, a data folder like MNIST's, a mirror to download it from, and a served app."""

import asyncio
import base64
import gzip
import hashlib
import io
import os
import struct
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from xdist.scheduler import LoadScopeScheduling

from mnist_demo.checkpoints import Metadata, save_checkpoint
from mnist_demo.data import Dataset, sketch_dataset
from mnist_demo.data import mnist as mnist_module
from mnist_demo.data import pen_digits as pen_digits_module
from mnist_demo.data.pen_digits import PenDigit
from mnist_demo.data.synthetic import design_strokes, synthetic_dataset, synthetic_paths
from mnist_demo.evaluation import EpochResult
from mnist_demo.recipes import Recipe
from tests.mirror import Mirror
from tests.served_app import QUICK_START, serve_app

ROOT = Path(__file__).parent.parent
# Files whose tests use a server of their own. (Marks of xdist_group have no effect in this version of pytest.)
SERVERS = {
    "server": ("tests/server/test_fairness.py", "tests/server/test_hostile_bodies.py"),
    "sub path": ("tests/e2e/test_proxy.py",),
}
MNIST_FOLDER = os.environ.get("MNIST_DEMO_DATA")


def run_async(coroutine: Coroutine) -> Any:
    """Return a coroutine's result. It runs in a new thread, as Playwright's tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def decode_png(url: str) -> np.ndarray:
    """Return the pixels of a PNG in a data: URL."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))))


def pytest_report_header() -> str:
    if MNIST_FOLDER:
        return f"data: MNIST in {MNIST_FOLDER}"
    return "data: synthetic digits; tests of accuracy on MNIST are skipped, as MNIST_DEMO_DATA is not set"


class Scheduling(LoadScopeScheduling):
    """Hand out tests one by one as processes become idle, except those that share a server, which stay together."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group, files in SERVERS.items() if nodeid.startswith(files)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long tests first, so that no process is idle at the end."""
    items.sort(key=lambda item: not (item.path.parent.name == "e2e" or item.get_closest_marker("slow")))


@pytest.fixture(scope="session")
def synthetic() -> Dataset:
    """Return a small dataset of synthetic digits."""
    return synthetic_dataset(train=600, test=200)


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    if not MNIST_FOLDER:
        pytest.skip("needs MNIST: set MNIST_DEMO_DATA to a folder that contains MNIST/raw")
    return mnist_module.load_mnist(Path(MNIST_FOLDER))


@pytest.fixture(scope="session")
def pen_digits() -> list[PenDigit]:
    if not MNIST_FOLDER or not (Path(MNIST_FOLDER) / pen_digits_module.PEN_DIGITS_FILE).is_file():
        pytest.skip("needs UCI's pen digits: set MNIST_DEMO_DATA to a folder that contains pendigits")
    return pen_digits_module.load_pen_digits(Path(MNIST_FOLDER))


@pytest.fixture
def few_pen_digits(monkeypatch: pytest.MonkeyPatch) -> list[PenDigit]:
    """Let people's strokes be ten pen digits each of writers 1, 24 and 30, with few drawings of other kinds."""
    for name in ("SYNTHETIC_COUNT", "NON_DIGIT_COUNT", "MULTIPLE_DIGITS_COUNT", "HALVES_COUNT"):
        monkeypatch.setattr(sketch_dataset, name, 20)
    rng = np.random.default_rng(0)
    few = [PenDigit(digit, writer, [synthetic_paths(digit, rng)[0]]) for writer in (1, 24, 30) for digit in range(10)]
    monkeypatch.setattr(sketch_dataset, "load_pen_digits", lambda folder: few)
    monkeypatch.setattr(sketch_dataset, "load_drawings", lambda folder: [])
    return few


@pytest.fixture
def recipe() -> Recipe:
    return Recipe("test", network="784-10", optimizer="SGD", lr=0.1, batch_size=50, epochs=2)


@pytest.fixture
def checkpoint(tmp_path: Path, recipe: Recipe) -> Path:
    """Return the path of an untrained model's checkpoint."""
    path = tmp_path / "test.safetensors"
    save_checkpoint(path, recipe.build(), make_metadata(recipe))
    return path


def make_request(session_id: str | None, client: str = "127.0.0.1") -> Any:
    """Return a request as Gradio passes it to handlers."""
    return SimpleNamespace(session_hash=session_id, client=SimpleNamespace(host=client))


def make_metadata(recipe: Recipe) -> Metadata:
    return Metadata(
        recipe=recipe,
        data_source="synthetic digits",
        data_checksum="0" * 64,
        test_accuracy=0.5,
        test_loss=1.5,
        per_class_accuracy=[0.5] * 10,
        epochs=[EpochResult(train_loss=2.0, test_loss=1.5, test_accuracy=0.5)],
        steps=12,
        finished=True,
        seed=3,
        seconds=1.25,
        device="cpu",
        threads=torch.get_num_threads(),
        hardware="a test",
    )


def draw_photo(
    name: str = "closed 4", side: int = 300, ink: int = 20, paper: int = 235, box: float = 0.5, width: float = 0.14
) -> Image.Image:
    """Draw a design on a gray photo, off its center.

    `side` is in pixels, `ink` and `paper` are gray values, `box` is the digit's size as a fraction of the side, and
    `width` the pen's as a fraction of the box.
    """
    photo = Image.new("L", (side, side), paper)
    pen = ImageDraw.Draw(photo)
    for stroke in design_strokes(name):
        points = [(side * (0.1 + box * x / 100), side * (0.3 + box * y / 100)) for x, y in stroke]
        pen.line(points, fill=ink, width=round(side * box * width), joint="curve")
    return photo


def write_idx(path: Path, tensor: torch.Tensor) -> None:
    """Write a uint8 tensor in the format of MNIST's files."""
    header = struct.pack(f">I{tensor.ndim}I", 0x800 + tensor.ndim, *tensor.shape)
    path.write_bytes(header + tensor.to(torch.uint8).numpy().tobytes())


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synthetic: Dataset) -> Path:
    """Return a data folder with files like MNIST's, but small; the expected sizes and checksums are theirs."""
    folder = tmp_path / "data"
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix, digits in (("train", synthetic.train), ("t10k", synthetic.test)):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", digits.images[:, 0])
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", digits.labels)
    files = {path.name: (path.stat().st_size, hashlib.md5(path.read_bytes()).hexdigest()) for path in raw.iterdir()}
    monkeypatch.setattr(mnist_module, "MNIST_FILES", files)
    return folder


@pytest.fixture
def mirror(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """Return a mirror of the files of `small_mnist`; torchvision expects their checksums."""
    from torchvision.datasets import MNIST

    raw = small_mnist / "MNIST" / "raw"
    files = {f"{path.name}.gz": gzip.compress(path.read_bytes()) for path in sorted(raw.iterdir())}
    monkeypatch.setattr(MNIST, "resources", [(name, hashlib.md5(body).hexdigest()) for name, body in files.items()])
    mirror = Mirror(files)
    monkeypatch.setattr(MNIST, "mirrors", [mirror.url])
    yield mirror
    mirror.close()


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point MNIST's mirrors at a closed port, as on a machine without a network."""
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes, as on a full disk."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="session")
def app_url() -> Iterator[str]:
    """Return the URL of the app with synthetic digits."""
    with serve_app("synthetic", program=QUICK_START) as url:
        yield url
