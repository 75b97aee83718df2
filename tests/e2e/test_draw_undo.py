"""Undo and Clear work by button and by key."""

from playwright.sync_api import Page, expect

from mnist_demo.data.synthetic import design_strokes
from tests.browser import FINAL_PREDICTION, draw_with_mouse, expect_prediction
from tests.e2e.conftest import keeps_page
from tests.e2e.draw_tab import GET_DRAWING, SEVEN, clear


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


@keeps_page
def test_the_keyboard_focus_stays_in_the_pad_when_it_is_cleared(page: Page):
    draw_with_mouse(page, SEVEN)
    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#pad canvas")).to_be_focused()
