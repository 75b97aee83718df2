import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from mnist_demo.my_digits import parse_my_digits
from mnist_demo.practice import design_strokes
from tests.browser import choose, draw_with_mouse, expect_answer
from tests.page.test_train import RUNS, STATUS

KEPT, MINE = "#answer .kept", "#hand .mine li"
DRAWN = [("plain 7", 7), ("open 4", 4), ("curly 2", 2), ("flagged 1", 1)]


def label(page: Page, name: str, digit: int) -> None:
    """Draw a digit and say what it is."""
    if page.locator("#pad .clear").is_enabled():
        page.locator("#pad .clear").click()
    draw_with_mouse(page, design_strokes(name))
    page.locator("#answer .labels button").nth(digit).click()
    expect(page.locator(KEPT)).to_contain_text(f"Kept as a {digit}")


def open_hand(page: Page) -> None:
    page.locator(f"{KEPT} button").click()
    expect(page.locator("#hand h3")).to_be_visible()


def test_a_hand_is_taught_and_read(page: Page):
    choose(page, "draw-model", "softmax")
    for name, digit in DRAWN:
        label(page, name, digit)
    expect(page.locator(KEPT)).to_contain_text("in this browser: 4 of yours.")
    open_hand(page)
    expect(page.locator(MINE)).to_have_count(4)
    page.locator("#hand .learn").click()
    expect(page.locator("#hand .status")).to_contain_text("Learned in ")
    rows = page.locator("#hand tbody tr")
    expect(rows).to_have_count(3)
    assert re.fullmatch(r"\d of 4", rows.nth(0).locator("td").first.inner_text())
    expect(rows.nth(2)).to_contain_text(re.compile(r"\d %.*[+-]\d+\.\d\d points"))
    expect(page.locator("#hand polyline")).to_have_count(2)
    for cell in page.locator(MINE).all():
        truth, read = cell.locator("select").input_value(), cell.locator(".says").inner_text()
        assert cell.get_attribute("class") == ("right" if read == f"read as {truth}" else "wrong")
    expect(page.locator(RUNS)).to_contain_text("softmax, yours 1 (taught)")
    expect(page.locator(STATUS)).to_contain_text("softmax, yours 1 (taught) is here")
    page.locator("#hand .use").click()
    expect(page.locator("#draw-model input")).to_have_value("softmax, yours 1 (taught)")
    page.locator("#pad .clear").click()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_answer(page, "7")


def test_ones_digits_stay_in_the_browser_until_they_are_deleted(page: Page):
    for name, digit in DRAWN[:3]:
        label(page, name, digit)
    page.locator("#answer .labels button").nth(3).click()  # it was no 2
    expect(page.locator(KEPT)).to_contain_text("Kept as a 3, in this browser: 3 of yours.")
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator(MINE)).to_have_count(3)
    labels = page.locator(f"{MINE} select")
    assert [select.input_value() for select in labels.all()] == ["7", "4", "3"]
    labels.nth(2).select_option("2")
    page.locator(MINE).first.get_by_role("button").click()
    expect(page.locator(MINE)).to_have_count(2)
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator(MINE)).to_have_count(2)
    assert [select.input_value() for select in page.locator(f"{MINE} select").all()] == ["4", "2"]
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#hand .delete-all").click()
    expect(page.locator(MINE)).to_have_count(2)
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#hand .delete-all").click()
    expect(page.locator(MINE)).to_have_count(0)
    expect(page.locator("#hand .learn")).to_be_disabled()
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#hand .none")).to_be_visible()


def test_ones_digits_are_downloaded_and_uploaded_again(page: Page, tmp_path: Path):
    for name, digit in DRAWN[:2]:
        label(page, name, digit)
    open_hand(page)
    with page.expect_download() as download:
        page.locator("#hand .download").click()
    assert download.value.suggested_filename == "my digits.json"
    file = tmp_path / "mine.json"
    download.value.save_as(file)
    assert [digit.label for digit in parse_my_digits(file.read_bytes())] == [7, 4]
    page.locator(MINE).first.get_by_role("button").click()
    expect(page.locator(MINE)).to_have_count(1)
    upload, notice = page.locator("#hand .upload input"), page.locator("#hand .notice")
    upload.set_input_files(file)
    expect(page.locator(MINE)).to_have_count(2)
    expect(notice).to_have_text("1 digit was added.")
    hostile = {"format": "mnist-demo digits", "version": 1, "digits": [{"label": "<img src=x>", "strokes": [[[1, 2]]]}]}
    for content, message in (
        ("no digits", "The file is no JSON"),
        (json.dumps(hostile), "Digit 1: The label must be a whole number from 0 to 9; got a text."),
        (json.dumps(hostile | {"digits": [{}] * 100_000}), "There must be from 1 to 300 digits; got 100,000."),
        (" " * 5_000_001, "The file has 5,000,001 bytes; at most 5,000,000 are read."),
    ):
        file.write_text(content)
        upload.set_input_files(file)
        expect(notice).to_contain_text(message)
        expect(page.locator(MINE)).to_have_count(2)
    assert page.locator("img[src=x]").count() == 0


def test_what_another_page_left_in_the_store_is_no_digit_of_ours(page: Page):
    page.evaluate("() => localStorage.setItem('mnist_demo.digits', '[{\"label\": 77}]')")
    page.reload()
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#hand .none")).to_be_visible()
