import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mnist_demo.data import MNIST_FILES
from tests.browser import open_pad, watch
from tests.conftest import served
from tests.page.test_browse import CELLS, SUMMARY


def test_practice_digits_are_labelled_with_the_reason_and_a_retry(browser: Browser, tmp_path: Path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in MNIST_FILES:
        (raw / name).write_bytes(b"no digits")
    with served(tmp_path) as address:
        watched = watch(browser.new_page(), address)
        page = next(watched)
        expect(page.locator("#banner")).to_be_hidden()
        page.get_by_role("tab", name="Browse").click()
        banner = page.locator("#banner")
        expect(banner).to_contain_text("These are practice digits, not MNIST.")
        expect(banner).to_contain_text("train-images-idx3-ubyte is damaged: it has 9 bytes instead of 47,040,016")
        expect(banner).to_contain_text("To place MNIST by hand")
        assert str(tmp_path) not in page.content()
        page.get_by_role("tab", name="Draw").click()
        expect(banner).to_be_hidden()  # drawing needs no data
        page.get_by_role("tab", name="Browse").click()
        if place := os.environ.get("MNIST_DEMO_DATA"):
            for name in MNIST_FILES:
                shutil.copyfile(Path(place) / "MNIST" / "raw" / name, raw / name)
            page.locator("#retry").click()
            expect(banner).to_be_hidden()
            expect(page.locator(SUMMARY)).to_contain_text(re.compile(r"of 10,000 right: .* \(MNIST, test set\)"))
        next(watched, None)


@pytest.mark.parametrize("width", [320, 390, 1280])  # at 390 the pad is 300 pixels wide, as a fresh canvas is
def test_the_page_fits_any_screen(browser: Browser, address: str, width: int):
    page = browser.new_page(viewport={"width": width, "height": 844})
    open_pad(page, address)
    shape = "() => { const { width, height } = document.querySelector('#pad canvas'); return width / height; }"
    assert page.evaluate(shape) == 1
    for tab in ("Draw", "Browse", "Train"):
        page.get_by_role("tab", name=tab).click()
        if tab == "Browse":
            expect(page.locator(CELLS)).to_have_count(100)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.close()
