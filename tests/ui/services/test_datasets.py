import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_demo.data import Dataset
from mnist_demo.errors import DataError, InputError
from mnist_demo.ui.services import datasets
from mnist_demo.ui.services.datasets import Datasets
from tests.mirror import Mirror


@pytest.fixture(autouse=True)
def few_synthetic_digits(monkeypatch: pytest.MonkeyPatch, synthetic: Dataset) -> None:
    monkeypatch.setattr(datasets, "synthetic_dataset", lambda: synthetic)
    monkeypatch.setattr(datasets, "POLL_SECONDS", 0.01)


def test_nothing_is_loaded_before_it_is_needed(mirror: Mirror, tmp_path: Path):
    assert Datasets(tmp_path / "new").loaded is None and mirror.requests == 0


def test_mnist_is_loaded_from_its_folder(small_mnist: Path):
    data = Datasets(small_mnist)
    assert data.get().name == "MNIST"
    assert data.loaded is not None and data.loaded.problem == ""


def test_missing_mnist_is_downloaded_and_the_progress_reported(small_mnist: Path, tmp_path: Path):
    halfway, go_on = threading.Event(), threading.Event()

    def download(folder: Path, report: Callable[[float], None]) -> None:
        report(0.5)
        halfway.set()
        go_on.wait(10)
        shutil.copytree(small_mnist, folder)

    data = Datasets(tmp_path / "new", download)
    statuses = data.load()
    next(statuses)
    halfway.wait(10)
    assert next(statuses) == "Downloading MNIST, 50%…"
    go_on.set()
    assert data.get().name == "MNIST"


def test_synthetic_digits_replace_mnist_with_the_reason_until_a_retry_finds_it(
    no_mirror: None, small_mnist: Path, tmp_path: Path, synthetic: Dataset
):
    folder = tmp_path / "later"
    data = Datasets(folder)
    assert data.get() is synthetic
    assert data.loaded is not None and "train-images-idx3-ubyte.gz could not be downloaded" in data.loaded.problem
    assert str(tmp_path) not in data.loaded.problem
    shutil.copytree(small_mnist, folder, dirs_exist_ok=True)
    assert data.get() is synthetic  # without a retry
    list(data.load(retry=True))
    assert data.get().name == "MNIST" and data.loaded.problem == ""


def test_only_the_client_that_retries_waits(tmp_path: Path, synthetic: Dataset):
    go_on, attempts = threading.Event(), iter([1, 2])

    def download(folder: Path, report: object) -> None:
        if next(attempts) == 2:
            go_on.wait(30)
        raise DataError("No mirror has it.", "Try later.")

    data = Datasets(tmp_path, download)
    assert data.get() is synthetic
    retrying = data.load(retry=True)
    next(retrying)
    assert list(data.load()) == [] and data.get() is synthetic and data._loading
    go_on.set()
    list(retrying)
    assert not data._loading


def test_synthetic_digits_replace_a_damaged_mnist_with_the_reason(small_mnist: Path, synthetic: Dataset):
    (small_mnist / "MNIST/raw/t10k-labels-idx1-ubyte").write_bytes(b"short")
    data = Datasets(small_mnist)
    assert data.get() is synthetic
    assert data.loaded is not None and "t10k-labels-idx1-ubyte is damaged" in data.loaded.problem


def test_synthetic_digits_can_be_requested(synthetic: Dataset):
    data = Datasets(None)
    assert data.get() is synthetic
    loaded = data.loaded
    assert loaded is not None and loaded.problem == "The app was started with synthetic digits."
    assert list(data.load(retry=True)) == [] and data.loaded is loaded  # a retry has nothing to find


def test_many_waiting_clients_share_one_load(monkeypatch: pytest.MonkeyPatch, synthetic: Dataset):
    calls: list[int] = []
    go_on = threading.Event()

    def create() -> Dataset:
        calls.append(1)
        go_on.wait(10)
        return synthetic

    monkeypatch.setattr(datasets, "synthetic_dataset", create)
    data = Datasets(None)
    waiting = [data.load() for _ in range(3)]
    for statuses in waiting:
        next(statuses)  # all three wait before the load ends
    go_on.set()
    assert data.get() is synthetic and len(calls) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failed_load_gives_an_error_and_is_tried_again(monkeypatch: pytest.MonkeyPatch, synthetic: Dataset):
    def fail() -> Dataset:
        raise MemoryError

    data = Datasets(None)
    with monkeypatch.context() as patch:
        patch.setattr(datasets, "synthetic_dataset", fail)
        with pytest.raises(InputError, match=r"^The digits could not be loaded; see the server's log\.$"):
            data.get()
        for thread in threading.enumerate():
            if thread.name == "load data":
                thread.join()  # so that the traceback belongs to this test
    assert data.get() is synthetic
