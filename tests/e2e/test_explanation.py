import re

import pytest
from playwright.sync_api import Page, expect

from mnist_demo.data.synthetic import design_strokes
from tests.browser import choose, draw_with_mouse, expect_prediction

STATUS, MAPS, NEAREST = "#explanation .status", "#explanation .maps figure", "#explanation .nearest figure"


def test_the_explanation_follows_the_drawing_and_the_model(page: Page):
    choose(page, "draw-model", "softmax")
    page.locator("#explanation summary").click()
    expect(page.locator(STATUS)).to_have_text("Draw a digit first.")
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_prediction(page, "7")
    expect(page.locator(MAPS)).to_have_count(2)
    expect(page.locator(MAPS).first).to_contain_text(re.compile(r"for 7 \(\d+\.\d %\)"))
    expect(page.locator(NEAREST)).to_have_count(5)
    expect(page.locator(NEAREST).first).to_contain_text(re.compile(r"^\s*a \d$"))
    expect(page.locator("#explanation .layer figure")).to_have_count(10)
    expect(page.locator("#explanation .layer .caption")).to_contain_text("a weight for each pixel and digit")
    choose(page, "draw-model", "cnn")
    expect(page.locator("#explanation .layer")).to_have_count(2)
    expect(page.locator("#explanation .nearest .caption")).to_contain_text("in its last hidden layer")
    page.locator("#pad .clear").click()
    expect(page.locator(STATUS)).to_have_text("Draw a digit first.")
    expect(page.locator("#explanation .sections")).to_be_hidden()


@pytest.mark.slow
def test_what_if_compares_the_drawing_with_a_changed_one(page: Page):
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")
    page.locator("#explanation summary").click()
    page.locator("#explanation [name=rotation]").fill("5")  # while the nearest digits are being found
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


def test_a_closed_explanation_sends_no_requests(page: Page):
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "component_server" in request.url else None)
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")
    assert not requests
