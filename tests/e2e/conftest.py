"""Fixtures: the page in a real browser."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import FINAL_PREDICTION, choose, chromium, find_chromium, find_pad, watch

expect.set_options(timeout=60_000)  # ms; for busy machines

NO_BROWSER = "NO BROWSER: the page was not tested. Install Chromium (Debian: apt-get install chromium)."
WIDTH, HEIGHT = 1280, 900
PHONE: dict[str, Any] = {"width": 390, "height": 664, "has_touch": True, "is_mobile": True, "device_scale_factor": 3}
MEDIA = {"reduced_motion", "forced_colors"}  # options of a page; others are those of its context

Visit = Callable[..., Page]
slow = pytest.mark.slow
# Tests that leave nothing behind but a drawing: they share a page, which saves the time to open one.
keeps_page = pytest.mark.keeps_page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not find_chromium():
        pytest.fail(NO_BROWSER) if os.environ.get("CI") else pytest.skip(NO_BROWSER)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def new_page(browser: Browser, app_url: str) -> Visit:
    """Return a function that creates an empty page without stored data.

    Pages with the same options of a context are popups of one page there. They share a cache, and a process that keeps
    compiled scripts: without these, the app takes twice as long to open.
    """
    find_opener = cache(lambda **options: browser.new_context(**options).new_page())

    def new_page(width: int = WIDTH, height: int = HEIGHT, **options: Any) -> Page:
        media = {name: options.pop(name) for name in MEDIA & options.keys()}
        opener = find_opener(**options)
        with opener.expect_popup() as popup:
            opener.evaluate("() => { open() }")
        page = popup.value
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(**media)
        stored = {"origin": app_url.rstrip("/"), "storageTypes": "local_storage"}
        page.context.new_cdp_session(page).send("Storage.clearDataForOrigin", stored)
        return page

    return new_page


@pytest.fixture
def visit(new_page: Visit, app_url: str) -> Iterator[Visit]:
    """Return a function that opens a path of the app in a new page.

    Fail if a page reports errors, unless it `may_complain`, or requests anything from other hosts.
    """
    visited: list[tuple[Page, Callable[[], None]]] = []

    def visit(path: str = "", may_complain: bool = False, **options: Any) -> Page:
        page = new_page(**options)
        visited.append((page, (lambda: None) if may_complain else watch(page, app_url)))
        page.goto(app_url + path)
        return page

    yield visit
    for page, _ in visited:
        page.close()
    for _, check in visited:
        check()


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Page:
    """Return the open page, once its pad is ready."""
    if request.node.get_closest_marker(keeps_page.name):
        return request.getfixturevalue("used_page")
    page = request.getfixturevalue("visit")()
    find_pad(page)
    return page


@pytest.fixture
def phone(visit: Visit) -> Page:
    """Return the open page on a phone, once its pad is ready."""
    page = visit(**PHONE)
    find_pad(page)
    return page


@pytest.fixture(scope="session")
def pad_page(new_page: Visit, app_url: str) -> Callable[[], tuple[Page, Callable[[], None]]]:
    """Return a function that returns one open page, and a function that fails if it has reported errors."""

    @cache
    def get() -> tuple[Page, Callable[[], None]]:
        page = new_page()
        check = watch(page, app_url)
        page.goto(app_url)
        return page, check

    return get


@pytest.fixture
def used_page(request: pytest.FixtureRequest, pad_page: Any) -> Iterator[Page]:
    """Return the page in which other tests have drawn, with an empty pad and the default model."""
    failures = request.session.testsfailed
    page, check = pad_page()
    find_pad(page)
    yield page
    if request.session.testsfailed > failures:
        pad_page.cache_clear()
        return page.close()
    check()
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.evaluate("document.body.classList.remove('dark')")
    clear_button = page.locator("#pad .clear")
    if clear_button.is_enabled():
        clear_button.click()
        expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")
    if not page.locator("#draw-model input").input_value().startswith("sketch"):
        choose(page, "draw-model", "sketch")
    page.get_by_role("tab", name="Inside").click()
