import re

from playwright.sync_api import Page, expect

from mnist_demo.practice import design_strokes
from tests.browser import choose, draw_with_mouse, expect_answer

STATUS, MAPS, NEAREST = "#why .status", "#why .looked figure", "#why .nearest figure"


def test_a_drawing_is_explained_while_it_changes(page: Page):
    choose(page, "draw-model", "softmax")
    page.locator("#why summary").click()
    expect(page.locator(STATUS)).to_have_text("Draw a digit first.")
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_answer(page, "7")
    expect(page.locator(MAPS)).to_have_count(2)
    expect(page.locator(MAPS).first).to_contain_text(re.compile(r"for 7 \(\d+\.\d %\)"))
    expect(page.locator(NEAREST)).to_have_count(5)
    expect(page.locator(NEAREST).first).to_contain_text(re.compile(r"^\s*a \d$"))
    expect(page.locator("#why .layer figure")).to_have_count(10)
    expect(page.locator("#why .layer .caption")).to_contain_text("a weight for each pixel and digit")
    choose(page, "draw-model", "cnn")
    expect(page.locator("#why .layer")).to_have_count(2)
    expect(page.locator("#why .nearest .caption")).to_contain_text("in its last hidden layer")
    page.locator("#pad .clear").click()
    expect(page.locator(STATUS)).to_have_text("Draw a digit first.")
    expect(page.locator("#why .parts")).to_be_hidden()


def test_what_if_shows_the_drawing_changed_beside_it(page: Page):
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_answer(page, "7")
    page.locator("#why summary").click()
    page.locator("#why [name=turn]").fill("5")  # while the training digits are being looked at
    expect(page.locator(NEAREST)).to_have_count(5)
    page.locator("#why [name=turn]").fill("0")
    variants = page.locator("#why .what-if figure")
    expect(variants).to_have_count(2)
    expect(variants.nth(1).locator(".digit")).to_have_text("7")
    as_drawn, changed = (variants.nth(i).locator(".ink") for i in range(2))
    expect(changed).to_have_attribute("src", as_drawn.get_attribute("src") or "")
    for change in (
        lambda: page.locator("#why [name=turn]").fill("90"),
        lambda: page.locator("#why [name=pen]").fill("5"),
        lambda: page.locator("#why [name=centred]").uncheck(),
    ):
        before = changed.get_attribute("src") or ""
        change()
        expect(changed).not_to_have_attribute("src", before)
    expect(page.locator("#why output.turn")).to_have_text("90°")
    page.locator("#why .controls button").click()
    expect(changed).to_have_attribute("src", as_drawn.get_attribute("src") or "")
    expect(page.locator("#why output.turn")).to_have_text("0°")


def test_a_closed_explanation_asks_nothing(page: Page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "component_server" in request.url else None)
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_answer(page, "7")
    assert not asked
