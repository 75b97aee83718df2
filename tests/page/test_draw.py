import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.nondigits import SYMBOLS
from mnist_demo.practice import DESIGNS, design_strokes, smooth
from mnist_demo.strokes import Strokes
from tests.browser import choose, draw_with_mouse, draw_with_touch, expect_answer, find_pad, open_pad, watch
from tests.conftest import served

DIGITS = [[name for name, (digit, _) in DESIGNS.items() if digit == each] for each in range(10)]
SEVEN = design_strokes("plain 7")
SPOKEN, NOTICE, DRAWN = "#answer .spoken", "#pad .notice", "() => document.querySelector('#pad canvas').toDataURL()"


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=3
    )
    yield from watch(context.new_page(), address)
    context.close()


def clear(page: Page) -> None:
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(SPOKEN)).to_have_text("Draw a digit")


@pytest.mark.parametrize("digit", range(10))
def test_every_way_to_write_a_digit_is_read_when_drawn_with_the_mouse(page: Page, digit: int):
    for name in DIGITS[digit]:
        draw_with_mouse(page, design_strokes(name))
        expect_answer(page, str(digit))
        expect(page.locator("#answer .best .share")).to_have_text(re.compile(r"^\d+\.\d %$"))
        clear(page)


def test_every_way_to_write_a_digit_is_read_when_drawn_with_a_finger(phone: Page):
    for name, (digit, _) in DESIGNS.items():  # on one page: to open it takes as long as to draw three
        draw_with_touch(phone, design_strokes(name))
        expect_answer(phone, str(digit))
        clear(phone)
    assert phone.evaluate("scrollY") == 0  # the finger drew, and did not scroll


HEART = [smooth(stroke) for stroke in SYMBOLS["heart"]]
TEN = [[(15, 10), (15, 90)], [(x / 2 + 45, y * 0.9) for x, y in design_strokes("round 0")[0]]]


@pytest.mark.parametrize(
    ("strokes", "remark"), [(HEART, "That does not look like a digit"), (TEN, "One digit at a time")]
)
def test_what_is_no_digit_is_not_read(page: Page, strokes: Strokes, remark: str):
    draw_with_mouse(page, strokes)
    expect(page.locator(SPOKEN)).to_have_text(remark)
    expect(page.locator("#answer .remark")).to_have_text(remark)
    expect(page.locator("#answer .digit")).to_have_text(re.compile(r"^\d$"))  # the best guess
    expect(page.locator("#answer .answer")).to_have_class(re.compile("unread"))


def test_the_answer_moves_with_the_pen(page: Page):
    box = find_pad(page)
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 60, steps=10)
    expect(page.locator("#answer .remark")).to_have_text("That does not look like a digit")  # a dash, so far
    page.mouse.move(box["x"] + 180, box["y"] + 300, steps=20)
    expect(page.locator("#answer .digit")).to_have_text("7")
    assert page.locator(SPOKEN).inner_text() == ""  # only when the pen is up
    page.mouse.up()
    expect_answer(page, "7")


def test_what_the_network_sees_is_shown(page: Page):
    ink = "() => { const c = document.querySelector('#answer .seen canvas'); return [...c.getContext('2d')"
    ink += ".getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0).reduce((a, b) => a + b, 0) / 255; }"
    draw_with_mouse(page, SEVEN)
    expect_answer(page, "7")
    assert 50 < page.evaluate(ink) < 150
    clear(page)
    assert page.evaluate(ink) == 0


@pytest.mark.parametrize("hurried", [True, False])
def test_an_example_is_drawn_stroke_by_stroke_and_read(browser: Browser, address: str, hurried: bool):
    page = browser.new_page(reduced_motion="reduce" if hurried else "no-preference")
    open_pad(page, address)
    count = "() => document.querySelectorAll('#answer .best').length"
    assert page.evaluate(count) == 0
    begun = time.monotonic()
    page.get_by_role("button", name="crossed 7").click()
    expect_answer(page, "7")
    assert hurried or time.monotonic() - begun > 1
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_enabled()
    draw_with_mouse(page, design_strokes("plain 1"))  # over it: the drawing is one, and no digit
    expect(page.locator(SPOKEN)).to_have_text("That does not look like a digit")
    undo.click()
    expect_answer(page, "7")
    undo.click()
    undo.click()
    expect(page.locator(SPOKEN)).to_have_text("Draw a digit")
    page.close()


