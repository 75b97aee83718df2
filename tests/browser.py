"""A real browser for tests and screenshots: Debian's Chromium, or any other that is installed, through playwright."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, FloatRect, Page, Request, expect, sync_playwright

from mnist_demo.strokes import Strokes

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

READY = "#pad .examples button"  # the last thing that the pad makes
PAD = "#pad canvas"
# Gradio gives up its open questions when a page is left, and reports that as errors, which nobody is there to see.
_BE_QUIET_WHEN_LEFT = """addEventListener('beforeunload', () => {
  console.error = () => {};
  addEventListener('unhandledrejection', (event) => event.preventDefault());
});"""


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


def watch(page: Page, address: str) -> Iterator[Page]:
    """Open the address and give the page, which must stay free of errors and ask nothing of other hosts."""
    errors: list[str] = []
    foreign: list[str] = []

    def note_host(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            foreign.append(request.url)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", note_host)
    page.add_init_script(_BE_QUIET_WHEN_LEFT)
    open_pad(page, address)
    yield page
    page.close()
    assert not errors, f"The page reported errors: {errors}"
    assert not foreign, f"The page asked other hosts: {foreign}"


def open_pad(page: Page, address: str) -> None:
    """Open the address and wait until one can draw."""
    page.goto(address)
    page.wait_for_selector(READY)
    find_pad(page)


def find_pad(page: Page) -> FloatRect:
    """Where the pad is, once it keeps its place and nothing covers it: Gradio loads a page's parts in any order, and
    lays a sheet over all of them until the last has come."""
    page.locator(PAD).click(trial=True)
    box = page.locator(PAD).bounding_box()
    assert box
    return box


def choose(page: Page, picker: str, option: str) -> None:
    """Choose an option of the dropdown with that id."""
    page.locator(f"#{picker} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def expect_answer(page: Page, digit: str) -> None:
    """Wait until the drawing is read as that digit, and the pen's last answer has come."""
    expect(page.locator("#answer .spoken")).to_have_text(re.compile(rf"^Read as {digit}, \d+\.\d %$"))
    expect(page.locator("#answer .digit")).to_have_text(digit)


def draw_with_mouse(page: Page, strokes: Strokes) -> None:
    """Draw strokes, given on a field 100 units wide and high, on the pad as a hand would, about half the pad high."""
    for points in _on_screen(page, strokes):
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


def draw_with_touch(page: Page, strokes: Strokes) -> None:
    """The same with a finger; the page's context must have touch."""
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    for points in _on_screen(page, strokes):
        touch("touchStart", points[0])
        for point in points[1:]:
            touch("touchMove", point)
        touch("touchEnd")


def _on_screen(page: Page, strokes: Strokes) -> list[list[tuple[float, float]]]:
    box = find_pad(page)
    return [
        [(box["x"] + box["width"] * (0.25 + x / 200), box["y"] + box["height"] * (0.2 + y / 180)) for x, y in stroke]
        for stroke in strokes
    ]
