import csv
import re
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.data import Dataset
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.ui.browse_tab import BrowseTab
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.datasets import Loaded
from tests.browser import draw_with_mouse, expect_prediction, find_pad
from tests.e2e.conftest import PHONE, Visit

slow = pytest.mark.slow
CELLS, SUMMARY, RANGE = "#digit-browser .digits button", "#digit-browser .head", "#digit-browser .range"
CHIPS, ROW_TOP = "#digit-browser .chips", "() => document.querySelector('.digits').getBoundingClientRect().top"
NOTICE, DIALOG = "#digit-browser .notice", "#digit-browser dialog"
GET_DIGITS = """() => Array.from(
  document.querySelectorAll('#digit-browser .digits button'), (cell) => [cell.ariaLabel, cell.firstChild.style.cssText]
)"""


def open_browser(page: Page) -> None:
    page.get_by_role("tab", name="Browse").click()
    expect(page.locator(CELLS).first).to_be_visible()


def open_link(visit: Visit, parameters: str, **options: Any) -> Page:
    """Open a link to a page of digits in a new page."""
    page = visit(f"?tab=browse&{parameters}", **options)
    expect(page.locator(CELLS).first).to_be_visible()
    wait_for_digits(page)
    return page


def pick(page: Page, name: str, value: str) -> None:
    """Choose an option, and wait for the digits."""
    page.locator(f"#digit-browser select[name={name}]").select_option(value, force=True)  # it may be in a drawer
    wait_for_digits(page)


def click(page: Page, selector: str) -> None:
    """Click a part of the digit browser, and wait for the digits."""
    page.locator(f"#digit-browser {selector}").click()
    wait_for_digits(page)


def wait_for_digits(page: Page) -> None:
    expect(page.locator("#digit-browser .loading")).to_have_count(0)


def count_of_option(page: Page, name: str, value: str) -> int:
    text = page.locator(f"#digit-browser select[name={name}] option[value='{value}']").text_content() or ""
    return int(re.search(r"\(([\d,]+)\)$", text)[1].replace(",", ""))  # type: ignore[index]


def get_cells(page: Page) -> list[tuple[str, str, str, str]]:
    """Return the prediction, label, class and accessible name of each digit."""
    cells = page.locator(CELLS).evaluate_all(
        "all => all.map((cell) => [cell.innerText, cell.className, cell.ariaLabel])"
    )
    return [(*re.fullmatch(r"(\d) \((\d)\)", text.strip()).groups(), kind, name) for text, kind, name in cells]  # type: ignore[union-attr]


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


def test_a_cell_of_the_confusion_matrix_shows_its_digits(page: Page):
    open_browser(page)
    pick(page, "model", "softmax")
    count, label, prediction = find_errors(page)[0]
    cell = f".confusion button[aria-label^='{count} {label}s predicted as {prediction},']"
    click(page, cell)
    expect(page.locator(CELLS)).to_have_count(int(count))
    assert {each[:2] for each in get_cells(page)} == {(prediction, label)}
    assert count_of_option(page, "read", prediction) == int(count)
    expect(page).to_have_url(re.compile(f"truth={label}&read={prediction}"))
    expect(page.locator(".confusion [aria-pressed=true]")).to_have_count(1)
    number = f"{count} {label}s" if count != "1" else f"one {label}"
    expect(page.locator(SUMMARY)).to_contain_text(f"softmax: {number} predicted as {prediction}")
    click(page, cell)  # releases it
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
    expect(page.locator(".confusion [aria-pressed=true]")).to_have_count(0)


def find_errors(page: Page) -> list[tuple[str, str, str]]:
    """Return the count, correct digit and prediction of each cell of the confusion matrix that counts errors."""
    cells = page.locator("#digit-browser .confusion .incorrect:not([hidden])")
    names = cells.evaluate_all("all => all.map((cell) => cell.ariaLabel)")
    pattern = r"(\d+) (\d)s predicted as (\d), \d+\.\d%"
    return [re.fullmatch(pattern, name).groups() for name in names]  # type: ignore[union-attr, misc]


