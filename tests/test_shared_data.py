import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_demo.data import Data
from mnist_demo.errors import DataError
from mnist_demo.ui import shared_data
from mnist_demo.ui.shared_data import SharedData
from tests.conftest import Mirror


@pytest.fixture(autouse=True)
def little_practice_data(monkeypatch: pytest.MonkeyPatch, practice: Data):
    monkeypatch.setattr(shared_data, "practice_data", lambda: practice)


def test_nothing_is_loaded_before_it_is_needed(mirror: Mirror, tmp_path: Path):
    assert SharedData(tmp_path / "new").loaded is None and mirror.requests == 0


def test_mnist_is_loaded_from_its_folder(small_mnist: Path):
    data = SharedData(small_mnist)
    assert data.get().name == "MNIST"
    assert data.loaded is not None and data.loaded.problem == ""


def test_absent_mnist_is_downloaded_with_its_progress_told(small_mnist: Path, tmp_path: Path):
    halfway, go_on = threading.Event(), threading.Event()

    def download(folder: Path, report: Callable[[float], None]) -> None:
        report(0.5)
        halfway.set()
        go_on.wait(10)
        shutil.copytree(small_mnist, folder)

    data = SharedData(tmp_path / "new", download)
    lines = data.follow()
    next(lines)
    halfway.wait(10)
    assert next(lines) == "Downloading MNIST, 50%…"
    go_on.set()
    assert data.get().name == "MNIST"


def test_practice_digits_stand_in_with_the_reason_until_a_retry_finds_mnist(
    no_mirror: None, small_mnist: Path, tmp_path: Path
):
    folder = tmp_path / "later"
    data = SharedData(folder)
    assert data.get().name == "practice digits"
    assert data.loaded is not None and "train-images-idx3-ubyte.gz could not be downloaded" in data.loaded.problem
    assert str(tmp_path) not in data.loaded.problem
    shutil.copytree(small_mnist, folder, dirs_exist_ok=True)
    assert data.get().name == "practice digits"  # not looked for unless asked to
    list(data.follow(again=True))
    assert data.get().name == "MNIST" and data.loaded.problem == ""


def test_nobody_else_waits_while_one_looks_again(tmp_path: Path):
    is_there, looks = threading.Event(), iter([True, False])

    def download(folder: Path, report: object) -> None:
        if not next(looks):
            is_there.wait(30)
        raise DataError("No mirror has it.", "Try later.")

    data = SharedData(tmp_path, download)
    assert data.get().name == "practice digits"
    again = data.follow(again=True)
    next(again)
    assert list(data.follow()) == [] and data.get().name == "practice digits" and data._loading
    is_there.set()
    list(again)
    assert not data._loading


def test_a_damaged_file_is_told_and_practice_digits_stand_in(small_mnist: Path):
    (small_mnist / "MNIST/raw/t10k-labels-idx1-ubyte").write_bytes(b"short")
    data = SharedData(small_mnist)
    assert data.get().name == "practice digits"
    assert data.loaded is not None and "t10k-labels-idx1-ubyte is damaged" in data.loaded.problem


def test_practice_digits_can_be_asked_for():
    data = SharedData(None)
    assert data.get().name == "practice digits"
    made = data.loaded
    assert made is not None and made.problem == "The app was started with practice digits."
    assert list(data.follow(again=True)) == [] and data.loaded is made  # nothing else may turn up


def test_many_that_wait_share_one_load(monkeypatch: pytest.MonkeyPatch, practice: Data):
    calls: list[int] = []
    go_on = threading.Event()

    def load() -> Data:
        calls.append(1)
        go_on.wait(10)
        return practice

    monkeypatch.setattr(shared_data, "practice_data", load)
    data = SharedData(None)
    waiting = [data.follow() for _ in range(3)]
    for lines in waiting:
        next(lines)  # all three have asked before the first load is done
    go_on.set()
    assert data.get() is practice and len(calls) == 1
