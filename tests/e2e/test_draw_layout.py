"""The Draw tab on a laptop and a phone, in forced colors and in print; nothing moves."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import FINAL_PREDICTION, draw_with_mouse, draw_with_touch, expect_prediction, find_pad
from tests.e2e.conftest import keeps_page, slow
from tests.e2e.draw_tab import PERCENTAGE, SEVEN

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
    parts = ("#pad .pad", "#pad .tools", "#pad .examples", "#draw-model input", "#explanation [role=tablist]")
    panel = [
        ".digit",
        ".note",
        "canvas",
        ".switch",
        ".bars",
        ".bar:last-child",
        ".why",
        ".nearest",
        ".votes",
        ".ask-all",
        ".ask",
    ]
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
    expect_still("draw")
    page.locator("#prediction .why").click()
    expect(page.locator("#prediction .nearest img").first).to_be_visible()
    expect_still("why")
    page.locator("#prediction .switch button").last.click()
    expect_still("heat")
    page.locator("#prediction .ask-all").click()
    expect(page.locator("#prediction .chips .selected")).to_be_visible()
    expect_still("all models")
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