def test_a_link_shows_the_same_digits_in_another_browser(page: Page, browser: Browser):
    open_browser(page)
    pick(page, "model", "mlp-sigmoid")
    pick(page, "show", "wrong")
    pick(page, "order", "random")
    seed = page.locator("input[name=seed]").input_value()
    expect(page).to_have_url(re.compile("order=random" if seed == "0" else f"order=random&seed={seed}"))
    other = browser.new_page()
    other.goto(page.url)
    expect(other.locator(SUMMARY)).to_have_text(page.locator(SUMMARY).inner_text())
    assert other.evaluate(GET_DIGITS) == page.evaluate(GET_DIGITS)
    assert len(page.evaluate(GET_DIGITS)) == min(100, count_of_option(page, "show", "wrong"))
    other.close()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("show=<img src=x onerror=alert(1)>", "choose from: 'all', 'right', 'wrong'"),
        pytest.param("truth=12", "truth is '12'", marks=slow),
        pytest.param("model=token%2Fsoftmax, yours 1", "The model 'softmax, yours 1' is no longer", marks=slow),
        pytest.param("set=secret", "There is no set of digits 'secret'.", marks=slow),
    ],
)
def test_a_bad_link_is_reported_and_shows_all_digits(visit: Visit, query: str, message: str):
    page = open_link(visit, query)
    expect(page.locator(NOTICE)).to_contain_text(message)
    expect(page.locator(NOTICE)).to_contain_text("All digits of the test set are shown instead.")
    expect(page.locator(CELLS)).to_have_count(100)


def test_a_link_to_a_digit_that_does_not_exist_is_reported(visit: Visit):
    page = open_link(visit, "row=999999")
    expect(page.locator(NOTICE)).to_have_text("There is no digit '999999'; the set has digits 0 to 999.")
    expect(page.locator(CELLS)).to_have_count(100)


def test_a_dialog_shows_one_digit_and_arrow_keys_go_to_the_next(page: Page):
    open_browser(page)
    pick(page, "model", "softmax")
    pick(page, "show", "wrong")
    (prediction, label, *_), (next_prediction, next_label, *_) = get_cells(page)[:2]
    page.locator(CELLS).first.click()
    title = page.locator("#digit-title")
    expect(title).to_contain_text(f": correct digit {label}, prediction {prediction} ✗")
    values = [int(text) for text in page.locator(".pixels span").all_inner_texts()]
    assert len(values) == 784 and max(values) > 200 and min(values) == 0
    expect(page.locator(f"{DIALOG} .bars .bar")).to_have_count(10)
    expect(page.locator(f"{DIALOG} .models li")).to_have_count(len(list_checkpoints()))
    expect(page.locator(f"{DIALOG} .models li").filter(has_text=re.compile(r"^softmax"))).to_have_class("incorrect")
    before = title.inner_text()
    page.keyboard.press("ArrowRight")
    expect(title).to_contain_text(f": correct digit {next_label}, prediction {next_prediction} ✗")
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text(before)
    expect(page).to_have_url(re.compile("row="))
    page.keyboard.press("Escape")
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page).not_to_have_url(re.compile("row="))
    page.locator("#digit-browser .random-digit").click()
    expect(page.locator(DIALOG)).to_be_visible()


def test_two_models_are_compared_both_ways(page: Page):
    open_browser(page)
    pick(page, "other", "softmax")
    counts = [count_of_option(page, "compare", choice) for choice in ("only this one", "only the other")]
    assert counts[0] > counts[1]
    pick(page, "compare", "only this one")
    expect(page.locator(RANGE)).to_contain_text(f"of {counts[0]}")
    expect(page.locator("#digit-browser .digits .incorrect")).to_have_count(0)
    expect(page).to_have_url(re.compile("other=softmax"))
    page.locator(CELLS).first.click()
    expect(page.locator(f"{DIALOG} .models li").filter(has_text=re.compile(r"^softmax"))).to_have_class("incorrect")


