import csv
import re
from pathlib import Path

import gradio as gr
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.data import Data
from mnist_demo.practice import design_strokes
from mnist_demo.ui import browse
from mnist_demo.ui.shared_data import Loaded, SharedData
from mnist_demo.ui.shelf import Shelf
from tests.browser import draw_with_mouse, expect_answer

CELLS, SUMMARY, PLACE, NOTICE = ".wall button", "#explorer .summary", "#explorer .place", "#explorer .notice"
DETAIL = "#explorer .detail"
WALL = """() => Array.from(
  document.querySelectorAll('.wall button'), (cell) => [cell.ariaLabel, cell.firstChild.style.cssText]
)"""


def open_wall(page: Page, address: str = "") -> None:
    """Open a link to a wall, or the tab."""
    if address:
        page.goto(address)
    else:
        page.get_by_role("tab", name="Browse").click()
    expect(page.locator(CELLS).first).to_be_visible()


def pick(page: Page, name: str, value: str) -> None:
    """Choose an option, and wait for the wall."""
    page.locator(f"#explorer select[name={name}]").select_option(value)
    expect(page.locator("#explorer .waits")).to_have_count(0)


def count_beside(page: Page, name: str, value: str) -> int:
    text = page.locator(f"#explorer select[name={name}] option[value='{value}']").inner_text()
    return int(re.search(r"\(([\d,]+)\)$", text)[1].replace(",", ""))  # type: ignore[index]


def read_cell(cell: Locator) -> tuple[str, str]:
    read, truth = re.fullmatch(r"(\d) \((\d)\)", cell.inner_text().strip()).groups()  # type: ignore[union-attr]
    return read, truth


def test_one_pages_through_right_and_wrong_digits(page: Page):
    open_wall(page)
    expect(page.locator(CELLS)).to_have_count(100)
    expect(page.locator(PLACE)).to_have_text("1 to 100 of 1,000")
    expect(page.locator(SUMMARY)).to_contain_text("(practice digits, test set)")
    expect(page.locator("#explorer .back")).to_be_disabled()
    first = page.evaluate(WALL)
    page.locator("#explorer .on").click()
    expect(page.locator(PLACE)).to_have_text("101 to 200 of 1,000")
    assert page.evaluate(WALL) != first
    page.locator("#explorer .back").click()
    expect(page.locator(PLACE)).to_have_text("1 to 100 of 1,000")
    assert page.evaluate(WALL) == first

    # The wall's marks agree with its captions, in words, by shape and in colour.
    pick(page, "model", "softmax")
    expect(page.locator(SUMMARY)).to_contain_text("softmax reads")
    expect(page.locator(".wall .wrong").first).to_be_visible()
    for cell in page.locator(CELLS).all():
        read, truth = read_cell(cell)
        kind = "right" if read == truth else "wrong"
        assert cell.get_attribute("class") == kind
        assert cell.get_attribute("aria-label") == f"{kind}: read {read}, is {truth}"
    green, red = (page.locator(f".wall .{kind} .caption").first for kind in ("right", "wrong"))
    color = "element => getComputedStyle(element).color.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(range(3), key=green.evaluate(color).__getitem__) == 1
    assert max(range(3), key=red.evaluate(color).__getitem__) == 0


def test_a_cell_of_the_confusion_matrix_shows_its_digits(page: Page):
    open_wall(page)
    pick(page, "model", "softmax")
    mistakes = page.locator(".confusion button:enabled").filter(has_not_text="100 %")
    for cell in mistakes.all():
        count, truth, read = re.fullmatch(r"(\d+) digits (\d) read as (\d)", cell.get_attribute("aria-label")).groups()  # type: ignore[arg-type, union-attr]
        if truth != read:
            break
    cell.click()
    expect(page.locator(CELLS)).to_have_count(int(count))
    assert {read_cell(each) for each in page.locator(CELLS).all()} == {(read, truth)}
    assert count_beside(page, "read", read) == int(count)
    expect(page).to_have_url(re.compile(f"truth={truth}&read={read}"))
    expect(page.locator(".confusion [aria-pressed=true]")).to_have_count(1)


