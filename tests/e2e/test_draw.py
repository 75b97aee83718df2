import re
import time
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.data.non_digits import SYMBOLS
from mnist_demo.data.synthetic import DESIGNS, RARE_DESIGNS, design_strokes, smooth_curve
from mnist_demo.preprocess.strokes import Strokes, strokes_to_image
from tests.browser import (
    FINAL_PREDICTION,
    choose,
    draw_with_mouse,
    draw_with_touch,
    expect_prediction,
    find_pad,
    open_pad,
)
from tests.conftest import QUICK_START, serve_app
from tests.e2e.conftest import Visit, keeps_page

DIGITS = [[name for name, (digit, _) in DESIGNS.items() if digit == each] for each in range(10)]
SEVEN = design_strokes("plain 7")
NOTICE = "#pad .notice"
PERCENTAGE = re.compile(r"^\d+\.\d%$")
DESIGN_DIGITS = {name: str(digit) for name, (digit, _) in {**DESIGNS, **RARE_DESIGNS}.items()}
slow = pytest.mark.slow
GET_DRAWING = "() => document.querySelector('#pad canvas').toDataURL()"


def clear(page: Page) -> None:
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")


@pytest.mark.parametrize("digit", [1, *(pytest.param(digit, marks=slow) for digit in (0, *range(2, 10)))])
@keeps_page
def test_each_design_is_predicted_when_drawn_with_the_mouse(page: Page, digit: int):
    for name in DIGITS[digit]:
        draw_with_mouse(page, design_strokes(name))
        expect_prediction(page, str(digit))
        expect(page.locator("#prediction .best .percentage")).to_have_text(re.compile(r"^\d+\.\d%$"))
        clear(page)


@slow
def test_each_design_is_predicted_when_drawn_with_a_finger(phone: Page):
    for name, (digit, _) in list(DESIGNS.items())[::3]:  # in one page: opening it takes as long as drawing three
        draw_with_touch(phone, design_strokes(name))
        expect_prediction(phone, str(digit))
        clear(phone)
    assert phone.evaluate("scrollY") == 0  # the finger has drawn, and not scrolled


HEART = [smooth_curve(stroke) for stroke in SYMBOLS["heart"]]
TEN = [[(15, 10), (15, 90)], [(x / 2 + 45, y * 0.9) for x, y in design_strokes("round 0")[0]]]


@pytest.mark.parametrize(
    ("strokes", "label", "note"), [(HEART, r"^\d$", "Not a digit?"), (TEN, r"^\?$", "I see more than one digit")]
)
@keeps_page
def test_a_drawing_that_is_not_one_digit_is_rejected(page: Page, strokes: Strokes, label: str, note: str):
    draw_with_mouse(page, strokes)
    expect(page.locator(FINAL_PREDICTION)).to_have_text(note)
    expect(page.locator("#prediction .note")).to_have_text(note)
    expect(page.locator("#prediction .digit")).to_have_text(
        re.compile(label)
    )  # the best guess, but none of several digits
    expect(page.locator("#prediction .prediction-panel")).to_have_class(re.compile("not-a-digit"))


@keeps_page
def test_the_prediction_follows_the_pen(page: Page):
    box = find_pad(page)
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 60, steps=10)
    expect(page.locator("#prediction .digit")).to_have_text(re.compile(r"\d"))
    expect(page.locator("#prediction .note")).to_have_text("")  # no verdict on a dash
    page.mouse.move(box["x"] + 180, box["y"] + 300, steps=20)
    expect(page.locator("#prediction .digit")).to_have_text("7")
    assert page.locator(FINAL_PREDICTION).inner_text() == ""  # only when the pen is up
    page.mouse.up()
    expect_prediction(page, "7")


@keeps_page
def test_the_input_of_the_model_is_shown(page: Page):
    ink = "() => { const c = document.querySelector('#prediction canvas'); return [...c.getContext('2d')"
    ink += ".getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 3).reduce((a, b) => a + b, 0) / 255; }"
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    assert 50 < page.evaluate(ink) < 150
    clear(page)
    assert page.evaluate(ink) == 0