def test_undo_and_clear_by_button_and_by_key(page: Page):
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_disabled()
    for two_strokes, one_stroke in (("Backspace", "Control+z"), ("Control+z", "Delete")):
        draw_with_mouse(page, design_strokes("crossed 7"))
        expect_answer(page, "7")
        page.keyboard.press(two_strokes)
        expect(undo).to_be_enabled()
        page.keyboard.press(one_stroke)
        expect(undo).to_be_disabled()
        expect(page.locator(SPOKEN)).to_have_text("Draw a digit")
    draw_with_mouse(page, SEVEN)
    expect_answer(page, "7")
    undo.click()
    expect(undo).to_be_disabled()
    draw_with_mouse(page, SEVEN)
    expect_answer(page, "7")
    clear(page)


def test_a_palm_is_not_the_pen(phone: Page):
    device = phone.context.new_cdp_session(phone)
    box = find_pad(phone)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4

    def pen(kind: str, **more: Any) -> None:
        device.send("Input.dispatchMouseEvent", {"type": kind, "button": "left", "pointerType": "pen", **more})

    def palm(kind: str, *points: dict) -> None:
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    # The palm comes to rest before the pen, and again while it draws.
    palm("touchStart", {"x": x + 60, "y": y + 150})
    pen("mousePressed", x=x, y=y, buttons=1, clickCount=1)
    palm("touchMove", {"x": x + 70, "y": y + 160})
    palm("touchEnd")
    palm("touchStart", {"x": x + 80, "y": y + 150})
    for step in range(30):
        pen("mouseMoved", x=x - step / 3, y=y + 5 * step, buttons=1)
    pen("mouseReleased", x=x - 10, y=y + 150, buttons=0, clickCount=1)
    palm("touchEnd")
    expect_answer(phone, "1")
    phone.get_by_role("button", name="Undo").click()
    expect(phone.locator(SPOKEN)).to_have_text("Draw a digit")  # the pen's stroke was the only one