@slow
def test_other_sets_of_digits_can_be_chosen(page: Page):
    open_browser(page)
    pick(page, "set", "train")
    expect(page.locator(SUMMARY)).to_contain_text("of 8,000 wrong")


def test_the_digits_and_all_predictions_can_be_downloaded(page: Page, tmp_path: Path):
    open_browser(page)
    pick(page, "model", "softmax")
    pick(page, "show", "wrong")
    for button in ("grid-file", "table-file"):
        with page.expect_download() as download:
            page.locator(f"#digit-browser .{button}").click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    with Image.open(tmp_path / "softmax, synthetic digits, test set.png") as image:
        assert image.format == "PNG" and image.width == 1600
    with (tmp_path / "softmax, synthetic digits, test set.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1_000 and list(rows[3])[:4] == ["index", "truth", "prediction", "p0"]
    assert sum(row["truth"] != row["prediction"] for row in rows) == count_of_option(page, "show", "wrong")
    assert abs(sum(float(rows[5][f"p{digit}"]) for digit in range(10)) - 1) < 1e-4


def test_a_late_digit_opens_no_dialog_over_another_tab(page: Page):
    open_browser(page)
    held: list[Route] = []
    page.route("**/component_server/", lambda route: held.append(route))
    with page.expect_request("**/component_server/"):
        page.locator(CELLS).first.click()
    page.get_by_role("tab", name="Draw").click()
    expect(page.locator("#pad canvas")).to_be_visible()
    with page.expect_response("**/component_server/") as response:
        held[0].continue_()
    response.value.finished()
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")  # the page has handled the response
    expect(page.locator(DIALOG)).to_be_hidden()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")


# Hold what server functions return until `release` is called.
HOLD = """
const request = window.fetch;
window.fetch = async (url, ...rest) => {
  const response = await request(url, ...rest);
  if (!window.holds || !String(url.url ?? url).includes('component_server')) return response;
  const content = await response.json();
  await new Promise((resolve) => (window.release = resolve));
  return { ok: true, status: 200, json: async () => content };
};
"""


def test_a_dialog_that_is_closed_during_a_request_stays_closed(page: Page):
    page.add_init_script(HOLD)
    page.reload()
    open_browser(page)
    page.locator(CELLS).first.click()
    expect(page.locator(DIALOG)).to_be_visible()
    page.evaluate("window.holds = true")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("Boolean(window.release)")
    # The response arrives after the dialog is closed, and before its event `close`.
    page.evaluate(
        "addEventListener('close', (event) => event.stopImmediatePropagation(), { capture: true, once: true })"
    )
    page.locator(DIALOG).evaluate("dialog => dialog.close()")
    page.wait_for_timeout(100)
    page.evaluate("release()")
    page.wait_for_timeout(200)
    expect(page.locator(DIALOG)).to_be_hidden()


def test_a_download_does_not_replace_a_pending_page_of_digits(page: Page):
    open_browser(page)
    page.locator("#digit-browser select[name=model]").select_option("mlp-500")
    with page.expect_download():
        page.locator("#digit-browser .table-file").click()
    expect(page.locator(SUMMARY)).to_contain_text("mlp-500:")
    expect(page.locator(SUMMARY)).to_contain_text("% correct")
    expect(page.locator("#digit-browser .loading")).to_have_count(0)


def test_the_address_restores_the_tab_and_the_query(page: Page):
    open_browser(page)
    pick(page, "show", "wrong")
    expect(page).to_have_url(re.compile("show=wrong"))
    link = page.url
    page.get_by_role("tab", name="Train").click()
    expect(page).to_have_url(re.compile(r"/\?tab=train$"))
    page.reload()
    expect(page.locator("#start")).to_be_visible()
    page.goto(link)
    expect(page.locator("#digit-browser select[name=show]")).to_have_value("wrong")
    page.get_by_role("tab", name="Draw").click()
    expect(page).to_have_url(re.compile(r"/\?tab=draw$"))
    page.get_by_role("tab", name="Browse").click()
    expect(page).to_have_url(link)


def test_a_held_arrow_key_moves_on_with_each_response(visit: Visit):
    page = open_link(visit, "order=stored")
    page.locator(CELLS).first.click()
    title = page.locator("#digit-title")
    expect(title).to_contain_text("Digit 0:")
    devtools = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 100, "downloadThroughput": -1, "uploadThroughput": -1}
    devtools.send("Network.emulateNetworkConditions", slow)
    titles = set()
    for _ in range(40):  # a held key repeats about 30 times a second, without keyup
        page.keyboard.down("ArrowRight")
        page.wait_for_timeout(30)
        titles.add(title.inner_text())
        if len(titles) > 3:
            break
    assert len(titles) > 3