def test_a_link_shows_the_same_wall_to_somebody_else(page: Page, browser: Browser):
    open_wall(page)
    pick(page, "model", "mlp-sigmoid")
    pick(page, "show", "wrong")
    pick(page, "order", "random")
    seed = page.locator("input[name=seed]").input_value()
    expect(page).to_have_url(re.compile("order=random" if seed == "0" else f"order=random&seed={seed}"))
    other = browser.new_page()
    open_wall(other, page.url)
    expect(other.locator(SUMMARY)).to_have_text(page.locator(SUMMARY).inner_text())
    assert other.evaluate(WALL) == page.evaluate(WALL)
    assert len(page.evaluate(WALL)) == min(100, count_beside(page, "show", "wrong"))
    other.close()


def test_a_bad_link_is_told_and_shows_every_digit(page: Page):
    for query, message in (
        ("show=<img src=x onerror=alert(1)>", "choose from: 'all', 'right', 'wrong'"),
        ("truth=12", "truth is '12'"),
        ("model=nobody%2Fsoftmax, yours 1", "The model 'softmax, yours 1' is not here (any more)"),
        ("set=secret", "There is no set of digits 'secret'."),
    ):
        open_wall(page, f"{page.url.split('?')[0]}?tab=browse&{query}")
        expect(page.locator(NOTICE)).to_contain_text(message)
        expect(page.locator(NOTICE)).to_contain_text("Here are all digits of the test set.")
        expect(page.locator(CELLS)).to_have_count(100)
    open_wall(page, f"{page.url.split('?')[0]}?tab=browse&row=999999")
    expect(page.locator(NOTICE)).to_have_text("There is no digit '999999'; the set has those from 0 to 999.")
    expect(page.locator(CELLS)).to_have_count(100)


def test_a_digit_is_looked_at_closely_and_arrow_keys_go_on(page: Page):
    open_wall(page)
    pick(page, "model", "softmax")
    pick(page, "show", "wrong")
    wrong = page.locator(CELLS)
    read, truth = read_cell(wrong.first)
    wrong.first.click()
    title = page.locator("#detail-title")
    expect(title).to_contain_text(f"is a {truth}, read as {read} ✗")
    values = [int(text) for text in page.locator(".pixels span").all_inner_texts()]
    assert len(values) == 784 and max(values) > 200 and min(values) == 0
    expect(page.locator(f"{DETAIL} .bars .row")).to_have_count(10)
    expect(page.locator(f"{DETAIL} .models li")).to_have_count(len(list_checkpoints()))
    expect(page.locator(f"{DETAIL} .models li").filter(has_text=re.compile(r"^softmax"))).to_have_class("missed")
    before = title.inner_text()
    page.keyboard.press("ArrowRight")
    read, truth = read_cell(wrong.nth(1))
    expect(title).to_contain_text(f"is a {truth}, read as {read} ✗")
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text(before)
    expect(page).to_have_url(re.compile("row="))
    page.keyboard.press("Escape")
    expect(page.locator(DETAIL)).to_be_hidden()
    expect(page).not_to_have_url(re.compile("row="))
    page.locator("#explorer .any").click()
    expect(page.locator(DETAIL)).to_be_visible()


def test_two_models_are_compared_both_ways(page: Page):
    open_wall(page)
    pick(page, "other", "softmax")
    missed = [count_beside(page, "compare", choice) for choice in ("only this one", "only the other")]
    assert missed[0] > missed[1]
    pick(page, "compare", "only this one")
    expect(page.locator(PLACE)).to_contain_text(f"of {missed[0]}")
    expect(page.locator(".wall .wrong")).to_have_count(0)
    expect(page).to_have_url(re.compile("other=softmax"))
    page.locator(CELLS).first.click()
    expect(page.locator(f"{DETAIL} .models li").filter(has_text=re.compile(r"^softmax"))).to_have_class("missed")


def test_other_sets_of_digits_can_be_chosen(page: Page):
    open_wall(page)
    pick(page, "set", "train")
    expect(page.locator(SUMMARY)).to_contain_text("of 8,000 right")


