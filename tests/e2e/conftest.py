"""Fixtures: the page in a real browser."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import chromium, find_chromium, watch

expect.set_options(timeout=60_000)  # ms; for busy machines

NO_BROWSER = "NO BROWSER: the page was not tested. Install Chromium (Debian: apt-get install chromium)."


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not find_chromium():
        pytest.fail(NO_BROWSER) if os.environ.get("CI") else pytest.skip(NO_BROWSER)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def context(browser: Browser) -> BrowserContext:
    """Return a context whose pages share a cache: a new context takes a third longer to open the page."""
    return browser.new_context(viewport={"width": 1280, "height": 900})


@pytest.fixture
def page(context: BrowserContext, app_url: str) -> Iterator[Page]:
    """Yield the open page, without stored data. Fail if it reports errors or requests anything from other hosts."""
    page = context.new_page()
    stored = {"origin": app_url.rstrip("/"), "storageTypes": "local_storage"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", stored)
    yield from watch(page, app_url)
    context.set_offline(False)