@slow
def test_a_dropped_model_is_removed_from_the_query(browser: Browser, synthetic: Dataset):
    services = Services.create(None)
    services.datasets.loaded = Loaded(synthetic)
    tab = BrowseTab(services)
    with gr.Blocks() as demo:
        tab.build(gr.Tab("Browse"))
        gr.Button("Train").click(lambda: [["cnn", "cnn"], ["sketch", "sketch"]], None, tab.browser)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True)
    page = browser.new_page()
    try:
        page.goto(address)
        expect(page.locator(CELLS).first).to_be_visible()
        pick(page, "other", "softmax")
        pick(page, "compare", "only this one")
        page.get_by_role("button", name="Train").click()
        expect(page.locator("#digit-browser select[name=other] option")).to_have_count(2)
        expect(page.locator("#digit-browser select[name=other]")).to_have_value("")
        expect(page.locator("#digit-browser select[name=compare]")).to_be_hidden()
        expect(page.locator(CELLS)).to_have_count(100)
        expect(page.locator(NOTICE)).to_have_text("")
    finally:
        page.close()
        demo.close()


HIDE_BANNER = "#banner { display: none !important; }"  # of synthetic digits


def expect_chip(page: Page, name: str) -> None:
    expect(page.locator(f"{CHIPS} [aria-pressed=true]")).to_have_attribute("name", name)


def test_the_tab_opens_on_the_hardest_digits_and_old_links_keep_their_meaning(visit: Visit):
    page = visit()
    open_browser(page)
    expect_chip(page, "hardest")
    expect(page).to_have_url(re.compile(r"\?tab=browse&order=unsure$"))
    hardest = page.evaluate(GET_DIGITS)
    page = open_link(visit, "model=sketch")
    expect(page.locator("select[name=order]")).to_have_value("stored")
    expect_chip(page, "all")
    stored = page.evaluate(GET_DIGITS)
    assert stored != hardest
    assert open_link(visit, "order=stored").evaluate(GET_DIGITS) == stored


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
def test_the_matrix_has_headings_totals_and_a_button_that_shows_all(visit: Visit):
    page = open_link(visit, "model=softmax")
    errors = find_errors(page)
    wrong = sum(int(count) for count, *_ in errors)
    expect(page.locator(".confusion tr:last-child .errors")).to_have_text(str(wrong))
    for column, word in ((1, "correct digit"), (2, "prediction")):
        digit = errors[0][column]
        count = sum(int(error[0]) for error in errors if error[column] == digit)
        row = int(digit) + 2
        total = (
            f".confusion tr:nth-child({row}) .errors"
            if column == 1
            else f".confusion tr:last-child td:nth-child({row})"
        )
        expect(page.locator(total)).to_have_text(str(count))
        heading = f"tr:nth-child({row}) > th button" if column == 1 else f"tr:first-child > th:nth-child({row}) button"
        click(page, f".confusion {heading}")
        expect(page.locator(CELLS)).to_have_count(count)
        assert all(name.endswith(f"{word} {digit}") or f"{word} {digit}," in name for *_, name in get_cells(page))
        expect(page.locator(".confusion [aria-pressed=true]")).to_have_text(digit)
        click(page, ".show-all")
        expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
        expect(page.locator(".show-all")).to_be_hidden()


