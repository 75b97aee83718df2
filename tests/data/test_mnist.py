import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision.datasets import MNIST

from mnist_demo.data import Dataset, Digits, batches
from mnist_demo.data import mnist as mnist_module
from mnist_demo.data.mnist import download_mnist, load_mnist, missing_files
from mnist_demo.data.synthetic import synthetic_dataset
from mnist_demo.errors import DataError
from tests.conftest import ROOT, limit_file_size
from tests.mirror import Mirror


def test_mnist_files_load_as_tensors(small_mnist: Path, synthetic: Dataset):
    data = load_mnist(small_mnist)
    assert data.name == "MNIST"
    assert data.train.images.dtype == torch.uint8 and data.train.images.shape == (600, 1, 28, 28)
    assert data.train.labels.dtype == torch.int64 and data.train.labels.shape == (600,)
    assert torch.equal(data.test.images, synthetic.test.images) and torch.equal(data.test.labels, synthetic.test.labels)


def test_missing_files_raise_an_error_that_says_where_to_put_them(small_mnist: Path):
    (small_mnist / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte\. To place MNIST by hand") as caught:
        load_mnist(small_mnist)
    assert str(small_mnist / "MNIST" / "raw") in str(caught.value)
    assert str(small_mnist) not in caught.value.reason


def test_a_truncated_file_raises_an_error_with_its_size(small_mnist: Path):
    path = small_mnist / "MNIST/raw/train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte is damaged: it has 470,316 bytes instead of 470,416"):
        load_mnist(small_mnist)


def test_an_altered_file_raises_an_error_with_its_checksum(small_mnist: Path):
    path = small_mnist / "MNIST/raw/t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is damaged: its MD5 checksum is not"):
        load_mnist(small_mnist)


def test_download_fetches_missing_files_and_reports_its_progress(small_mnist: Path, mirror: Mirror, tmp_path: Path):
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
def test_a_bad_mirror_raises_an_error_with_its_reason_and_leaves_no_files(
    mirror: Mirror, tmp_path: Path, mode: str, reason: str
):
    mirror.mode = mode
    with pytest.raises(DataError, match=f"could not be downloaded .*{reason}"):
        download_mnist(tmp_path / "new", timeout=0.3)
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == []


def test_a_slow_mirror_is_abandoned_at_the_time_limit(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mnist_module, "FILE_TIMEOUT", 0.2)
    mirror.mode = "drip"
    with pytest.raises(DataError, match=r"not finished after 0\.2 s"):
        download_mnist(tmp_path / "new")


def test_a_mirror_that_sends_too_much_is_abandoned(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mnist_module, "MAX_FILE_BYTES", 100)
    with pytest.raises(DataError, match="it has more than 100 bytes"):
        download_mnist(tmp_path / "new")


def test_a_read_only_folder_is_reported_instead_of_a_bad_mirror(mirror: Mirror, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"The data folder cannot be written \(Not a directory\)") as caught:
        download_mnist(tmp_path / "file")
    assert mirror.url not in str(caught.value) and str(tmp_path) not in caught.value.reason


def test_a_full_disk_is_reported_instead_of_a_bad_mirror(mirror: Mirror, tmp_path: Path):
    with limit_file_size(100), pytest.raises(DataError, match=r"The data folder cannot be written \(File too large\)"):
        download_mnist(tmp_path / "new")
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == []


DOWNLOAD = """
import json, sys
from pathlib import Path
from torchvision.datasets import MNIST
from mnist_demo.data import mnist
folder, mnist.MNIST_FILES, MNIST.resources, MNIST.mirrors = map(json.loads, sys.argv[1:])
mnist.download_mnist(Path(folder))
"""


@pytest.mark.slow
def test_two_processes_can_download_at_once(small_mnist: Path, mirror: Mirror, tmp_path: Path):
    arguments = [str(tmp_path / "new"), mnist_module.MNIST_FILES, MNIST.resources, MNIST.mirrors]
    command = [sys.executable, "-c", DOWNLOAD, *map(json.dumps, arguments)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert load_mnist(tmp_path / "new").checksum == load_mnist(small_mnist).checksum
    assert len(list((tmp_path / "new/MNIST/raw").iterdir())) == 4


def test_a_pickle_beside_the_files_is_not_loaded(small_mnist: Path, synthetic: Dataset):
    (small_mnist / "MNIST" / "processed").mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(5, 28, 28, dtype=torch.uint8), torch.zeros(5)), small_mnist / "MNIST/processed" / name)
    assert torch.equal(load_mnist(small_mnist).train.images, synthetic.train.images)


def test_the_next_mirror_is_tried_after_a_failure(mirror: Mirror, tmp_path: Path):
    download_mnist(tmp_path / "new", mirrors=["http://127.0.0.1:9/", mirror.url])
    assert missing_files(tmp_path / "new") == []


def test_batches_contain_every_digit_once_as_floats(synthetic: Dataset):
    images, labels = zip(*batches(synthetic.test, 64, torch.Generator().manual_seed(1)), strict=True)
    assert [len(batch) for batch in labels] == [64, 64, 64, 8]
    assert images[0].dtype == torch.float32 and images[0].shape == (64, 1, 28, 28)
    assert images[0].min() == 0 and images[0].max() == 1
    pixels = torch.cat(images).mul(255).round().to(torch.uint8).flatten(1)
    assert sorted(map(bytes, pixels.numpy())) == sorted(map(bytes, synthetic.test.images.flatten(1).numpy()))
    assert not torch.equal(torch.cat(labels), synthetic.test.labels)


def test_batches_without_a_generator_keep_the_order_and_can_drop_the_last(synthetic: Dataset):
    labels = [labels for _, labels in batches(synthetic.test, 64, drop_last=True)]
    assert torch.equal(torch.cat(labels), synthetic.test.labels[:192])


def test_synthetic_digits_are_reproducible_and_differ_between_training_and_test():
    data = synthetic_dataset(train=40, test=40)
    assert data.checksum == synthetic_dataset(train=40, test=40).checksum
    assert data.train.labels.bincount().tolist() == [4] * 10
    assert not torch.equal(data.train.images, data.test.images)
    assert data.name == "synthetic digits"


def test_digits_can_be_sliced(synthetic: Dataset):
    part = synthetic.train[10:30]
    assert isinstance(part, Digits) and len(part) == 20
    assert torch.equal(part.images, synthetic.train.images[10:30])


def test_mnist_has_the_published_size_and_statistics(mnist: Dataset):
    assert (len(mnist.train), len(mnist.test)) == (60_000, 10_000)
    assert mnist.train.images.double().mean().item() / 255 == pytest.approx(0.1306604762738429)
    assert mnist.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
