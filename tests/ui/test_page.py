from pathlib import Path

import pytest

from mnist_demo.data import Dataset
from mnist_demo.data.mnist import MNIST_FILES
from mnist_demo.errors import DataError
from mnist_demo.ui import Banner, Page, build_page
from mnist_demo.ui.services import Services, datasets
from mnist_demo.ui.services.datasets import Datasets, Loaded
from tests.conftest import run_async

ELEMENTS = (
    *("title", "banner", "retry", "draw-tab", "browse-tab", "train-tab", "teach-tab"),
    *("pad", "prediction", "draw-model", "explanation", "photo", "photo-prediction", "digit-browser"),
    *("recipe", "recipe-summary", "hyperparameters", "batch", "start", "stop", "upload"),
    *("training-monitor", "user-digits"),
    *(f"field-{name}" for name in ("epochs", "batch-size", "lr", "optimizer", "momentum", "augmentation")),
    *("field-train-fraction", "field-seed"),
)  # ids that the page's scripts, its style and the browser's tests use


def test_the_page_has_the_elements_that_its_scripts_use_before_the_dataset_is_loaded():
    services = Services.create(None, train_slots=2, train_seconds=5)

    async def build() -> Page:  # without a running event loop, Gradio leaves one of its own
        return build_page(services)

    page = run_async(build())
    ids = {component["props"].get("elem_id") for component in page.blocks.config["components"]}
    assert set(ELEMENTS) <= ids
    assert [route.path for route in page.routes] == ["/weights/{key:path}", "/card.png"]
    assert all(path.is_file() for path in page.style["css_paths"])
    assert services.datasets.loaded is None and services.train_seconds == 5


def test_there_is_no_banner_for_mnist(synthetic: Dataset):
    data = Datasets(None)
    for loaded in (None, Loaded(synthetic)):  # None: not loaded yet
        data.loaded = loaded
        box, text, _ = Banner(Services(data)).update()
        assert not box.visible and text == ""


def test_the_banner_says_why_synthetic_digits_replace_mnist(tmp_path: Path, synthetic: Dataset):
    data = Datasets(tmp_path)
    data.loaded = Loaded(synthetic, "No mirror has it.")
    box, text, retry = Banner(Services(data)).update()
    assert box.visible and retry.visible
    heading, how_to = text.split("<details>")
    assert heading.strip() == "**MNIST is missing here, so these digits are computer-made.**"
    assert "No mirror has it." in how_to
    assert all(name in text for name in MNIST_FILES) and str(tmp_path) not in text


def test_the_banner_offers_no_retry_if_synthetic_digits_were_requested(synthetic: Dataset):
    data = Datasets(None)
    data.loaded = Loaded(synthetic, "The app was started with synthetic digits.")
    box, text, retry = Banner(Services(data)).update()
    assert box.visible and not retry.visible and "Retry" not in text


def test_retry_reports_its_progress(tmp_path: Path, synthetic: Dataset, monkeypatch: pytest.MonkeyPatch):
    def download(folder: Path, report: object) -> None:
        raise DataError("Still no mirror has it.", "Try later.")

    monkeypatch.setattr(datasets, "POLL_SECONDS", 0.01)
    data = Datasets(tmp_path, download)
    data.loaded = Loaded(synthetic, "No mirror has it.")
    banner = Banner(Services(data))
    assert all(status.endswith("…") for status in banner.retry())
    assert "Still no mirror has it." in banner.update()[1]