@pytest.mark.parametrize("reduced", [False, pytest.param(True, marks=slow)])
def test_an_example_is_replayed_and_predicted(page: Page, reduced: bool):
    page.emulate_media(reduced_motion="reduce" if reduced else "no-preference")
    count = "() => document.querySelectorAll('#prediction .best').length"
    assert page.evaluate(count) == 0
    started = time.monotonic()
    page.get_by_role("button", name="crossed 7").click()
    expect_prediction(page, "7")
    assert reduced or time.monotonic() - started > 1
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_enabled()
    draw_with_mouse(page, design_strokes("round 0"))  # together with the example it is not a digit
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Not a digit?")
    undo.click()
    expect_prediction(page, "7")
    undo.click()
    undo.click()
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")


def test_undo_and_clear_work_by_button_and_by_key(page: Page):
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_disabled()
    for two_strokes, one_stroke in (("Backspace", "Control+z"), ("Control+z", "Delete")):
        draw_with_mouse(page, design_strokes("crossed 7"))
        expect_prediction(page, "7")
        page.keyboard.press(two_strokes)
        expect(undo).to_be_enabled()
        page.keyboard.press(one_stroke)
        expect(page.get_by_role("button", name="Clear")).to_be_disabled()
        expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    undo.click()
    expect(undo).to_be_disabled()


@keeps_page
def test_undo_takes_back_a_clear(page: Page):
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_prediction(page, "7")
    before = page.evaluate(GET_DRAWING)
    clear(page)
    page.get_by_role("button", name="Undo").click()
    expect_prediction(page, "7")
    assert page.evaluate(GET_DRAWING) == before
    clear(page)
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()  # the old drawing is gone


@keeps_page
def test_the_keys_work_while_nothing_is_focused(page: Page):
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_prediction(page, "7")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Delete")
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")
    page.keyboard.press("Backspace")
    expect_prediction(page, "7")
    page.locator("#draw-model input").click()
    page.keyboard.press("Backspace")  # in an input it edits
    page.get_by_role("tab", name="Browse").click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Delete")  # in another tab it does nothing
    page.get_by_role("tab", name="Draw").click()
    expect(page.get_by_role("button", name="Clear")).to_be_enabled()


COUNT_INK = """() => { const c = document.querySelector('#pad canvas');
  return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 === 3 && _).length; }"""


def test_a_single_tap_leaves_a_dot(page: Page):
    page.evaluate("CanvasRenderingContext2D.prototype.stroke = () => {}")  # some browsers draw no line without length
    box = find_pad(page)
    page.mouse.click(box["x"] + 200, box["y"] + 200)
    page.wait_for_function(f"({COUNT_INK})() > 200")
    expect(page.locator("#prediction .announcement")).not_to_have_text("")


def test_two_fingers_zoom_and_draw_nothing(phone: Page):
    device = phone.context.new_cdp_session(phone)
    box = find_pad(phone)
    x, y = box["x"] + 100, box["y"] + 100

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", (x, y))
    touch("touchMove", (x + 5, y + 30))
    touch("touchStart", (x + 5, y + 30), (x + 100, y + 100))
    for step in range(1, 9):
        touch("touchMove", (x + 5, y + 30 - 4 * step), (x + 100, y + 100 + 8 * step))
    touch("touchEnd")
    expect(phone.get_by_role("button", name="Clear")).to_be_disabled()
    phone.wait_for_function("visualViewport.scale > 1.1")


