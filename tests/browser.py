"""A real browser for tests and screenshots: Debian's Chromium, or any other that is installed, through playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from mnist_demo.strokes import Strokes

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def find_chromium() -> str | None:
    """The path of an installed Chromium or Chrome, None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for path in map(shutil.which, names) if path), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def draw_with_mouse(page: Page, strokes: Strokes) -> None:
    """Draw strokes, given on a field 100 units wide and high, on the pad as a hand would, about half the pad high."""
    page.locator("#pad canvas").scroll_into_view_if_needed()
    box = page.locator("#pad canvas").bounding_box()
    assert box
    for stroke in strokes:
        xs = [box["x"] + box["width"] * (0.25 + x / 200) for x, _ in stroke]
        ys = [box["y"] + box["height"] * (0.2 + y / 180) for _, y in stroke]
        points = list(zip(xs, ys, strict=True))
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