@slow
def test_keys_move_in_the_matrix_and_on_the_wall_and_tab_stops_are_few(visit: Visit):
    page = open_link(visit, "model=softmax&order=unsure")
    cell = page.locator(".confusion .incorrect:not([hidden])").first
    cell.focus()
    name = cell.get_attribute("aria-label")
    page.keyboard.press("Enter")
    wait_for_digits(page)
    expect(page.locator(SUMMARY)).to_contain_text("predicted as")
    assert page.evaluate("document.activeElement.ariaLabel") == name  # the focus stays
    page.keyboard.press("Enter")
    wait_for_digits(page)
    page.locator(".confusion th button:not([hidden])").first.focus()
    for key, text in (("ArrowRight", "1"), ("ArrowRight", "2"), ("ArrowLeft", "1")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.innerText") == text
    page.keyboard.press("ArrowDown")  # to the first count below
    assert re.search(r" predicted as 1, ", page.evaluate("document.activeElement.ariaLabel"))
    page.locator(CELLS).first.focus()
    place = f"Array.from(document.querySelectorAll('{CELLS}')).indexOf(document.activeElement)"
    for key, index in (("ArrowRight", 1), ("ArrowDown", 11), ("ArrowLeft", 10), ("ArrowUp", 0), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.evaluate(place) == index
    stops = page.evaluate("""() => Array.from(document.querySelectorAll('#digit-browser *')).filter((node) =>
      node.tabIndex >= 0 && !node.disabled && node.checkVisibility({ visibilityProperty: true })).length""")
    assert 10 < stops <= 25


@slow
def test_back_undoes_each_step_and_closes_the_dialog(page: Page):
    open_browser(page)
    click(page, ".chips [name=all]")
    click(page, ".next-page")
    expect(page.locator(RANGE)).to_have_text("101 to 200 of 1,000")
    click(page, ".confusion .correct >> nth=0")
    expect(page.locator(SUMMARY)).to_contain_text("0s predicted as 0")
    page.locator(CELLS).first.click()
    expect(page.locator(DIALOG)).to_be_visible()
    page.go_back()
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page.locator(SUMMARY)).to_contain_text("0s predicted as 0")
    page.go_back()
    expect(page.locator(RANGE)).to_have_text("101 to 200 of 1,000")
    expect(page).to_have_url(re.compile("order=stored&page=1$"))
    page.go_back()
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
    expect_chip(page, "all")
    page.go_back()
    expect_chip(page, "hardest")
    expect(page).to_have_url(re.compile(r"\?tab=browse&order=unsure$"))
    page.go_forward()
    expect_chip(page, "all")
    page.get_by_role("tab", name="Train").click()
    page.go_back()  # to a state of Browse
    expect_chip(page, "hardest")
    expect(page.locator(CELLS).first).to_be_visible()


@slow
def test_the_dialog_returns_the_focus_to_the_digit_seen_last(visit: Visit):
    page = open_link(visit, "order=stored")
    place = f"Array.from(document.querySelectorAll('{CELLS}')).indexOf(document.activeElement)"
    for start, end, shown in ((3, 4, "1 to 100 of 1,000"), (99, 0, "101 to 200 of 1,000")):
        page.locator(CELLS).nth(start).click()
        expect(page.locator("#digit-title")).to_contain_text(f"Digit {start}:")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#digit-title")).to_contain_text(f"Digit {start + 1}:")
        page.keyboard.press("Escape")
        expect(page.locator(RANGE)).to_have_text(shown)
        page.wait_for_function(f"{place} === {end}")
        expect(page).not_to_have_url(re.compile("row="))


@slow
def test_a_comparison_names_its_counts_and_does_not_move_the_digits(page: Page):
    open_browser(page)
    top = page.evaluate(ROW_TOP)
    click(page, ".chips [name=compare]")
    one, other = (count_of_option(page, "compare", choice) for choice in ("only this one", "only the other"))
    text = f"sketch is correct on {one} that softmax misses; the other way round {other}."
    expect(page.locator(".comparison")).to_have_text(text)
    expect(page.locator(SUMMARY)).to_contain_text(f"Only sketch is correct: {one}")
    caption, name = page.locator(CELLS).first.inner_text(), page.locator(CELLS).first.get_attribute("aria-label")
    prediction, second, label = re.fullmatch(r"(\d)·(\d) \((\d)\)", caption.strip()).groups()  # type: ignore[union-attr]
    assert prediction == label != second
    assert name == f"correct: prediction {prediction}, softmax {second}, correct digit {label}"
    assert abs(page.evaluate(ROW_TOP) - top) < 1
    page.locator(".comparison [name='only this one']").click()  # releases it
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")


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


@slow
def test_the_link_can_be_copied(visit: Visit):
    page = open_link(visit, "model=softmax&truth=3")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".copy-link").click()
    expect(page.locator(".copy-link")).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    expect(page.locator(".copy-link")).to_have_text("Copy link")


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


