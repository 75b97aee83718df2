"""The dialog of one digit opens, moves to the next, and closes."""

import re

from playwright.sync_api import Page, Route, expect

from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.data.synthetic import design_strokes
from tests.browser import draw_with_mouse, expect_prediction
from tests.e2e.browse_tab import CELLS, DIALOG, RANGE, get_cells, open_browser, open_link, pick
from tests.e2e.conftest import Visit, slow


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
