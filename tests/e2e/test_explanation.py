import re

import pytest
from playwright.sync_api import Page, expect

from mnist_demo.data.synthetic import design_strokes
from tests.browser import FINAL_PREDICTION, choose, draw_with_mouse, expect_prediction, find_pad
from tests.e2e.conftest import Visit, keeps_page

STATUS, MAPS, NEAREST = "#explanation .status", "#explanation .maps figure", "#prediction .nearest img:visible"
SEVEN = design_strokes("plain 7")


@keeps_page
def test_the_explanation_follows_the_drawing_and_the_model(page: Page):
    choose(page, "draw-model", "softmax")
    expect(page.locator(STATUS)).to_contain_text("Draw a digit")
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_prediction(page, "7")
    page.get_by_role("button", name="Why this answer?").first.click()
    expect(page.locator(MAPS).first).to_contain_text(re.compile(r"for 7 \(\d+\.\d%\)"))
    expect(page.locator(NEAREST)).to_have_count(5)
    expect(page.locator("#prediction .nearest .caption")).to_contain_text("most alike to this model")
    expect(page.locator("#explanation .layer figure")).to_have_count(10)
    expect(page.locator("#explanation .layer .caption")).to_contain_text("One weight for each pixel and digit")
    choose(page, "draw-model", "cnn")
    expect(page.locator("#explanation .convolutions canvas")).to_have_count(2)
    expect(page.locator("#explanation .layer")).to_have_count(0)
    for maps in page.locator("#explanation .maps .image").all():
        box = maps.bounding_box()
        assert box and box["width"] >= 112
    height = page.locator("#explanation").evaluate("node => node.clientHeight")
    page.locator("#pad .clear").click()
    expect(page.locator(STATUS)).to_contain_text("Draw a digit")
    expect(page.locator(MAPS).first).to_be_hidden()
    expect(page.locator("#explanation .convolutions canvas")).to_have_count(0)
    expect(page.locator(NEAREST)).to_have_count(0)
    assert page.locator("#explanation").evaluate("node => node.clientHeight") == height  # nothing collapses


@keeps_page
def test_the_maps_follow_the_pen_and_the_server_is_asked_for_each_drawing(page: Page):
    box = find_pad(page)
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 60, steps=5)
    first = page.locator("#explanation .convolutions canvas").first
    expect(page.locator("#explanation .convolutions canvas")).to_have_count(6)
    expect(page.locator("#explanation .convolutions .caption").first).to_contain_text(
        "Layer 1 of 6 · 16 filters (28x28)"
    )
    before = first.evaluate("canvas => canvas.toDataURL()")
    page.mouse.move(box["x"] + 180, box["y"] + 300, steps=5)
    page.wait_for_function(
        "(before) => document.querySelector('#explanation canvas').toDataURL() !== before", arg=before
    )
    page.mouse.up()
    expect_prediction(page, "7")
    why = page.get_by_role("button", name="Why this answer?").first
    why.click()
    expect(page.locator(NEAREST)).to_have_count(5)
    expect(why).to_be_disabled()
    draw_with_mouse(page, [[(30, 55), (75, 55)]])
    expect_prediction(page, "7")
    expect(page.locator(NEAREST)).to_have_count(0)
    expect(page.locator(MAPS).first).to_be_hidden()
    expect(why).to_be_enabled()


@keeps_page
def test_the_switch_shows_heat_on_the_ink(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    page.get_by_role("button", name="Heat").click()
    expect(page.get_by_role("img", name="Heat map: orange ink counts for the digit")).to_be_visible()
    expect(page.get_by_role("button", name="Heat")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Ink", exact=True).click()
    expect(page.locator("#prediction .heat")).to_be_hidden()


@keeps_page
def test_the_tabs_follow_the_arrow_keys(page: Page):
    tabs = page.locator("#explanation").get_by_role("tab")
    tabs.first.focus()
    for key, name in (("ArrowRight", "Change it"), ("End", "About"), ("ArrowRight", "Inside"), ("ArrowLeft", "About")):
        page.keyboard.press(key)
        selected = page.locator("#explanation [role=tab][aria-selected=true]")
        expect(selected).to_contain_text(name)
        expect(selected).to_be_focused()
        expect(page.locator("#explanation [role=tabpanel]:visible")).to_have_count(1)


@keeps_page
def test_about_shows_the_layers_of_the_chosen_model(page: Page):
    page.get_by_role("tab", name="About").click()
    boxes = page.locator("#explanation .network li")
    expect(boxes).to_have_count(8)
    expect(boxes.first).to_have_text("784 pixels")
    choose(page, "draw-model", "softmax")
    expect(boxes).to_have_count(2)
    expect(boxes.last).to_contain_text("10 outputs")


@pytest.mark.slow
@keeps_page
def test_what_if_compares_the_drawing_with_a_changed_one(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    page.get_by_role("tab", name="Change it").click()
    page.locator("#explanation [name=rotation]").fill("5")  # asks the server, which also looks for the nearest digits
    expect(page.locator(NEAREST)).to_have_count(5)
    page.locator("#explanation [name=rotation]").fill("0")
    variants = page.locator("#explanation .what-if figure")
    expect(variants).to_have_count(2)
    expect(variants.nth(1).locator(".digit")).to_have_text("7")
    as_drawn, changed = (variants.nth(i).locator(".ink") for i in range(2))
    expect(changed).to_have_attribute("src", as_drawn.get_attribute("src") or "")
    for change in (
        lambda: page.locator("#explanation [name=rotation]").fill("90"),
        lambda: page.locator("#explanation [name=pen_width]").fill("5"),
        lambda: page.locator("#explanation [name=centered]").uncheck(),
    ):
        before = changed.get_attribute("src") or ""
        change()
        expect(changed).not_to_have_attribute("src", before)
    expect(page.locator("#explanation output.rotation")).to_have_text("90°")
    page.locator("#explanation .controls button").click()
    expect(changed).to_have_attribute("src", as_drawn.get_attribute("src") or "")
    expect(page.locator("#explanation output.rotation")).to_have_text("0°")


@pytest.mark.slow
def test_the_explanation_says_when_the_server_does_not_answer(visit: Visit):
    page = visit(may_complain=True)
    page.route("**/component_server/", lambda route: route.abort())
    draw_with_mouse(page, SEVEN)
    expect(page.locator(FINAL_PREDICTION)).to_contain_text("Prediction: 7")
    page.locator("#prediction .why").click()
    expect(page.locator(STATUS)).to_have_text("The server does not answer. Retrying…")
    page.unroute("**/component_server/")
    expect(page.locator(NEAREST)).to_have_count(5)