def test_the_wall_and_all_answers_can_be_downloaded(page: Page, tmp_path: Path):
    open_wall(page)
    pick(page, "model", "softmax")
    pick(page, "show", "wrong")
    for button in ("wall-file", "table-file"):
        with page.expect_download() as download:
            page.locator(f"#explorer .{button}").click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    with Image.open(tmp_path / "softmax, practice digits, test set.png") as picture:
        assert picture.format == "PNG" and picture.width == 1600
    with (tmp_path / "softmax, practice digits, test set.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1_000 and list(rows[3])[:4] == ["index", "truth", "prediction", "p0"]
    assert sum(row["truth"] != row["prediction"] for row in rows) == count_beside(page, "show", "wrong")
    assert abs(sum(float(rows[5][f"p{digit}"]) for digit in range(10)) - 1) < 1e-4


def test_a_digit_that_comes_late_opens_nothing_elsewhere(page: Page):
    open_wall(page)

    def delay(route: Route) -> None:
        page.wait_for_timeout(600)
        route.continue_()

    page.route("**/component_server/", delay)
    page.locator(CELLS).first.click()
    page.get_by_role("tab", name="Draw").click()
    page.wait_for_timeout(1500)
    expect(page.locator(DETAIL)).to_be_hidden()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_answer(page, "7")


def test_a_download_leaves_the_wall_that_is_on_its_way(page: Page):
    open_wall(page)
    page.locator("#explorer select[name=model]").select_option("mlp-500")
    with page.expect_download():
        page.locator("#explorer .table-file").click()
    expect(page.locator(SUMMARY)).to_contain_text("mlp-500 reads")
    expect(page.locator(SUMMARY)).to_contain_text("right:")
    expect(page.locator("#explorer .waits")).to_have_count(0)


def test_the_address_leads_back_to_the_tab_and_the_wall(page: Page):
    open_wall(page)
    pick(page, "show", "wrong")
    expect(page).to_have_url(re.compile("show=wrong"))
    link = page.url
    page.get_by_role("tab", name="Train").click()
    expect(page).to_have_url(re.compile(r"/\?tab=train$"))
    page.reload()
    expect(page.locator("#start")).to_be_visible()
    page.goto(link)
    expect(page.locator("#explorer select[name=show]")).to_have_value("wrong")
    page.get_by_role("tab", name="Draw").click()
    expect(page).to_have_url(re.compile(r"/\?tab=draw$"))
    page.get_by_role("tab", name="Browse").click()
    expect(page).to_have_url(link)


def test_an_arrow_key_that_is_held_walks_on_with_each_answer(page: Page):
    open_wall(page)
    page.locator(CELLS).first.click()
    title = page.locator("#detail-title")
    expect(title).to_contain_text("Digit 0 is")
    network = page.context.new_cdp_session(page)
    far = {"offline": False, "latency": 100, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", far)
    seen = set()
    for _ in range(40):  # a key that is held comes about 30 times a second, without ever going up
        page.keyboard.down("ArrowRight")
        page.wait_for_timeout(30)
        seen.add(title.inner_text())
    assert len(seen) > 3


def test_a_model_that_had_to_make_room_is_chosen_no_more(browser: Browser, practice: Data):
    shelf, data = Shelf(), SharedData(None)
    data.loaded = Loaded(practice)
    with gr.Blocks() as demo:
        explorer = browse.build(shelf, data, gr.Tab("Browse")).explorer
        gr.Button("Train").click(lambda: [["cnn", "cnn"], ["sketch", "sketch"]], None, explorer)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True)
    page = browser.new_page()
    try:
        page.goto(address)
        expect(page.locator(CELLS).first).to_be_visible()
        pick(page, "other", "softmax")
        pick(page, "compare", "only this one")
        page.get_by_role("button", name="Train").click()
        expect(page.locator("#explorer select[name=other] option")).to_have_count(2)
        expect(page.locator("#explorer select[name=other]")).to_have_value("")
        expect(page.locator("#explorer select[name=compare]")).to_be_hidden()
        expect(page.locator(CELLS)).to_have_count(100)
        expect(page.locator(NOTICE)).to_have_text("")
    finally:
        page.close()
        demo.close()
