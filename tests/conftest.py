"""What the tests share: small practice data, a folder of MNIST's shape, a mirror to download from, a served page."""

import asyncio
import base64
import gzip
import hashlib
import io
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from mnist_demo import data as data_module
from mnist_demo import handwriting, pendigits
from mnist_demo.checkpoints import Record, save_checkpoint
from mnist_demo.data import Data, practice_data
from mnist_demo.evaluation import EpochResult
from mnist_demo.pendigits import PenDigit
from mnist_demo.practice import design_strokes, practice_paths
from mnist_demo.recipes import Recipe

ROOT = Path(__file__).parent.parent
MNIST_FOLDER = os.environ.get("MNIST_DEMO_DATA")


def run_async(coroutine: Coroutine) -> Any:
    """What a coroutine gives. In a thread of its own, as the browser's tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def decode(url: str) -> np.ndarray:
    """The pixels of a PNG in a data: URL."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))))


def pytest_report_header() -> str:
    if MNIST_FOLDER:
        return f"data: MNIST in {MNIST_FOLDER}"
    return "data: practice digits; MNIST_DEMO_DATA is unset, so the tests of our figures on real MNIST are skipped"


@pytest.fixture(scope="session")
def practice() -> Data:
    return practice_data(train=600, test=200)


@pytest.fixture(scope="session")
def mnist() -> Data:
    if not MNIST_FOLDER:
        pytest.skip("needs real MNIST: set MNIST_DEMO_DATA to a folder that holds MNIST/raw")
    return data_module.load_mnist(Path(MNIST_FOLDER))


@pytest.fixture(scope="session")
def pen_digits() -> list[PenDigit]:
    if not MNIST_FOLDER or not (Path(MNIST_FOLDER) / pendigits.FILE).is_file():
        pytest.skip("needs UCI's pen digits: set MNIST_DEMO_DATA to a folder that holds pendigits")
    return pendigits.load_pen_digits(Path(MNIST_FOLDER))


@pytest.fixture
def few_writers(monkeypatch: pytest.MonkeyPatch) -> list[PenDigit]:
    """Ten digits each of writers 1, 24 and 30, and few drawings of other kinds to train on beside them."""
    for name in ("PRACTICE", "NO_DIGITS", "SEVERALS"):
        monkeypatch.setattr(handwriting, name, 20)
    rng = np.random.default_rng(0)
    return [PenDigit(digit, writer, practice_paths(digit, rng)) for writer in (1, 24, 30) for digit in range(10)]


@pytest.fixture
def recipe() -> Recipe:
    return Recipe("test", network="784-10", optimizer="SGD", lr=0.1, batch_size=50, epochs=2)


@pytest.fixture
def checkpoint(tmp_path: Path, recipe: Recipe) -> Path:
    """A checkpoint of an untrained network."""
    path = tmp_path / "test.safetensors"
    save_checkpoint(path, recipe.build(), record_of(recipe))
    return path


def request_of(session: str | None, address: str = "127.0.0.1") -> Any:
    """What Gradio tells a handler of a page's request."""
    return SimpleNamespace(session_hash=session, client=SimpleNamespace(host=address))


def record_of(recipe: Recipe) -> Record:
    return Record(
        recipe=recipe,
        data_source="practice digits",
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


def draw(
    name: str = "closed 4", side: int = 300, ink: int = 20, paper: int = 235, box: float = 0.5, width: float = 0.14
) -> Image.Image:
    """A design drawn on a gray picture, off its centre, with a pen as wide as that share of the digit's box."""
    picture = Image.new("L", (side, side), paper)
    pen = ImageDraw.Draw(picture)
    for stroke in design_strokes(name):
        points = [(side * (0.1 + box * x / 100), side * (0.3 + box * y / 100)) for x, y in stroke]
        pen.line(points, fill=ink, width=round(side * box * width), joint="curve")
    return picture


def write_idx(path: Path, tensor: torch.Tensor) -> None:
    """A uint8 tensor in the format of MNIST's files."""
    header = struct.pack(f">I{tensor.ndim}I", 0x800 + tensor.ndim, *tensor.shape)
    path.write_bytes(header + tensor.to(torch.uint8).numpy().tobytes())


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, practice: Data) -> Path:
    """A data folder with files like MNIST's, but small; the sizes and checksums that are asked for are theirs."""
    folder = tmp_path / "data"
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix, digits in (("train", practice.train), ("t10k", practice.test)):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", digits.images[:, 0])
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", digits.labels)
    files = {path.name: (path.stat().st_size, hashlib.md5(path.read_bytes()).hexdigest()) for path in raw.iterdir()}
    monkeypatch.setattr(data_module, "MNIST_FILES", files)
    return folder


class Mirror:
    """A local server of packed MNIST files that can also misbehave, as `mode` says."""

    def __init__(self, files: dict[str, bytes]):
        mirror = self
        self.mode = "good"
        self.requests = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.requests += 1
                body = files[self.path.strip("/")]
                if mirror.mode == "silent":
                    release.wait(10)
                    return
                if mirror.mode == "forbidden":
                    return self.send_error(403)
                if mirror.mode == "page":
                    body = b"<html>Please log in</html>"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if mirror.mode == "drip":
                    for i in range(100):
                        self.wfile.write(body[i : i + 1])
                        if release.wait(0.1):
                            return
                self.wfile.write(body[: len(body) // 2] if mirror.mode == "cut off" else body)

            def log_message(self, *_: object) -> None:
                pass

        release = self._release = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._release.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mirror(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror of the files of `small_mnist`; torchvision's checksums are those of its packed files."""
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
    """As on a machine without a network: nothing listens where MNIST is looked for."""
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes meanwhile, as on a full disk."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(
    data: str | Path, port: int = 0, may_complain: bool = False, program: Sequence[str] = ("app.py",)
) -> Iterator[str]:
    """The app, started as a visitor would start it, on a port that is free or the one given; gives its address.

    It must leave no traceback, unless it `may_complain`. `program` is what Python runs.
    """
    port = port or free_port()
    command = [sys.executable, *program, "--port", str(port), "--data", str(data)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        with subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
            try:
                wait_for(port, process)
                yield f"http://127.0.0.1:{port}/"
            finally:
                process.terminate()
        log.seek(0)
        assert may_complain or "Traceback" not in (printed := log.read()), printed


def wait_for(port: int, process: subprocess.Popen) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the app ended before it served its page")


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The app's address, with practice digits."""
    with served("practice") as address:
        yield address
