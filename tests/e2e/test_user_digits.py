import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mnist_demo.data.synthetic import design_strokes
from mnist_demo.personalize.user_digits import parse_user_digits
from tests.browser import choose, draw_with_mouse, expect_prediction
from tests.e2e.test_train import RUNS, STATUS

SAVED, DIGITS = "#prediction .saved", "#user-digits .digits li"
FINE_TUNED = "softmax, yours 1 (fine-tuned)"
DRAWINGS = [("plain 7", 7), ("open 4", 4), ("curly 2", 2), ("flagged 1", 1)]


def label(page: Page, name: str, digit: int) -> None:
    """Draw a digit and label it."""
    if page.locator("#pad .clear").is_enabled():
        page.locator("#pad .clear").click()
    draw_with_mouse(page, design_strokes(name))
    page.locator("#prediction .labels button").nth(digit).click()
    expect(page.locator(SAVED)).to_contain_text(f"Saved as a {digit} in this browser.")


def open_user_digits(page: Page) -> None:
    page.locator(f"{SAVED} button").click()
    expect(page.locator("#user-digits h3")).to_be_visible()


def test_a_model_is_fine_tuned_on_labeled_drawings(page: Page):
    choose(page, "draw-model", "softmax")
    for name, digit in DRAWINGS:
        label(page, name, digit)
    expect(page.locator(SAVED)).to_contain_text("Your digits: 4.")
    open_user_digits(page)
    expect(page.locator(DIGITS)).to_have_count(4)
    page.locator("#user-digits .fine-tune").click()
    expect(page.locator("#user-digits .status")).to_contain_text("Fine-tuned in ")
    rows = page.locator("#user-digits tbody tr")
    expect(rows).to_have_count(3)
    assert re.fullmatch(r"\d of 4", rows.nth(0).locator("td").first.inner_text())
    expect(rows.nth(2)).to_contain_text(re.compile(r"\d %.*[+-]\d+\.\d\d points"))
    expect(page.locator("#user-digits polyline")).to_have_count(2)
    for cell in page.locator(DIGITS).all():
        expected, text = cell.locator("select").input_value(), cell.locator(".caption").inner_text()
        assert cell.get_attribute("class") == ("correct" if text == f"model: {expected}" else "incorrect")
    expect(page.locator(RUNS)).to_contain_text(FINE_TUNED)
    expect(page.locator(STATUS)).to_contain_text(f"{FINE_TUNED} is ready")
    page.locator("#user-digits .use-model").click()
    expect(page.locator("#draw-model input")).to_have_value(FINE_TUNED)
    page.locator("#pad .clear").click()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")


@pytest.mark.slow
def test_labeled_digits_stay_in_the_browser_until_they_are_deleted(page: Page):
    for name, digit in DRAWINGS[:3]:
        label(page, name, digit)
    page.locator("#prediction .labels button").nth(3).click()  # a new label replaces the old one
    expect(page.locator(SAVED)).to_contain_text("Saved as a 3 in this browser. Your digits: 3.")
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator(DIGITS)).to_have_count(3)
    labels = page.locator(f"{DIGITS} select")
    assert [select.input_value() for select in labels.all()] == ["7", "4", "3"]
    labels.nth(2).select_option("2")
    page.locator(DIGITS).first.get_by_role("button").click()
    expect(page.locator(DIGITS)).to_have_count(2)
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator(DIGITS)).to_have_count(2)
    assert [select.input_value() for select in page.locator(f"{DIGITS} select").all()] == ["4", "2"]
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#user-digits .delete-all").click()
    expect(page.locator(DIGITS)).to_have_count(2)
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#user-digits .delete-all").click()
    expect(page.locator(DIGITS)).to_have_count(0)
    expect(page.locator("#user-digits .fine-tune")).to_be_disabled()
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#user-digits .empty")).to_be_visible()


@pytest.mark.slow
def test_labeled_digits_are_downloaded_and_uploaded_again(page: Page, tmp_path: Path):
    for name, digit in DRAWINGS[:2]:
        label(page, name, digit)
    open_user_digits(page)
    with page.expect_download() as download:
        page.locator("#user-digits .download").click()
    assert download.value.suggested_filename == "my digits.json"
    file = tmp_path / "digits.json"
    download.value.save_as(file)
    assert [digit.label for digit in parse_user_digits(file.read_bytes())] == [7, 4]
    page.locator(DIGITS).first.get_by_role("button").click()
    expect(page.locator(DIGITS)).to_have_count(1)
    upload, notice = page.locator("#user-digits input[type=file]"), page.locator("#user-digits .notice")
    upload.set_input_files(file)
    expect(page.locator(DIGITS)).to_have_count(2)
    expect(notice).to_have_text("1 digit was added.")
    hostile = {"format": "mnist-demo digits", "version": 1, "digits": [{"label": "<img src=x>", "strokes": [[[1, 2]]]}]}
    for content, message in (
        ("no digits", "The file is not valid JSON."),
        (json.dumps(hostile), "Digit 1: The label must be a whole number from 0 to 9; got text."),
        (json.dumps(hostile | {"digits": [{}] * 100_000}), "There must be from 1 to 300 digits; got 100,000."),
        (" " * 5_000_001, "The file has 5,000,001 bytes; the limit is 5,000,000."),
    ):
        file.write_text(content)
        upload.set_input_files(file)
        expect(notice).to_contain_text(message)
        expect(page.locator(DIGITS)).to_have_count(2)
    assert page.locator("img[src=x]").count() == 0


def test_invalid_digits_in_the_storage_are_ignored(page: Page):
    page.evaluate("() => localStorage.setItem('mnist_demo.digits', '[{\"label\": 77}]')")
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#user-digits .empty")).to_be_visible()