# Contrast of the text of each cell; the background is the nearest one that is not transparent.
MEASURE_CELLS = """() => {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return Array.from(context.getImageData(0, 0, 1, 1).data);
  };
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((c) => (c <= 10 ? c / 3294 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = '.confusion button:not([hidden]), .confusion td.errors, .confusion tr:last-child td';
  const cells = document.querySelectorAll(texts);
  return Array.from(cells, (cell) => {
    let node = cell;
    while (rgb(getComputedStyle(node).backgroundColor)[3] < 255) node = node.parentElement;
    const text = luminance(rgb(getComputedStyle(cell).color));
    const ground = luminance(rgb(getComputedStyle(node).backgroundColor));
    return [cell.className, (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05), ground];
  });
}"""


@slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_matrix_is_readable_and_only_errors_are_tinted(visit: Visit, theme: str):
    page = open_link(visit, f"model=softmax&__theme={theme}")
    cells = page.evaluate(MEASURE_CELLS)
    assert len(cells) > 60 and min(contrast for _, contrast, _ in cells) >= 4.5
    correct, incorrect = (
        {round(ground, 3) for name, _, ground in cells if name == kind} for kind in ("correct", "incorrect")
    )
    # Without color, errors differ from the plain diagonal.
    assert len(correct) == 1 and len(incorrect) > 3 and not correct & incorrect


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
def test_a_browser_without_check_visibility_shows_the_digits_and_the_address(browser: Browser, app_url: str):
    page = browser.new_page()
    page.add_init_script("delete Element.prototype.checkVisibility")
    page.goto(f"{app_url}?tab=browse&order=unsure")
    click(page, ".chips [name=mistakes]")
    expect(page).to_have_url(re.compile("show=wrong"))
    page.locator(CELLS).first.click()
    expect(page.locator(DIALOG)).to_be_visible()
    page.close()


@slow
def test_a_projector_gets_the_whole_width_and_no_small_text(visit: Visit):
    page = open_link(visit, "order=unsure", width=1920, height=1080)
    assert page.locator("#digit-browser").bounding_box()["width"] > 1600  # type: ignore[index]
    sizes = page.evaluate("""() => Array.from(document.querySelectorAll('#digit-browser *')).filter((node) =>
      node.checkVisibility() && Array.from(node.childNodes).some((child) => child.nodeType === 3 && child.data.trim()))
      .map((node) => parseFloat(getComputedStyle(node).fontSize))""")
    assert min(sizes) >= 14