def test_a_palm_draws_nothing_beside_a_pen(phone: Page):
    device = phone.context.new_cdp_session(phone)
    box = find_pad(phone)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4

    def pen(kind: str, **more: Any) -> None:
        device.send("Input.dispatchMouseEvent", {"type": kind, "button": "left", "pointerType": "pen", **more})

    def palm(kind: str, *points: dict) -> None:
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    # The palm touches before the pen, and again while the pen draws.
    palm("touchStart", {"x": x + 60, "y": y + 150})
    pen("mousePressed", x=x, y=y, buttons=1, clickCount=1)
    palm("touchMove", {"x": x + 70, "y": y + 160})
    palm("touchEnd")
    palm("touchStart", {"x": x + 80, "y": y + 150})
    for step in range(30):
        pen("mouseMoved", x=x - step / 3, y=y + 5 * step, buttons=1)
    pen("mouseReleased", x=x - 10, y=y + 150, buttons=0, clickCount=1)
    palm("touchEnd")
    expect_prediction(phone, "1")
    phone.get_by_role("button", name="Undo").click()
    expect(phone.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")  # there was only the pen's stroke


@keeps_page
def test_the_drawing_survives_a_change_of_tab_theme_and_model(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    before = page.evaluate(GET_DRAWING)
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("tab", name="Draw").click()
    assert page.evaluate(GET_DRAWING) == before
    page.evaluate("() => document.body.classList.toggle('dark')")
    page.wait_for_function(f"before => ({GET_DRAWING})() !== before", arg=before)
    confidence = page.locator("#prediction .note").inner_text()
    choose(page, "draw-model", "mlp-sigmoid")  # less confident than the default
    expect(page.locator("#prediction .note")).not_to_have_text(confidence)
    expect_prediction(page, "7")


def test_the_pad_uses_the_full_resolution_of_the_screen(phone: Page):
    ratio = (
        "() => { const { width, clientWidth } = document.querySelector('#pad canvas'); return width / clientWidth; }"
    )
    assert phone.evaluate(ratio) == 3
    screen = {"width": 390, "height": 844, "mobile": True, "deviceScaleFactor": 2}  # only the pixel ratio changes
    phone.context.new_cdp_session(phone).send("Emulation.setDeviceMetricsOverride", screen)
    phone.wait_for_function(f"({ratio})() === 2")


@keeps_page
def test_the_votes_of_all_models_are_counted_and_listed(page: Page):
    draw_with_mouse(page, HEART)
    expect(page.locator("#prediction .votes .caption")).to_contain_text("not a digit")
    chips = page.locator("#prediction .chips li")
    expect(chips).to_have_count(len(list_checkpoints()))
    expect(chips.first).to_have_class(re.compile("selected"))
    expect(page.locator("#prediction .chips .differs").first).to_be_visible()
    page.get_by_role("tab", name="All models").click()
    lines = page.locator("#explanation .models li")
    expect(lines).to_have_count(len(list_checkpoints()))
    expect(lines.first).to_have_text(re.compile(r"^sketch\d"))
    expect(page.locator("#explanation .models .differs").first).to_be_visible()
    clear(page)
    expect(page.locator("#prediction .chips .differs")).to_have_count(0)
    expect(lines.first).to_be_hidden()


@keeps_page
def test_eleven_bars_sum_to_100(page: Page):
    draw_with_mouse(page, HEART)
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Not a digit?")
    texts = page.locator("#prediction .bars .percentage").all_inner_texts()
    assert len(texts) == 11 and round(sum(float(text.strip("%")) for text in texts), 1) == 100.0
    expect(page.locator("#prediction .best .name")).to_have_text("not a digit")


RECORD_NOTES = """() => {
  window.notes = { moving: [], settled: [], judged: [] };
  let since = 0;
  addEventListener('pointerup', () => (since = performance.now()), true);
  document.addEventListener('prediction', ({ detail }) => {
    const note = document.querySelector('#prediction .note').textContent;
    if (!detail.settled) return notes.moving.push(note);
    if (!detail.judged) return notes.settled.push(note);
    notes.judged.push([note, performance.now() - since]);
  });
}"""


@pytest.mark.parametrize(
    "names",
    [
        ("crossed 7", "open 4"),
        pytest.param(("1 with a long upstroke", "curly 2", "curly 9", "0 crossed by a long slash"), marks=slow),
    ],
    ids=" ".join,
)
@keeps_page
def test_no_verdict_is_given_before_the_pen_has_rested(page: Page, names: tuple[str, ...]):
    page.evaluate(RECORD_NOTES)
    for name in names:
        page.get_by_role("button", name=name).click()
        expect_prediction(page, DESIGN_DIGITS[name])
    page.get_by_role("button", name="Clear").click()
    draw_with_mouse(page, HEART)
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Not a digit?")
    notes = page.evaluate("notes")
    assert len(notes["moving"]) > 10
    guesses = notes["moving"] + notes["settled"]
    assert all(PERCENTAGE.match(note) for note in guesses if note) and any(guesses)
    note, rest = notes["judged"][-1]
    assert note == "Not a digit?" and rest >= 299


IN_VIEW = """(selectors) => selectors.filter((selector) => {
  const box = document.querySelector(selector).getBoundingClientRect();
  return !box.width || !box.height || box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight;
})"""


@pytest.mark.parametrize("width", [1280, pytest.param(1920, marks=slow)])
@keeps_page
def test_pad_and_answer_are_in_view_on_a_laptop(page: Page, width: int):
    page.set_viewport_size({"width": width, "height": width * 9 // 16})
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    expect(page.locator("#prediction .chips .selected")).to_be_visible()
    parts = ("#pad .pad", "#pad .tools", "#pad .examples", "#draw-model input", "#explanation [role=tablist]")
    panel = (".digit", ".note", "canvas", ".switch", ".bars", ".bar:last-child", ".nearest", ".votes", ".chips", ".ask")
    assert page.evaluate(IN_VIEW, [*parts, *(f"#prediction {part}" for part in panel)]) == []
    assert find_pad(page)["width"] >= 380
    covered = page.locator("#draw-model").bounding_box()
    bars = page.locator("#prediction .bars").bounding_box()
    assert covered and bars and covered["x"] >= bars["x"] + bars["width"]  # its list opens beside the answer
    sizes = page.evaluate("""() => ['pad', 'prediction', 'explanation']
      .flatMap((id) => [...document.querySelectorAll(`#${id} *`)])
      .filter((each) => each.clientWidth && !each.children.length && each.textContent)
      .map((each) => parseFloat(getComputedStyle(each).fontSize))""")
    assert width < 1920 or min(sizes) >= 14


@pytest.mark.parametrize("size", [(390, 664), pytest.param((360, 640), marks=slow)])
def test_the_answer_is_in_view_while_one_draws_on_a_phone(phone: Page, size: tuple[int, int]):
    phone.set_viewport_size({"width": size[0], "height": size[1]})
    draw_with_touch(phone, SEVEN)
    expect_prediction(phone, "7")
    strip = phone.locator("#pad .strip")
    expect(strip.locator(".digit")).to_have_text("7")
    expect(strip.locator(".note")).to_have_text(PERCENTAGE)
    expect(strip.locator(".bar")).to_have_count(3)
    parts = (".pad", ".strip .digit", ".strip .note", ".strip .best", ".strip .pixels")
    assert phone.evaluate(IN_VIEW, [f"#pad {part}" for part in parts]) == []
    assert find_pad(phone)["width"] == size[0] - 32
    phone.evaluate("scrollTo(0, 250)")
    assert phone.evaluate(IN_VIEW, ["#pad .strip .digit"]) == []  # it sticks
    assert phone.evaluate("document.documentElement.scrollWidth") == size[0]


def test_targets_are_large_enough_for_fingers(phone: Page):
    draw_with_touch(phone, SEVEN)
    expect_prediction(phone, "7")
    phone.locator("#prediction .ask").click()
    small = phone.evaluate("""() => ['pad', 'prediction', 'explanation']
      .flatMap((id) => [...document.querySelectorAll(`#${id} button`)])
      .map((button) => [button.getBoundingClientRect(), button.className + button.textContent])
      .filter(([{ width, height }]) => width && (height < 43.9 || width < 24)).map(([, name]) => name)""")
    assert small == []


WATCH_SHIFTS = """window.shifts = 0; new PerformanceObserver((list) => {
  for (const { value } of list.getEntries()) shifts += value; // those after an input too
}).observe({ type: 'layout-shift', buffered: false });"""


@slow
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_when_content_arrives(page: Page, width: int):
    page.set_viewport_size({"width": width, "height": 720 if width > 400 else 664})
    find_pad(page)
    page.wait_for_timeout(500)
    page.evaluate(WATCH_SHIFTS)

    def expect_still(action: str) -> None:
        page.wait_for_timeout(400)
        assert page.evaluate("const sum = shifts; shifts = 0; sum") <= 0.02, action

    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    expect(page.locator("#prediction .nearest img").first).to_be_visible()
    expect_still("draw")
    page.locator("#prediction .switch button").last.click()
    expect_still("heat")
    page.locator("#prediction .ask").click()
    expect_still("unfold")
    page.locator("#prediction .labels button").nth(7).click()
    expect_still("label")
    for name in ("Change it", "All models", "About", "Inside"):
        page.get_by_role("tab", name=name).click()
        expect_still(name)
    page.locator("#pad .clear").click()
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")
    expect_still("clear")
    page.get_by_role("button", name="crossed 7").click()
    expect_prediction(page, "7")
    expect_still("example")


@keeps_page
def test_a_mouse_stroke_shows_no_focus_ring_but_the_keyboard_does(page: Page):
    outline = "() => getComputedStyle(document.querySelector('#pad canvas')).outlineStyle"
    draw_with_mouse(page, SEVEN)
    expect(page.locator("#pad canvas")).to_be_focused()
    assert page.evaluate(outline) == "none"
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#pad canvas")).to_be_focused()
    assert page.evaluate(outline) == "solid"


@slow
def test_bars_stay_visible_in_forced_colors_and_a_dark_page_prints_dark_ink_on_white_paper(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    page.emulate_media(forced_colors="active")
    style = "(name) => getComputedStyle(document.querySelector('#prediction .best .track'))[name]"
    assert page.evaluate(style, "backgroundImage") != "none" and page.evaluate(style, "borderTopStyle") == "solid"
    page.emulate_media(forced_colors="none", media="print")
    page.evaluate("document.body.classList.add('dark'); dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(style, "printColorAdjust") == "exact"
    red, green, blue = page.evaluate("""() => getComputedStyle(document.querySelector('#prediction .digit')).color
      .match(/\\d+/g).slice(0, 3).map(Number)""")
    assert max(red, green, blue) < 100
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert "dark" in page.evaluate("document.body.className")


def test_the_panel_says_that_the_server_is_away(visit: Visit):
    page = visit(may_complain=True)
    page.route("**/predict", lambda route: route.abort())
    draw_with_mouse(page, SEVEN)
    expect(page.locator("#prediction .note")).to_have_text("The server does not answer")
    page.unroute("**/predict")
    expect_prediction(page, "7")


@keeps_page
def test_each_model_is_described_in_the_list(page: Page):
    choose(page, "draw-model", "softmax")
    expect(page.locator("#draw-model input")).to_have_value(re.compile(r"^softmax · no hidden layer · 92\.\d%$"))


def test_the_default_model_replaces_one_that_is_gone(page: Page):
    draw_with_mouse(page, SEVEN)
    page.evaluate("() => document.dispatchEvent(new CustomEvent('model', { detail: 'a token/softmax, yours 1' }))")
    expect(page.locator(NOTICE)).to_have_text(
        "The model 'softmax, yours 1' is no longer available: sketch predicts instead."
    )
    expect_prediction(page, "7")


COUNT_REQUESTS = """() => {
  const fetch = window.fetch;
  window.counts = { now: 0, most: 0, all: 0 };
  window.fetch = (...request) => {
    counts.all += 1;
    counts.most = Math.max(counts.most, ++counts.now);
    return fetch(...request).finally(() => (counts.now -= 1));
  };
}"""


def test_only_one_request_is_pending_and_the_newest_drawing_is_predicted(page: Page):
    def delay(route: Route) -> None:
        page.wait_for_timeout(150)
        route.continue_()

    page.evaluate(COUNT_REQUESTS)
    page.route("**/predict", delay)
    draw_with_mouse(page, design_strokes("curly 9"))
    expect_prediction(page, "9")
    counts = page.evaluate("counts")
    assert counts["most"] == 1 and 1 < counts["all"] < 30


def test_a_slow_server_is_reported(page: Page):
    held: list[Route] = []
    page.route("**/predict", lambda route: route.continue_() if held else held.append(route))
    draw_with_mouse(page, SEVEN)
    expect(page.locator(NOTICE)).to_have_text("The server is slow. Your drawing is kept.")
    held[0].continue_()
    expect_prediction(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()


@slow
def test_a_drawing_survives_a_restart_of_the_server_and_a_reload(browser: Browser):
    page = browser.new_page()
    with serve_app("synthetic", program=QUICK_START) as app_url:
        open_pad(page, app_url)
        draw_with_mouse(page, design_strokes("crossed 7")[:1])
    draw_with_mouse(page, design_strokes("crossed 7")[1:])
    expect(page.locator(NOTICE)).to_have_text("The server does not answer. Your drawing is kept. Retrying…")
    with serve_app("synthetic", port=int(app_url.split(":")[-1].strip("/")), program=QUICK_START):
        expect_prediction(page, "7")  # Gradio may have reloaded the page by now
        page.reload()
        expect_prediction(page, "7")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("button", name="Undo")).to_be_enabled()  # there were two strokes
        page.close()


@keeps_page
def test_a_late_listener_gets_the_prediction(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    received = page.evaluate("""() => {
      let received = [];
      document.addEventListener('prediction', ({ detail }) => received.push([detail.label, detail.settled]));
      document.dispatchEvent(new Event('listening'));
      return received;
    }""")
    assert received == [["7", True]]


def test_a_browser_that_was_offline_gets_the_prediction(browser: Browser, app_url: str):
    page = browser.new_page()
    open_pad(page, app_url)
    draw_with_mouse(page, design_strokes("crossed 7")[:1])
    page.context.set_offline(True)
    draw_with_mouse(page, design_strokes("crossed 7")[1:])
    expect(page.locator(NOTICE)).to_contain_text("Your drawing is kept. Retrying…")
    page.context.set_offline(False)
    expect_prediction(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()
    page.close()


def test_a_cancelled_touch_draws_nothing(phone: Page):
    device = phone.context.new_cdp_session(phone)
    box = find_pad(phone)
    for kind, points in (("touchStart", [{"x": box["x"] + 90, "y": box["y"] + 90}]), ("touchCancel", [])):
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(phone.get_by_role("button", name="Clear")).to_be_disabled()
    draw_with_touch(phone, SEVEN)
    expect_prediction(phone, "7")


@keeps_page
def test_a_stroke_ends_even_if_pointerup_is_lost(page: Page):
    box = find_pad(page)
    page.evaluate(
        "addEventListener('pointerup', (event) => event.stopImmediatePropagation(), { capture: true, once: true })"
    )
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()  # there was one stroke
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")


@pytest.mark.parametrize(
    "stored",
    [
        '[[["x", 1]]]',
        *(pytest.param(text, marks=slow) for text in ('{"a": 1}', "[[]]", "null", "7", "[", "[[[1, 2, 3]]]")),
    ],
)
def test_invalid_data_in_the_storage_is_ignored(page: Page, stored: str):
    page.evaluate(
        "(stored) => addEventListener('pagehide', () => sessionStorage.setItem('mnist_demo.drawing', stored))", stored
    )
    page.reload()
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")


INK_OF_PAD = """() => {
  const small = Object.assign(document.createElement('canvas'), { width: 280, height: 280 }).getContext('2d');
  small.drawImage(document.querySelector('#pad canvas'), 0, 0, 280, 280);
  const { data } = small.getImageData(0, 0, 280, 280);
  return Array.from({ length: 280 * 280 }, (_, i) => data[4 * i + 3]);
}"""


def test_the_model_reads_the_curves_that_the_pad_paints(page: Page):
    few = [[[150, 300], [500, 120], [820, 300], [300, 880]], [[300, 900], [600, 760], [860, 900]]]
    page.evaluate(
        "(few) => addEventListener('pagehide', () => sessionStorage.setItem('mnist_demo.drawing', few))", str(few)
    )
    page.reload()
    find_pad(page)
    expect(page.locator(".sketchpad.drawn")).to_be_attached()
    painted = np.array(page.evaluate(INK_OF_PAD)).reshape(28, 10, 28, 10).mean(axis=(1, 3))
    drawn = strokes_to_image(few, pad_size=1000, pen_width=55 * 28 / 1000)
    assert np.abs(painted - drawn).mean() < 4
    lines = strokes_to_image([[p for p in stroke for _ in range(2)] for stroke in few], pad_size=1000, pen_width=1.54)
    assert np.abs(painted - lines).mean() > 8


@keeps_page
def test_the_keyboard_focus_stays_in_the_pad_when_it_is_cleared(page: Page):
    draw_with_mouse(page, SEVEN)
    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#pad canvas")).to_be_focused()
