"""The page in a real browser, for tests and screenshots: an installed Chromium or Chrome, driven by playwright."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, FloatRect, Page, Request, expect, sync_playwright

from mnist_demo.preprocess.strokes import Strokes

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

READY = "#pad .examples button"  # the pad's last element
PAD = "#pad canvas"
FINAL_PREDICTION = "#prediction .visually-hidden"  # for screen readers, set when the pen is up
# Gradio aborts its open requests when a page closes, and reports them as errors.
_IGNORE_ERRORS_ON_CLOSE = """addEventListener('beforeunload', () => {
  console.error = () => {};
  addEventListener('unhandledrejection', (event) => event.preventDefault());
});"""


def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for path in map(shutil.which, names) if path), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def watch(page: Page, address: str) -> Callable[[], None]:
    """Return a function that fails if the page has reported errors or requested anything from other hosts."""
    errors: list[str] = []
    foreign: list[str] = []

    def check_host(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            foreign.append(request.url)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", check_host)
    page.add_init_script(_IGNORE_ERRORS_ON_CLOSE)

    def check() -> None:
        assert not errors, f"The page reported errors: {errors}"
        assert not foreign, f"The page sent requests to other hosts: {foreign}"

    return check


def open_pad(page: Page, address: str) -> None:
    """Open the address and wait until the pad is ready."""
    page.goto(address)
    find_pad(page)


def find_pad(page: Page) -> FloatRect:
    """Return the pad's box once it no longer moves and nothing covers it.

    Gradio loads the parts of a page in any order, and covers them until the last one is there.
    """
    page.wait_for_selector(READY, state="attached")
    page.locator(PAD).click(trial=True)
    box = page.locator(PAD).bounding_box()
    assert box
    return box


def choose(page: Page, dropdown: str, option: str) -> None:
    """Choose an option of the dropdown with that id; a model's name may be followed by " · " and more."""
    page.locator(f"#{dropdown} input").click()
    page.get_by_role("option", name=re.compile(rf"^\W*{re.escape(option)}( ·|$)")).click()


def expect_prediction(page: Page, digit: str) -> None:
    """Wait until the final prediction of the drawing is that digit."""
    expect(page.locator(FINAL_PREDICTION)).to_have_text(re.compile(rf"^Prediction: {digit}, \d+\.\d%$"))
    expect(page.locator("#prediction .digit")).to_have_text(digit)


def label_drawing(page: Page, digit: int) -> None:
    """Say what the drawing is, below its prediction."""
    expect(page.locator(FINAL_PREDICTION)).to_contain_text("Prediction: ")  # an earlier one would close the labels
    page.locator("#prediction .ask").click()
    page.locator("#prediction .labels button").nth(digit).click()


def draw_with_mouse(page: Page, strokes: Strokes) -> None:
    """Draw strokes, given in a field of 100 by 100 units, on the middle of the pad."""
    for points in _on_screen(page, strokes):
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in (*points[2:-1:2], points[-1]):  # about as many as a mouse reports
            page.mouse.move(*point)
        page.mouse.up()


def draw_with_touch(page: Page, strokes: Strokes) -> None:
    """Draw strokes with a finger; the page's context must have touch."""
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
