"""Commands use a small synthetic dataset."""

import pytest

from mnist_demo import cli
from mnist_demo.data import Dataset


@pytest.fixture(autouse=True)
def small_synthetic_dataset(monkeypatch: pytest.MonkeyPatch, synthetic: Dataset):
    monkeypatch.setattr(cli, "synthetic_dataset", lambda: synthetic)
