"""The page in a real browser, drawn on with the mouse."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from mnist_demo.data import MNIST_FILES
from mnist_demo.nondigits import SYMBOLS
from mnist_demo.practice import DESIGNS, design_strokes, smooth
from mnist_demo.strokes import Strokes
from mnist_demo.ui.train import RUNS_AT_ONCE
from tests.browser import chromium, draw_with_mouse, find_chromium
from tests.conftest import served

expect.set_options(timeout=30_000)  # of a condition that comes true at once on a machine that is not busy

if not find_chromium():
    reason = "NO BROWSER: the page was not tested. Install Chromium (Debian: apt-get install chromium)."
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The open page, which must stay free of errors and ask nothing of other hosts."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield from _watched(page, address)


def _watched(page: Page, address: str) -> Iterator[Page]:
    errors: list[str] = []
    foreign: list[str] = []

    def note_host(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            foreign.append(request.url)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", note_host)
    page.goto(address)
    page.wait_for_selector("#pad canvas")
    yield page
    page.close()
    assert errors == [] and foreign == []


def answer(page: Page, text: str | re.Pattern) -> None:
    expect(page.locator("#answer .digit")).to_have_text(text)


@pytest.mark.parametrize("design", ["round 0", "plain 1", "round 2", "flat 3", "open 4", "5 with a hat", "plain 7"])
def test_a_digit_drawn_with_the_mouse_is_read(page: Page, design: str):
    answer(page, "?")
    draw_with_mouse(page, design_strokes(design))
    answer(page, str(DESIGNS[design][0]))
    expect(page.locator("#answer .best .share")).to_have_text(re.compile(r"^\d+\.\d %$"))
    assert len(page.locator("#answer .row").all()) == 10
    expect(page.locator("#answer img")).to_have_attribute("src", re.compile("^data:image/png;base64,"))


HEART = [smooth(stroke) for stroke in SYMBOLS["heart"]]
TEN = [[(15, 10), (15, 90)], [(x / 2 + 45, y * 0.9) for x, y in design_strokes("round 0")[0]]]


@pytest.mark.parametrize(
    ("strokes", "remark"), [(HEART, re.compile(r"^Not a digit, likest to \d$")), (TEN, "One digit at a time")]
)
def test_what_is_no_digit_is_not_read(page: Page, strokes: Strokes, remark: str | re.Pattern):
    draw_with_mouse(page, strokes)
    expect(page.locator("#answer .confidence")).to_have_text(remark)
    answer(page, "?")


def test_an_example_is_drawn_and_read(page: Page):
    page.get_by_role("button", name="crossed 7").click()
    answer(page, "7")
    inked = """() => {
        const canvas = document.querySelector('#pad canvas');
        const { width, height } = canvas;
        const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
        const row = (y) => pixels.slice(4 * width * y, 4 * width * (y + 1));
        const rows = [...Array(height).keys()].filter((y) => row(y).some(Boolean));
        return [rows[0] / height, rows[rows.length - 1] / height];
    }"""
    top, bottom = page.evaluate(inked)
    assert 0.1 < top < 0.25 and 0.75 < bottom < 0.9
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    draw_with_mouse(page, design_strokes("plain 1"))  # over it: the drawing is one, and no digit
    answer(page, "?")
    undo = page.get_by_role("button", name="Undo")
    undo.click()
    answer(page, "7")
    undo.click()
    undo.click()
    expect(page.locator("#answer .confidence")).to_have_text("Draw a digit")


def test_undo_and_clear_by_button_and_by_key(page: Page):
    draw_with_mouse(page, design_strokes("1 with a foot"))
    answer(page, re.compile(r"\d"))
    undo, clear = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Clear")
    undo.click()
    expect(undo).to_be_enabled()
    undo.click()
    answer(page, "?")
    expect(undo).to_be_disabled()
    draw_with_mouse(page, design_strokes("plain 7"))
    answer(page, "7")
    clear.click()
    answer(page, "?")
    draw_with_mouse(page, design_strokes("plain 7"))
    answer(page, "7")
    page.keyboard.press("Backspace")
    answer(page, "?")


def test_the_drawing_stays_when_tab_theme_and_model_change(page: Page):
    draw_with_mouse(page, design_strokes("plain 7"))
    answer(page, "7")
    drawn = "() => document.querySelector('#pad canvas').toDataURL()"
    before = page.evaluate(drawn)
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("tab", name="Draw").click()
    assert page.evaluate(drawn) == before
    page.evaluate("() => document.body.classList.toggle('dark')")
    page.wait_for_function("before => document.querySelector('#pad canvas').toDataURL() !== before", arg=before)
    share = page.locator("#answer .confidence").inner_text()
    choose(page, "draw-model", "mlp-sigmoid")  # less sure of anything than the default
    expect(page.locator("#answer .confidence")).not_to_have_text(share)
    answer(page, re.compile(r"\d"))


def choose(page: Page, picker: str, option: str) -> None:
    page.locator(f"#{picker} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def test_browse_pages_through_right_and_wrong_digits(page: Page):
    page.get_by_role("tab", name="Browse").click()
    cells, label, status = page.locator(".wall li"), page.locator("#page-label"), page.locator("#browse-status")
    expect(cells).to_have_count(100)
    expect(label).to_have_text("Digits 1 to 100, page 1 of 10")
    expect(page.locator("#previous")).to_be_disabled()
    expect(status).to_contain_text("(practice digits)")
    first = page.locator(".wall").get_attribute("style")
    page.locator("#next").click()
    expect(label).to_have_text("Digits 101 to 200, page 2 of 10")
    assert page.locator(".wall").get_attribute("style") != first
    page.locator("#previous").click()
    expect(label).to_have_text("Digits 1 to 100, page 1 of 10")

    # The wall's marks agree with its captions, and its captions with the count.
    before = status.inner_text()
    choose(page, "browse-model", "softmax")
    expect(status).not_to_have_text(before)
    expect(page.locator(".wall .wrong").first).to_be_visible()
    for cell in page.locator(".wall li").all():
        read, truth = re.fullmatch(r"(\d) \((\d)\)", cell.inner_text().strip()).groups()  # type: ignore[union-attr]
        assert cell.get_attribute("class") == ("right" if read == truth else "wrong")
    green, red = (page.locator(f".wall .{kind} .caption").first for kind in ("right", "wrong"))
    color = "element => getComputedStyle(element).color.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(range(3), key=green.evaluate(color).__getitem__) == 1
    assert max(range(3), key=red.evaluate(color).__getitem__) == 0


def test_a_training_runs_to_its_end_and_its_network_draws_and_browses(page: Page):
    page.get_by_role("tab", name="Train").click()
    page.locator("#start").click()
    status = page.locator("#train-status")
    expect(status).to_contain_text("Finished after")
    expect(page.locator("#epochs tbody tr")).to_have_count(15)
    expect(page.locator("#curve svg, #curve canvas").first).to_be_visible()
    expect(page.locator("#start")).to_be_enabled()
    page.set_viewport_size({"width": 390, "height": 844})
    box = page.locator("#epochs tbody td").last.bounding_box()
    assert box and box["x"] + box["width"] <= 390
    accuracy = re.search(r"test accuracy ([\d.]+ %)", status.inner_text())
    assert accuracy and page.locator("#epochs tbody tr").last.inner_text().endswith(accuracy[1])
    page.get_by_role("tab", name="Browse").click()
    expect(page.locator(".wall li")).to_have_count(100)
    choose(page, "browse-model", "softmax, yours 1 (practice digits)")
    expect(page.locator("#browse-status")).to_contain_text(accuracy[1])
    page.get_by_role("tab", name="Draw").click()
    choose(page, "draw-model", "softmax, yours 1 (practice digits)")
    draw_with_mouse(page, design_strokes("plain 7"))
    answer(page, "7")


def test_a_training_can_be_stopped_and_keeps_what_it_learned(page: Page):
    page.get_by_role("tab", name="Train").click()
    choose(page, "recipe", "mlp-dropout")
    page.locator("#start").click()
    expect(page.locator("#train-status")).to_contain_text(re.compile(r"Epoch \d+ of 10, step "))
    page.locator("#stop").click()
    expect(page.locator("#train-status")).to_contain_text("Stopped at step")
    expect(page.locator("#start")).to_be_enabled()
    page.get_by_role("tab", name="Draw").click()
    choose(page, "draw-model", "mlp-dropout, yours 1 (practice digits)")


def test_a_closed_page_gives_its_place_to_who_waits(browser: Browser, address: str):
    def start_training() -> Page:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("tab", name="Train").click()
        choose(page, "recipe", "mlp-dropout")
        page.locator("#start").click()
        return page

    under_way = re.compile(r"Epoch \d+ of 10")
    pages = [start_training() for _ in range(RUNS_AT_ONCE)]
    for page in pages:
        expect(page.locator("#train-status")).to_contain_text(under_way)
    waiting, leaving = start_training(), start_training()
    for page in (waiting, leaving):
        expect(page.locator("#train-status")).to_contain_text("Waiting until another visitor's training has ended")
    leaving.locator("#stop").click()
    expect(leaving.locator("#train-status")).to_contain_text("nothing was learned")
    expect(leaving.locator("#start")).to_be_enabled()
    pages[0].close()
    expect(waiting.locator("#train-status")).to_contain_text(under_way)
    assert "Epoch" in pages[1].locator("#train-status").inner_text()  # so it was not this place that came free
    for page in (*pages[1:], waiting, leaving):
        page.close()


def test_practice_digits_are_labelled_with_the_reason_and_a_retry(browser: Browser, tmp_path: Path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in MNIST_FILES:
        (raw / name).write_bytes(b"no digits")
    with served(tmp_path) as address:
        watched = _watched(browser.new_page(), address)
        page = next(watched)
        expect(page.locator("#banner")).to_be_hidden()
        page.get_by_role("tab", name="Browse").click()
        banner = page.locator("#banner")
        expect(banner).to_contain_text("These are practice digits, not MNIST.")
        expect(banner).to_contain_text("train-images-idx3-ubyte is damaged: it has 9 bytes instead of 47,040,016")
        expect(banner).to_contain_text("To place MNIST by hand")
        assert str(tmp_path) not in page.content()
        if place := os.environ.get("MNIST_DEMO_DATA"):
            for name in MNIST_FILES:
                shutil.copyfile(Path(place) / "MNIST" / "raw" / name, raw / name)
            page.locator("#retry").click()
            expect(banner).to_be_hidden()
            expect(page.locator("#browse-status")).to_contain_text(
                re.compile(r"of 10,000 test digits right: .* \(MNIST\)")
            )
        next(watched, None)


@pytest.mark.parametrize("width", [320, 390, 1280])  # at 390 the pad is 300 pixels wide, as a fresh canvas is
def test_the_page_fits_any_screen(browser: Browser, address: str, width: int):
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(address)
    page.wait_for_selector("#pad canvas")
    shape = "() => { const { width, height } = document.querySelector('#pad canvas'); return width / height; }"
    assert page.evaluate(shape) == 1
    for tab in ("Draw", "Browse", "Train"):
        page.get_by_role("tab", name=tab).click()
        if tab == "Browse":
            expect(page.locator(".wall li")).to_have_count(100)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.close()
