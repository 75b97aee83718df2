import csv
import re
from pathlib import Path

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
from tests.browser import draw_with_mouse, expect_prediction

CELLS, SUMMARY, RANGE = "#digit-browser .digits button", "#digit-browser .summary", "#digit-browser .range"
NOTICE, DIALOG = "#digit-browser .notice", "#digit-browser dialog"
GET_DIGITS = """() => Array.from(
  document.querySelectorAll('#digit-browser .digits button'), (cell) => [cell.ariaLabel, cell.firstChild.style.cssText]
)"""


def open_browser(page: Page, url: str = "") -> None:
    """Open a link to a page of digits, or the tab."""
    if url:
        page.goto(url)
    else:
        page.get_by_role("tab", name="Browse").click()
    expect(page.locator(CELLS).first).to_be_visible()


def pick(page: Page, name: str, value: str) -> None:
    """Choose an option, and wait for the digits."""
    page.locator(f"#digit-browser select[name={name}]").select_option(value)
    expect(page.locator("#digit-browser .loading")).to_have_count(0)


def count_of_option(page: Page, name: str, value: str) -> int:
    text = page.locator(f"#digit-browser select[name={name}] option[value='{value}']").inner_text()
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
    expect(page.locator(SUMMARY)).to_contain_text("(synthetic digits, test set)")
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
        assert name == f"{kind}: prediction {prediction}, label {label}"
    green, red = (page.locator(f"#digit-browser .digits .{kind} .caption").first for kind in ("correct", "incorrect"))
    color = "element => getComputedStyle(element).color.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(range(3), key=green.evaluate(color).__getitem__) == 1
    assert max(range(3), key=red.evaluate(color).__getitem__) == 0


def test_a_cell_of_the_confusion_matrix_shows_its_digits(page: Page):
    open_browser(page)
    pick(page, "model", "softmax")
    names = page.locator(".confusion button:enabled").evaluate_all("all => all.map((cell) => cell.ariaLabel)")
    counts = [re.fullmatch(r"(\d+) digits: label (\d), prediction (\d)", name).groups() for name in names]  # type: ignore[union-attr]
    count, label, prediction = next(each for each in counts if each[1] != each[2])
    page.get_by_role("button", name=f"{count} digits: label {label}, prediction {prediction}", exact=True).click()
    expect(page.locator(CELLS)).to_have_count(int(count))
    assert {each[:2] for each in get_cells(page)} == {(prediction, label)}
    assert count_of_option(page, "read", prediction) == int(count)
    expect(page).to_have_url(re.compile(f"truth={label}&read={prediction}"))
    expect(page.locator(".confusion [aria-pressed=true]")).to_have_count(1)


def test_a_link_shows_the_same_digits_in_another_browser(page: Page, browser: Browser):
    open_browser(page)
    pick(page, "model", "mlp-sigmoid")
    pick(page, "show", "wrong")
    pick(page, "order", "random")
    seed = page.locator("input[name=seed]").input_value()
    expect(page).to_have_url(re.compile("order=random" if seed == "0" else f"order=random&seed={seed}"))
    other = browser.new_page()
    open_browser(other, page.url)
    expect(other.locator(SUMMARY)).to_have_text(page.locator(SUMMARY).inner_text())
    assert other.evaluate(GET_DIGITS) == page.evaluate(GET_DIGITS)
    assert len(page.evaluate(GET_DIGITS)) == min(100, count_of_option(page, "show", "wrong"))
    other.close()


def test_a_bad_link_is_reported_and_shows_all_digits(page: Page):
    for query, message in (
        ("show=<img src=x onerror=alert(1)>", "choose from: 'all', 'right', 'wrong'"),
        ("truth=12", "truth is '12'"),
        ("model=token%2Fsoftmax, yours 1", "The model 'softmax, yours 1' is no longer available"),
        ("set=secret", "There is no set of digits 'secret'."),
    ):
        open_browser(page, f"{page.url.split('?')[0]}?tab=browse&{query}")
        expect(page.locator(NOTICE)).to_contain_text(message)
        expect(page.locator(NOTICE)).to_contain_text("All digits of the test set are shown instead.")
        expect(page.locator(CELLS)).to_have_count(100)
    open_browser(page, f"{page.url.split('?')[0]}?tab=browse&row=999999")
    expect(page.locator(NOTICE)).to_have_text("There is no digit '999999'; the set has digits 0 to 999.")
    expect(page.locator(CELLS)).to_have_count(100)


def test_a_dialog_shows_one_digit_and_arrow_keys_go_to_the_next(page: Page):
    open_browser(page)
    pick(page, "model", "softmax")
    pick(page, "show", "wrong")
    (prediction, label, *_), (next_prediction, next_label, *_) = get_cells(page)[:2]
    page.locator(CELLS).first.click()
    title = page.locator("#digit-title")
    expect(title).to_contain_text(f": label {label}, prediction {prediction} ✗")
    values = [int(text) for text in page.locator(".pixels span").all_inner_texts()]
    assert len(values) == 784 and max(values) > 200 and min(values) == 0
    expect(page.locator(f"{DIALOG} .bars .bar")).to_have_count(10)
    expect(page.locator(f"{DIALOG} .models li")).to_have_count(len(list_checkpoints()))
    expect(page.locator(f"{DIALOG} .models li").filter(has_text=re.compile(r"^softmax"))).to_have_class("incorrect")
    before = title.inner_text()
    page.keyboard.press("ArrowRight")
    expect(title).to_contain_text(f": label {next_label}, prediction {next_prediction} ✗")
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


@pytest.mark.slow
def test_other_sets_of_digits_can_be_chosen(page: Page):
    open_browser(page)
    pick(page, "set", "train")
    expect(page.locator(SUMMARY)).to_contain_text("of 8,000 correct")


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


def test_a_download_does_not_replace_a_pending_page_of_digits(page: Page):
    open_browser(page)
    page.locator("#digit-browser select[name=model]").select_option("mlp-500")
    with page.expect_download():
        page.locator("#digit-browser .table-file").click()
    expect(page.locator(SUMMARY)).to_contain_text("mlp-500:")
    expect(page.locator(SUMMARY)).to_contain_text(" correct, ")
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


def test_a_held_arrow_key_moves_on_with_each_response(page: Page):
    open_browser(page)
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


@pytest.mark.slow
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
