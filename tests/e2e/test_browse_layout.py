"""The Browse tab on a phone, a projector, in the dark and in forced colors; nothing moves."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser import find_pad
from tests.e2e.browse_tab import CELLS, CHIPS, DIALOG, click, open_browser, open_link
from tests.e2e.conftest import PHONE, Visit, slow

HIDE_BANNER = "#banner { display: none !important; }"  # of synthetic digits


@slow
def test_a_phone_shows_digits_first_and_the_whole_matrix_and_all_pixels(visit: Visit):
    phone = open_link(visit, "model=softmax&order=unsure", **PHONE)
    phone.add_style_tag(content=HIDE_BANNER)
    assert phone.locator(CELLS).nth(10).bounding_box()["y"] + 60 < 664  # type: ignore[index]
    expect(phone.locator("select[name=model]")).to_be_hidden()
    phone.locator(".filters").click()
    expect(phone.locator("select[name=model]")).to_be_visible()
    expect(phone.locator("select[name=compare]")).to_be_hidden()
    phone.keyboard.press("Escape")
    expect(phone.locator("select[name=model]")).to_be_hidden()
    columns = phone.evaluate(
        "() => getComputedStyle(document.querySelector('.digits')).gridTemplateColumns.split(' ').length"
    )
    assert 100 % columns == 0  # full rows
    for selector in (".confusion tr:nth-child(5) > *", ".confusion button:not([hidden])"):
        boxes = [cell.bounding_box() for cell in phone.locator(selector).all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)  # type: ignore[index]
    clipped = "all => all.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length"
    assert phone.locator(".confusion button:not([hidden])").evaluate_all(clipped) == 0
    phone.locator(CELLS).first.click()
    box = phone.locator(".pixels span").nth(27).bounding_box()
    assert box and box["x"] + box["width"] <= 390 and box["width"] > 8
    assert phone.evaluate("() => document.documentElement.scrollWidth") <= 390


COUNT_SHIFTS = """() => {
  window.shift = 0;
  const add = (list) => list.getEntries().forEach((entry) => { window.shift += entry.value; });
  new PerformanceObserver(add).observe({ type: 'layout-shift' });
}"""


@slow
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves(visit: Visit, width: int):
    page = visit(width=width, height=720)
    find_pad(page)
    page.add_style_tag(content=HIDE_BANNER)
    page.evaluate(COUNT_SHIFTS)

    def expect_still(action: str) -> None:
        page.wait_for_timeout(500)
        assert page.evaluate("window.shift") <= 0.02, action
        page.evaluate("window.shift = 0")

    open_browser(page)
    expect_still("opening")
    click(page, ".chips [name=mistakes]")
    click(page, ".chips [name=hardest]")
    expect_still("chips")
    click(page, ".next-page")
    expect_still("a page turn")
    page.locator(CELLS).first.click()
    expect(page.locator(DIALOG)).to_be_visible()
    expect_still("opening the dialog")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect_still("closing the dialog")
    click(page, ".chips [name=compare]")
    expect_still("a comparison")
    page.locator("#digit-browser .filters").click()
    page.keyboard.press("Escape")
    expect_still("filters")
    if width > 1000:
        click(page, ".confusion .correct >> nth=3")
        click(page, ".confusion th button >> nth=5")
        expect_still("the matrix")


@slow
def test_a_digit_has_no_box_of_its_own_in_the_dark(visit: Visit, tmp_path: Path):
    page = open_link(visit, "order=stored&__theme=dark")
    page.locator(CELLS).first.screenshot(path=tmp_path / "cell.png")
    with Image.open(tmp_path / "cell.png") as image:
        corner, beside = (image.convert("RGB").getpixel(place) for place in ((8, 8), (3, 8)))
    assert max(abs(a - b) for a, b in zip(corner, beside, strict=True)) <= 3  # type: ignore[arg-type]


@slow
def test_selection_and_bars_are_visible_in_forced_colors(visit: Visit):
    page = open_link(visit, "model=softmax&order=unsure", forced_colors="active")
    outline = page.locator(f"{CHIPS} [aria-pressed=true]").evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline == "solid"
    get_bars = "all => all.map((cell) => parseFloat(getComputedStyle(cell, '::after').width))"
    assert max(page.locator(".confusion td.errors").evaluate_all(get_bars)) > 20
    get_border = "node => getComputedStyle(node).borderTopStyle"
    for kind, border in (("correct", "double"), ("incorrect", "solid")):
        assert page.locator(f".confusion .{kind}:not([hidden])").first.evaluate(get_border) == border


@slow
def test_a_projector_gets_the_whole_width_and_no_small_text(visit: Visit):
    page = open_link(visit, "order=unsure", width=1920, height=1080)
    assert page.locator("#digit-browser").bounding_box()["width"] > 1600  # type: ignore[index]
    sizes = page.evaluate("""() => Array.from(document.querySelectorAll('#digit-browser *')).filter((node) =>
      node.checkVisibility() && Array.from(node.childNodes).some((child) => child.nodeType === 3 && child.data.trim()))
      .map((node) => parseFloat(getComputedStyle(node).fontSize))""")
    assert min(sizes) >= 14
