import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision.datasets import MNIST

from mnist_demo import data as data_module
from mnist_demo.data import Data, Digits, batches, download_mnist, load_mnist, missing_files, practice_data
from mnist_demo.errors import DataError
from tests.conftest import ROOT, Mirror, no_room


def test_mnist_files_become_whole_tensors(small_mnist: Path, practice: Data):
    data = load_mnist(small_mnist)
    assert data.name == "MNIST"
    assert data.train.images.dtype == torch.uint8 and data.train.images.shape == (600, 1, 28, 28)
    assert data.train.labels.dtype == torch.int64 and data.train.labels.shape == (600,)
    assert torch.equal(data.test.images, practice.test.images) and torch.equal(data.test.labels, practice.test.labels)


def test_absent_files_are_named_with_where_to_put_them(small_mnist: Path):
    (small_mnist / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte\. To place MNIST by hand") as caught:
        load_mnist(small_mnist)
    assert str(small_mnist / "MNIST" / "raw") in str(caught.value)
    assert str(small_mnist) not in caught.value.reason


def test_a_truncated_file_is_named_by_its_size(small_mnist: Path):
    path = small_mnist / "MNIST/raw/train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte is damaged: it has 470,316 bytes instead of 470,416"):
        load_mnist(small_mnist)


def test_an_altered_file_is_named_by_its_checksum(small_mnist: Path):
    path = small_mnist / "MNIST/raw/t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is damaged: its MD5 checksum is not"):
        load_mnist(small_mnist)


def test_download_fetches_what_is_absent_and_reports_its_share(small_mnist: Path, mirror: Mirror, tmp_path: Path):
    shares: list[float] = []
    download_mnist(tmp_path / "new", report=shares.append)
    assert missing_files(tmp_path / "new") == []
    assert load_mnist(tmp_path / "new").checksum == load_mnist(small_mnist).checksum
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 4
    before = mirror.requests
    (tmp_path / "new/MNIST/raw/t10k-images-idx3-ubyte").unlink()
    download_mnist(tmp_path / "new")
    assert mirror.requests == before + 1


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("forbidden", "403"),
        ("page", "MD5 checksum differs"),
        ("cut off", "MD5 checksum differs"),
        ("silent", "timed out"),
    ],
)
def test_a_bad_mirror_is_given_up_with_its_reason_and_leaves_nothing(
    mirror: Mirror, tmp_path: Path, mode: str, reason: str
):
    mirror.mode = mode
    with pytest.raises(DataError, match=f"could not be downloaded .*{reason}"):
        download_mnist(tmp_path / "new", silence=0.3)
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == []


def test_a_mirror_that_drips_is_given_up_in_time(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(data_module, "FILE_SECONDS", 0.2)
    mirror.mode = "drip"
    with pytest.raises(DataError, match=r"not done after 0\.2 s"):
        download_mnist(tmp_path / "new")


def test_a_mirror_that_sends_without_end_is_given_up(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(data_module, "MAX_FILE_BYTES", 100)
    with pytest.raises(DataError, match="it has more than 100 bytes"):
        download_mnist(tmp_path / "new")


def test_a_folder_that_cannot_be_written_is_told_from_a_bad_mirror(mirror: Mirror, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"The data folder cannot be written \(Not a directory\)") as caught:
        download_mnist(tmp_path / "file")
    assert mirror.url not in str(caught.value) and str(tmp_path) not in caught.value.reason


def test_a_full_disk_is_told_from_a_bad_mirror(mirror: Mirror, tmp_path: Path):
    with no_room(100), pytest.raises(DataError, match=r"The data folder cannot be written \(File too large\)"):
        download_mnist(tmp_path / "new")
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == []


DOWNLOAD = """
import json, sys
from pathlib import Path
from torchvision.datasets import MNIST
from mnist_demo import data
folder, files, MNIST.resources, MNIST.mirrors = map(json.loads, sys.argv[1:])
data.MNIST_FILES = files
data.download_mnist(Path(folder))
"""


def test_two_processes_may_download_at_once(small_mnist: Path, mirror: Mirror, tmp_path: Path):
    told = [str(tmp_path / "new"), data_module.MNIST_FILES, MNIST.resources, MNIST.mirrors]
    command = [sys.executable, "-c", DOWNLOAD, *map(json.dumps, told)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert load_mnist(tmp_path / "new").checksum == load_mnist(small_mnist).checksum
    assert len(list((tmp_path / "new/MNIST/raw").iterdir())) == 4


def test_a_pickle_beside_the_files_is_not_opened(small_mnist: Path, practice: Data):
    (small_mnist / "MNIST" / "processed").mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(5, 28, 28, dtype=torch.uint8), torch.zeros(5)), small_mnist / "MNIST/processed" / name)
    assert torch.equal(load_mnist(small_mnist).train.images, practice.train.images)


def test_the_next_mirror_is_tried_when_one_fails(mirror: Mirror, tmp_path: Path):
    download_mnist(tmp_path / "new", mirrors=["http://127.0.0.1:9/", mirror.url])
    assert missing_files(tmp_path / "new") == []


def test_batches_hold_every_digit_once_as_floats(practice: Data):
    images, labels = zip(*batches(practice.test, 64, torch.Generator().manual_seed(1)), strict=True)
    assert [len(batch) for batch in labels] == [64, 64, 64, 8]
    assert images[0].dtype == torch.float32 and images[0].shape == (64, 1, 28, 28)
    assert images[0].min() == 0 and images[0].max() == 1
    together = torch.cat(images).mul(255).round().to(torch.uint8).flatten(1)
    assert sorted(map(bytes, together.numpy())) == sorted(map(bytes, practice.test.images.flatten(1).numpy()))
    assert not torch.equal(torch.cat(labels), practice.test.labels)


def test_batches_keep_the_stored_order_without_a_generator_and_drop_a_short_last_one(practice: Data):
    labels = [labels for _, labels in batches(practice.test, 64, drop_last=True)]
    assert torch.equal(torch.cat(labels), practice.test.labels[:192])


def test_practice_digits_are_the_same_each_time_and_differ_between_training_and_test():
    data = practice_data(train=40, test=40)
    assert data.checksum == practice_data(train=40, test=40).checksum
    assert data.train.labels.bincount().tolist() == [4] * 10
    assert not torch.equal(data.train.images, data.test.images)
    assert data.name == "practice digits"


def test_digits_can_be_cut(practice: Data):
    part = practice.train[10:30]
    assert isinstance(part, Digits) and len(part) == 20
    assert torch.equal(part.images, practice.train.images[10:30])


def test_real_mnist_is_mnist(mnist: Data):
    assert (len(mnist.train), len(mnist.test)) == (60_000, 10_000)
    assert mnist.train.images.double().mean().item() / 255 == pytest.approx(0.1306604762738429)
    assert mnist.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
