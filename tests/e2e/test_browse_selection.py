"""The Browse tab shows the selected digits, page by page."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.browse_tab import (
    CELLS,
    CHIPS,
    GET_DIGITS,
    RANGE,
    SUMMARY,
    click,
    count_of_option,
    expect_chip,
    get_cells,
    open_browser,
    open_link,
    pick,
)
from tests.e2e.conftest import Visit, slow


def test_digits_are_paged_and_marked_as_correct_or_incorrect(page: Page):
    open_browser(page)
    expect(page.locator(CELLS)).to_have_count(100)
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
    expect(page.locator(SUMMARY)).to_contain_text("synthetic digits, test set")
    expect(page.locator("#digit-browser .previous-page")).to_be_disabled()
    first = page.evaluate(GET_DIGITS)
    page.locator("#digit-browser .next-page").click()
    expect(page.locator(RANGE)).to_have_text("101 to 200 of 1,000")
    assert page.evaluate(GET_DIGITS) != first
    page.locator("#digit-browser .previous-page").click()
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
    assert page.evaluate(GET_DIGITS) == first

    # The marks agree with the captions: in words, by shape and in color.
    pick(page, "model", "softmax")
    expect(page.locator(SUMMARY)).to_contain_text("softmax:")
    expect(page.locator("#digit-browser .digits .incorrect").first).to_be_visible()
    cells = get_cells(page)
    assert len(cells) == 100
    for prediction, label, kind, name in cells:
        assert kind == ("correct" if prediction == label else "incorrect")
        word = "correct" if kind == "correct" else "wrong"
        assert name == f"{word}: prediction {prediction}, correct digit {label}"
    green, red = (page.locator(f"#digit-browser .digits .{kind} .caption").first for kind in ("correct", "incorrect"))
    page.wait_for_timeout(500)  # the colors ease
    color = "element => getComputedStyle(element).color.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(range(3), key=green.evaluate(color).__getitem__) == 1
    assert max(range(3), key=red.evaluate(color).__getitem__) == 0


@slow
def test_other_sets_of_digits_can_be_chosen(page: Page):
    open_browser(page)
    pick(page, "set", "train")
    expect(page.locator(SUMMARY)).to_contain_text("of 8,000 wrong")


@slow
def test_chips_select_mistakes_all_digits_or_a_comparison(visit: Visit):
    page = open_link(visit, "model=softmax&truth=3")
    click(page, ".chips [name=mistakes]")
    count = count_of_option(page, "show", "wrong")
    assert count > 20
    expect(page.locator(f"{CHIPS} [name=mistakes]")).to_have_text(f"Mistakes {count}")
    expect(page.locator(SUMMARY)).to_contain_text(f"softmax: {count} of 1,000 wrong")
    expect(page.locator("#digit-browser .digits .correct")).to_have_count(0)
    click(page, ".chips [name=all]")
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
    expect(page).to_have_url(re.compile("order=stored"))
    page.reload()
    expect_chip(page, "all")
    click(page, ".chips [name=hardest]")
    expect(page.locator("select[name=order]")).to_have_value("unsure")
    expect(page.locator("select[name=model]")).to_have_value("softmax")


@slow
def test_a_selection_without_digits_can_be_reset(page: Page):
    open_browser(page)
    pick(page, "truth", "4")
    pick(page, "read", "6")
    pick(page, "show", "right")
    expect(page.locator(".no-digits")).to_contain_text("No digits match.")
    expect(page.locator(".filters")).to_have_text("Filters3")
    click(page, ".no-digits .reset")
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
    expect(page.locator(".no-digits")).to_be_hidden()
