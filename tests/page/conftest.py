"""The page in a real browser."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium, find_chromium, watch

expect.set_options(timeout=30_000)  # of a condition that comes true at once on a machine that is not busy

NO_BROWSER = "NO BROWSER: the page was not tested. Install Chromium (Debian: apt-get install chromium)."


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not find_chromium():
        pytest.fail(NO_BROWSER) if os.environ.get("CI") else pytest.skip(NO_BROWSER)
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The open page, which must stay free of errors and ask nothing of other hosts."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield from watch(page, address)
