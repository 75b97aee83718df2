import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mnist_demo.data.synthetic import design_strokes
from mnist_demo.personalize.user_digits import parse_user_digits
from tests.browser import READY, choose, draw_with_mouse, expect_prediction, label_drawing
from tests.e2e.train_tab import OBSERVE_SHIFTS, RUNS, STATUS

SAVED, DIGITS = "#prediction .saved", "#user-digits .digits li"
FINE_TUNED = "softmax + your handwriting"
DRAWINGS = [("plain 7", 7), ("open 4", 4), ("curly 2", 2), ("flagged 1", 1)]


def label(page: Page, name: str, digit: int) -> None:
    """Draw a digit and label it."""
    if page.locator("#pad .clear").is_enabled():
        page.locator("#pad .clear").click()
    draw_with_mouse(page, design_strokes(name))
    label_drawing(page, digit)
    expect(page.locator(SAVED)).to_contain_text(f"Saved as a {digit} in this browser (")


def open_user_digits(page: Page) -> None:
    page.locator(f"{SAVED} button").click()
    expect(page.locator("#user-digits h2").first).to_be_visible()


def test_a_model_is_fine_tuned_on_labeled_drawings(page: Page):
    choose(page, "draw-model", "softmax")
    for name, digit in DRAWINGS:
        label(page, name, digit)
    expect(page.locator(SAVED)).to_contain_text("(4 so far)")
    open_user_digits(page)
    expect(page.locator(DIGITS)).to_have_count(4)
    expect(page.locator("#user-digits .slots li").nth(7)).to_have_text("7 ●○○")
    expect(page.locator("#user-digits .model")).to_have_value("softmax")
    page.locator("#user-digits .fine-tune").click()
    expect(page.locator("#user-digits .status")).to_contain_text("Taught in ")
    rows = page.locator("#user-digits tbody tr")
    expect(rows).to_have_count(3)
    assert re.fullmatch(r"\d of 4", rows.nth(0).locator("td").first.inner_text())
    expect(rows.nth(2)).to_contain_text(re.compile(r"\d%.*\([+-]\d+\.\d\d\)"))
    expect(page.locator("#user-digits polyline")).to_have_count(2)
    for cell in page.locator(DIGITS).all():
        expected, text = cell.locator("select").input_value(), cell.locator(".caption").inner_text()
        assert cell.get_attribute("class") == ("correct" if text == f"read: {expected}" else "incorrect")
    page.get_by_role("tab", name="Train").click()
    expect(page.locator(RUNS)).to_contain_text(FINE_TUNED)
    expect(page.locator(STATUS)).to_contain_text(f"{FINE_TUNED} is ready")
    page.get_by_role("tab", name="Teach").click()
    page.locator("#user-digits .use-model").click()
    expect(page.locator("#draw-model input")).to_have_value(re.compile(rf"^{re.escape(FINE_TUNED)} · no hidden "))
    page.locator("#pad .clear").click()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")


@pytest.mark.slow
def test_digits_for_teach_are_labeled_one_after_another(page: Page):
    page.set_viewport_size({"width": 390, "height": 664})
    open_tab = page.get_by_role("tab", name="Teach")
    open_tab.click()
    page.locator("#user-digits .draw-more").click()
    for count, name in enumerate(("plain 7", "curved 7"), start=1):
        draw_with_mouse(page, design_strokes(name))
        label = page.locator("#prediction .labels button").nth(7)
        expect(label).to_be_in_viewport()  # unfolded, although the prediction is correct
        label.click()
        expect(page.locator("#prediction .saved")).to_contain_text(f"{count} saved. Draw the next digit.")
        expect(page.locator("#pad .sketchpad .clear")).to_be_disabled()  # the pad is clear
    page.locator("#prediction .train").click()
    expect(page.locator("#user-digits .digits li")).to_have_count(2)
    assert page.evaluate("scrollY") == 0
    page.get_by_role("tab", name="Draw").click()
    draw_with_mouse(page, design_strokes("hooked 7"))
    expect(page.locator("#prediction .ask")).to_have_text("Wrong? What did you draw?")
    expect(page.locator("#prediction .labels")).to_be_hidden()


