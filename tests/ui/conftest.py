from pathlib import Path

import pytest

from mnist_demo import devices
from mnist_demo.data import Dataset
from mnist_demo.ui import browse_tab, explain_panel
from mnist_demo.ui.services import Services, jobs
from mnist_demo.ui.services.datasets import Datasets, Loaded


@pytest.fixture
def services(synthetic: Dataset) -> Services:
    """Return the page's services with loaded synthetic digits."""
    datasets = Datasets(None)
    datasets.loaded = Loaded(synthetic)
    return Services(datasets, train_seconds=60)


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder in which Gradio stores uploads."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


@pytest.fixture(autouse=True)
def share_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let background work take one core at normal priority; it would wait for the tests of other processes."""
    for module in (devices, jobs, browse_tab, explain_panel):
        monkeypatch.setattr(module, "CPU_COUNT", 1)
    for module in (devices, jobs):
        monkeypatch.setattr(module, "lower_priority", lambda: None)
