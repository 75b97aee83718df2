import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mnist_demo.data.mnist import MNIST_FILES
from tests.browser import find_pad, open_pad, watch
from tests.e2e.browse_tab import CELLS, SUMMARY
from tests.e2e.conftest import Visit
from tests.served_app import serve_app


@pytest.mark.slow
def test_the_banner_explains_synthetic_digits_and_offers_a_retry(browser: Browser, tmp_path: Path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in MNIST_FILES:
        (raw / name).write_bytes(b"no digits")
    with serve_app(tmp_path) as app_url:
        page = browser.new_page()
        check = watch(page, app_url)
        open_pad(page, app_url)
        expect(page.locator("#banner")).to_be_hidden()
        page.get_by_role("tab", name="Browse").click()
        banner = page.locator("#banner")
        expect(banner).to_contain_text("MNIST is missing here, so these digits are computer-made.")
        expect(banner).to_contain_text("train-images-idx3-ubyte is damaged: it has 9 bytes instead of 47,040,016")
        expect(banner).to_contain_text("How to add MNIST")
        assert str(tmp_path) not in page.content()
        page.get_by_role("tab", name="Draw").click()
        expect(banner).to_be_hidden()  # drawing needs no dataset
        page.get_by_role("tab", name="Browse").click()
        if folder := os.environ.get("MNIST_DEMO_DATA"):
            for name in MNIST_FILES:
                shutil.copyfile(Path(folder) / "MNIST" / "raw" / name, raw / name)
            page.locator("#retry").click()
            expect(banner).to_be_hidden()
            expect(page.locator(SUMMARY)).to_contain_text(re.compile(r"of 10,000 wrong[\s\S]* MNIST, test set"))
        page.close()
        check()


# At 390 the pad is 300 pixels wide, like a new canvas.
@pytest.mark.parametrize("width", [390, *(pytest.param(width, marks=pytest.mark.slow) for width in (320, 1280))])
def test_the_page_fits_the_screen(visit: Visit, width: int):
    page = visit(width=width, height=844)
    find_pad(page)
    shape = "() => { const { width, height } = document.querySelector('#pad canvas'); return width / height; }"
    assert page.evaluate(shape) == 1
    for tab in ("Draw", "Browse", "Train"):
        page.get_by_role("tab", name=tab).click()
        if tab == "Browse":
            expect(page.locator(CELLS)).to_have_count(100)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.slow
def test_the_page_is_english_in_a_german_browser(visit: Visit):
    page = visit(locale="de-DE")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_text("Use via API")).to_be_visible()


@pytest.mark.slow
def test_a_sandboxed_frame_says_what_it_needs(browser: Browser, app_url: str):
    page = browser.new_page()
    page.set_content(f'<iframe sandbox="allow-scripts" src="{app_url}"></iframe>')
    body = page.frame_locator("iframe").locator("body")
    expect(body).to_contain_text("must contain allow-scripts and allow-same-origin")
    page.close()
