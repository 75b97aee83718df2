"""Fixtures: the page in a real browser."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium, find_chromium, watch

expect.set_options(timeout=30_000)  # ms; for busy machines

NO_BROWSER = "NO BROWSER: the page was not tested. Install Chromium (Debian: apt-get install chromium)."


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not find_chromium():
        pytest.fail(NO_BROWSER) if os.environ.get("CI") else pytest.skip(NO_BROWSER)
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    """Yield the open page. Fail if it reports errors or requests anything from other hosts."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield from watch(page, app_url)