def test_labeled_digits_stay_in_the_browser_until_they_are_deleted(page: Page):
    for name, digit in DRAWINGS[:3]:
        label(page, name, digit)
    label_drawing(page, 3)  # a new label replaces the old one
    expect(page.locator(SAVED)).to_contain_text("Saved as a 3 in this browser (3 so far).")
    page.reload()
    page.get_by_role("tab", name="Teach").click()
    expect(page.locator(DIGITS)).to_have_count(3)
    labels = page.locator(f"{DIGITS} select")
    assert [select.input_value() for select in labels.all()] == ["7", "4", "3"]
    labels.nth(2).select_option("2")
    page.locator(DIGITS).first.get_by_role("button").click()
    expect(page.locator(f"{DIGITS} select")).to_have_count(2)
    page.reload()
    page.get_by_role("tab", name="Teach").click()
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
    page.get_by_role("tab", name="Teach").click()
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
    expect(page.locator(f"{DIGITS} select")).to_have_count(1)
    upload, notice = page.locator("#user-digits input[type=file]"), page.locator("#user-digits .notice")
    upload.set_input_files(file)
    expect(page.locator(f"{DIGITS} select")).to_have_count(2)
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
        expect(page.locator(f"{DIGITS} select")).to_have_count(2)
    assert page.locator("img[src=x]").count() == 0


def test_invalid_digits_in_the_storage_are_ignored(page: Page):
    page.evaluate("() => localStorage.setItem('mnist_demo.digits', '[{\"label\": 77}]')")
    page.reload()
    page.get_by_role("tab", name="Teach").click()
    expect(page.locator("#user-digits .empty")).to_be_visible()


def store_digits(page: Page) -> None:
    """Store the drawings of DRAWINGS in the browser, and open Teach."""
    digits = [
        {"label": digit, "strokes": [list(map(list, s)) for s in design_strokes(name)]} for name, digit in DRAWINGS
    ]
    page.evaluate("(digits) => localStorage.setItem('mnist_demo.digits', JSON.stringify(digits))", digits)
    page.reload()
    page.wait_for_selector(READY, state="attached")
    page.add_style_tag(content="#banner { display: none !important; }")  # as with MNIST
    page.evaluate(OBSERVE_SHIFTS)
    page.get_by_role("tab", name="Teach").click()
    expect(page.locator(DIGITS)).to_have_count(len(digits))


@pytest.mark.slow
def test_a_deleted_digit_is_restored_in_its_place_and_nothing_moves(page: Page):
    store_digits(page)
    page.wait_for_timeout(500)
    assert sum(page.evaluate("shifts.splice(0)")) <= 0.02
    labels = page.locator(f"{DIGITS} select")
    for i in (2, 1):
        page.get_by_role("button", name=f"Delete digit {i},").click()
    expect(labels).to_have_count(2)
    assert [select.input_value() for select in labels.all()] == ["2", "1"]
    expect(page.locator("#user-digits .slots li").nth(4)).to_have_text("4 ○○○")
    page.locator(DIGITS).nth(1).get_by_role("button", name="Restore the deleted 4").click()
    page.locator(DIGITS).nth(0).get_by_role("button", name="Restore the deleted 7").click()
    expect(labels).to_have_count(4)
    assert [select.input_value() for select in labels.all()] == ["7", "4", "2", "1"]
    page.wait_for_timeout(300)
    assert sum(page.evaluate("shifts.splice(0)")) <= 0.02


@pytest.mark.slow
def test_models_taught_before_train_was_opened_are_listed_there(page: Page):
    store_digits(page)
    status, announced = page.locator("#user-digits .status"), page.locator("#user-digits [role=status]")
    for name in (FINE_TUNED, f"{FINE_TUNED} #2"):
        page.locator("#user-digits .model").select_option("softmax")
        page.locator("#user-digits .fine-tune").click()
        expect(status).to_contain_text(f"{name}: Taught in ")
        expect(announced).to_have_text(status.inner_text())
        expect(page.locator("#user-digits .fine-tune")).to_be_enabled()
        expect(page.locator("#user-digits .model option").first).to_have_text(name)
    with page.expect_download() as download:
        page.locator("#user-digits .keep-file").click()
    assert download.value.suggested_filename == f"{FINE_TUNED} #2.safetensors"
    page.wait_for_timeout(300)
    assert sum(page.evaluate("shifts.splice(0)")) <= 0.02
    page.get_by_role("tab", name="Train").click()
    expect(page.locator(RUNS)).to_have_count(2)
    assert [row.locator("td").nth(1).inner_text() for row in page.locator(RUNS).all()] == [
        f"{FINE_TUNED} #2",
        FINE_TUNED,
    ]


@pytest.mark.slow
def test_a_model_that_reads_all_digits_offers_one_that_errs(page: Page):
    store_digits(page)
    page.locator("#user-digits .fine-tune").click()
    expect(page.locator("#user-digits .status")).to_contain_text("sketch read all of your digits before")
    suggestion = page.locator("#user-digits .suggestion")
    expect(suggestion).to_have_text(re.compile(r"^Teach \S+, which is wrong about \d of them$"))
    model = suggestion.inner_text().split()[1].rstrip(",")
    suggestion.click()
    expect(page.locator("#user-digits .model")).to_have_value(model)
    expect(page.locator("#user-digits .status")).to_contain_text(f"{model} + your handwriting: Taught in ")