def test_the_drawing_stays_when_tab_theme_and_model_change(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_answer(page, "7")
    before = page.evaluate(DRAWN)
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("tab", name="Draw").click()
    assert page.evaluate(DRAWN) == before
    page.evaluate("() => document.body.classList.toggle('dark')")
    page.wait_for_function(f"before => ({DRAWN})() !== before", arg=before)
    share = page.locator("#answer .remark").inner_text()
    choose(page, "draw-model", "mlp-sigmoid")  # less sure of anything than the default
    expect(page.locator("#answer .remark")).not_to_have_text(share)
    expect_answer(page, "7")


def test_the_pad_is_sharp_on_a_screen_of_high_density(phone: Page):
    assert (
        phone.evaluate("() => { const c = document.querySelector('#pad canvas'); return c.width / c.clientWidth; }")
        == 3
    )


def test_every_model_says_what_it_reads(page: Page):
    draw_with_mouse(page, HEART)
    page.locator("#answer summary").click()
    lines = page.locator("#answer .models li")
    expect(lines).to_have_count(len(list_checkpoints()))
    expect(lines.first).to_have_text(re.compile(r"^sketch\d"))
    expect(lines.first).to_have_class("chosen")
    expect(page.locator("#answer .models .differs").first).to_be_visible()
    clear(page)
    expect(page.locator("#answer .models .differs")).to_have_count(0)


def test_a_model_that_is_gone_is_named_and_the_default_answers(page: Page):
    draw_with_mouse(page, SEVEN)
    page.evaluate("() => document.dispatchEvent(new CustomEvent('model', { detail: 'a token/softmax, yours 1' }))")
    expect(page.locator(NOTICE)).to_have_text(
        "The model 'softmax, yours 1' is not here (any more): sketch answers instead."
    )
    expect_answer(page, "7")


COUNT_REQUESTS = """() => {
  const ask = window.fetch;
  window.counts = { now: 0, most: 0, all: 0 };
  window.fetch = (...request) => {
    counts.all += 1;
    counts.most = Math.max(counts.most, ++counts.now);
    return ask(...request).finally(() => (counts.now -= 1));
  };
}"""


def test_one_request_at_a_time_and_the_newest_drawing_wins(page: Page):
    def delay(route: Route) -> None:
        page.wait_for_timeout(150)
        route.continue_()

    page.evaluate(COUNT_REQUESTS)
    page.route("**/read", delay)
    draw_with_mouse(page, design_strokes("curly 9"))
    expect_answer(page, "9")
    counts = page.evaluate("counts")
    assert counts["most"] == 1 and 1 < counts["all"] < 30


def test_a_slow_server_is_told(page: Page):
    held: list[Route] = []
    page.route("**/read", lambda route: route.continue_() if held else held.append(route))
    draw_with_mouse(page, SEVEN)
    expect(page.locator(NOTICE)).to_have_text("The server is slow. Your drawing is kept.")
    held[0].continue_()
    expect_answer(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()


def test_a_drawing_outlives_its_server_and_its_page(browser: Browser):
    page = browser.new_page()
    with served("practice") as address:
        open_pad(page, address)
        draw_with_mouse(page, design_strokes("crossed 7")[:1])
    draw_with_mouse(page, design_strokes("crossed 7")[1:])
    expect(page.locator(NOTICE)).to_have_text("The server does not answer. Your drawing is kept; trying again…")
    with served("practice", port=int(address.split(":")[-1].strip("/"))):
        expect_answer(page, "7")  # by then Gradio may have loaded the page anew
        page.reload()
        expect_answer(page, "7")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("button", name="Undo")).to_be_enabled()  # both strokes were there
        page.close()


def test_who_listens_late_is_told_what_the_drawing_is(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_answer(page, "7")
    told = page.evaluate("""() => {
      let told = [];
      document.addEventListener('answer', ({ detail }) => told.push([detail.shown, detail.settled]));
      document.dispatchEvent(new Event('listening'));
      return told;
    }""")
    assert told == [["7", True]]


def test_a_browser_that_goes_offline_and_comes_back_is_answered(browser: Browser, address: str):
    page = browser.new_page()
    open_pad(page, address)
    draw_with_mouse(page, design_strokes("crossed 7")[:1])
    page.context.set_offline(True)
    draw_with_mouse(page, design_strokes("crossed 7")[1:])
    expect(page.locator(NOTICE)).to_contain_text("Your drawing is kept; trying again…")
    page.context.set_offline(False)
    expect_answer(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()
    page.close()


def test_a_touch_that_the_system_takes_back_leaves_nothing(phone: Page):
    device = phone.context.new_cdp_session(phone)
    box = find_pad(phone)
    for kind, points in (("touchStart", [{"x": box["x"] + 90, "y": box["y"] + 90}]), ("touchCancel", [])):
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(phone.get_by_role("button", name="Clear")).to_be_disabled()
    draw_with_touch(phone, SEVEN)
    expect_answer(phone, "7")


def test_an_end_that_was_never_told_ends_the_stroke(page: Page):
    box = find_pad(page)
    page.evaluate(
        "addEventListener('pointerup', (event) => event.stopImmediatePropagation(), { capture: true, once: true })"
    )
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()  # there was one stroke, and it was ended
    draw_with_mouse(page, SEVEN)
    expect_answer(page, "7")


@pytest.mark.parametrize("kept", ['{"a": 1}', "[[]]", '[[["x", 1]]]', "null", "7", "[", "[[[1, 2, 3]]]"])
def test_what_another_page_left_in_the_store_is_let_be(page: Page, kept: str):
    page.evaluate(
        "(kept) => addEventListener('pagehide', () => sessionStorage.setItem('mnist_demo.drawing', kept))", kept
    )
    page.reload()
    draw_with_mouse(page, SEVEN)
    expect_answer(page, "7")


def test_the_keyboard_keeps_its_place_when_the_pad_is_cleared(page: Page):
    draw_with_mouse(page, SEVEN)
    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#pad canvas")).to_be_focused()
