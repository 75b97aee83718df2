"""The settings follow the selected recipe, and explain invalid values."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import choose
from tests.e2e.train_tab import RUNS, STATUS, expect_recipe, fill, open_settings, open_training


def test_an_invalid_value_is_explained_at_its_field(page: Page):
    open_training(page)
    open_settings(page)
    for field, value, message in (
        ("lr", "0", "must be a number above 0; got 0"),
        ("lr", "", "Enter a number."),
        ("lr", "1,000", "Write 1000, or use a decimal point."),
        ("batch-size", "9000", "must be at most 2,000 on this page; got 9,000"),
        ("epochs", "0", "must be a whole number of at least 1; got 0"),
    ):
        before = page.locator(f"#field-{field} input").input_value()
        fill(page, field, value)
        expect(page.locator(f"#field-{field}")).to_contain_text(message)
        expect(page.locator("#start")).to_be_disabled()
        expect(page.locator("#recipe-summary")).to_contain_text("Start is off: ")
        expect(page.locator("#recipe-summary")).to_contain_text(message)
        fill(page, field, before)
        expect(page.locator(f"#field-{field}")).not_to_contain_text(message)
        expect(page.locator("#start")).to_be_enabled()
    fill(page, "lr", "1000000")
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Training diverged at step")
    expect(page.locator("#start")).to_be_enabled()
    choose(page, "recipe", "sketch (needs pen strokes)")
    expect(page.locator("#recipe-summary")).to_contain_text("not in the data folder")
    expect(page.locator("#start")).to_be_disabled()


@pytest.mark.slow
def test_a_slow_browser_shows_the_selected_recipe(page: Page):
    open_training(page, "cnn")
    page.locator("#recipe input").click()
    option = page.get_by_role("option", name="softmax", exact=True)
    option.hover()  # the list is open: a list that opens slowly moves under the mouse
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    option.click()
    expect_recipe(page, "softmax")
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    open_settings(page)
    batch = page.locator("#batch img").get_attribute("src") or ""
    fill(page, "seed", "1")  # its update comes after those that are still pending
    expect(page.locator("#batch img")).not_to_have_attribute("src", batch)
    expect(page.locator("#recipe-summary")).to_contain_text("15 passes")
    expect(page.locator("#batch figcaption")).to_contain_text("these 100 digits")


@pytest.mark.slow
def test_a_card_selects_a_model_and_a_decimal_comma_is_a_decimal_point(page: Page):
    open_training(page, "mlp-512")
    cards = page.locator("#cards input")
    assert [card.is_checked() for card in cards.all()] == [False] * 4
    page.locator("#cards label").filter(has_text="softmax").click()
    expect_recipe(page, "softmax")
    expect(page.locator("#recipe input")).to_have_value("softmax")
    open_settings(page)
    page.locator("#field-lr input").press("End")
    page.locator("#field-lr input").press("Backspace")  # not a key that prints
    expect(page.locator("#recipe-summary")).to_contain_text("Start is off: Learning rate must be")
    fill(page, "epochs", "1")
    fill(page, "lr", "0,2")
    expect(page.locator("#recipe-summary")).to_contain_text("One pass over")
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_contain_text("lr 0.2")
    boxes = page.locator("#fields input").evaluate_all(
        """all => all.map((input) => (input.closest('#fields .wrap') ?? input).getBoundingClientRect())
          .map(({ y, height }) => [Math.round(y), Math.round(height)])"""
    )
    assert len({height for _, height in boxes}) == 1 and len({y for y, _ in boxes}) == 2  # two rows of four
