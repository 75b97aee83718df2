"""A server that is slow or away loses no drawing, and gets one request at a time."""

from playwright.sync_api import Browser, Page, Route, expect

from mnist_demo.data.synthetic import design_strokes
from tests.browser import draw_with_mouse, expect_prediction, open_pad
from tests.e2e.conftest import Visit, slow
from tests.e2e.draw_tab import NOTICE, SEVEN
from tests.served_app import QUICK_START, serve_app


def test_the_panel_says_that_the_server_is_away(visit: Visit):
    page = visit(may_complain=True)
    page.route("**/predict", lambda route: route.abort())
    draw_with_mouse(page, SEVEN)
    expect(page.locator("#prediction .note")).to_have_text("The server does not answer")
    page.unroute("**/predict")
    expect_prediction(page, "7")


COUNT_REQUESTS = """() => {
  const fetch = window.fetch;
  window.counts = { now: 0, most: 0, all: 0 };
  window.fetch = (...request) => {
    counts.all += 1;
    counts.most = Math.max(counts.most, ++counts.now);
    return fetch(...request).finally(() => (counts.now -= 1));
  };
}"""


def test_only_one_request_is_pending_and_the_newest_drawing_is_predicted(page: Page):
    def delay(route: Route) -> None:
        page.wait_for_timeout(150)
        route.continue_()

    page.evaluate(COUNT_REQUESTS)
    page.route("**/predict", delay)
    draw_with_mouse(page, design_strokes("curly 9"))
    expect_prediction(page, "9")
    counts = page.evaluate("counts")
    assert counts["most"] == 1 and 1 < counts["all"] < 30


def test_a_slow_server_is_reported(page: Page):
    held: list[Route] = []
    page.route("**/predict", lambda route: route.continue_() if held else held.append(route))
    draw_with_mouse(page, SEVEN)
    expect(page.locator(NOTICE)).to_have_text("The server is slow. Your drawing is kept.")
    held[0].continue_()
    expect_prediction(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()


@slow
def test_a_drawing_survives_a_restart_of_the_server_and_a_reload(browser: Browser):
    page = browser.new_page()
    with serve_app("synthetic", program=QUICK_START) as app_url:
        open_pad(page, app_url)
        draw_with_mouse(page, design_strokes("crossed 7")[:1])
    draw_with_mouse(page, design_strokes("crossed 7")[1:])
    expect(page.locator(NOTICE)).to_have_text("The server does not answer. Your drawing is kept. Retrying…")
    with serve_app("synthetic", port=int(app_url.split(":")[-1].strip("/")), program=QUICK_START):
        expect_prediction(page, "7")  # Gradio may have reloaded the page by now
        page.reload()
        expect_prediction(page, "7")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("button", name="Undo")).to_be_enabled()  # there were two strokes
        page.close()


def test_a_browser_that_was_offline_gets_the_prediction(browser: Browser, app_url: str):
    page = browser.new_page()
    open_pad(page, app_url)
    draw_with_mouse(page, design_strokes("crossed 7")[:1])
    page.context.set_offline(True)
    draw_with_mouse(page, design_strokes("crossed 7")[1:])
    expect(page.locator(NOTICE)).to_contain_text("Your drawing is kept. Retrying…")
    page.context.set_offline(False)
    expect_prediction(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()
    page.close()
