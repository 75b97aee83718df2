"""The pad predicts in the browser: what is requested, and what happens when a model cannot be loaded."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from mnist_demo.browser import to_weights_file
from mnist_demo.classifier import Classifier
from mnist_demo.data.synthetic import DESIGNS, design_strokes
from tests.browser import FINAL_PREDICTION, choose, draw_with_mouse, expect_prediction, find_pad, open_pad
from tests.e2e.conftest import Visit, slow
from tests.e2e.draw_tab import NOTICE, SEVEN
from tests.served_app import QUICK_START, serve_app

NOTE, WEIGHTS = "#prediction .note", "**/weights/**"


def test_ten_drawings_make_no_request(page: Page):
    requests: list[str] = []
    page.wait_for_timeout(1000)  # what the page loads at first is there
    page.on("request", lambda request: requests.append(request.url))
    for digit in range(10):
        name = next(name for name, (label, _) in DESIGNS.items() if label == digit)
        draw_with_mouse(page, design_strokes(name))
        expect_prediction(page, str(digit))
        page.locator("#pad .clear").click()
        expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")
    page.wait_for_timeout(1000)
    assert requests == []


COUNT_DRAWINGS = """window.counts = { now: 0, most: 0, all: 0 };
window.Worker = class extends Worker {
  constructor(...options) {
    super(...options);
    this.addEventListener('message', () => (counts.now -= 1)); // before the page's own listener
  }
  postMessage(message) {
    counts.all += 1;
    counts.most = Math.max(counts.most, ++counts.now);
    super.postMessage(message);
  }
};"""


def test_one_drawing_is_predicted_at_a_time_and_the_newest_next(page: Page):
    page.add_init_script(COUNT_DRAWINGS)
    page.reload()
    draw_with_mouse(page, design_strokes("curly 9"))
    expect_prediction(page, "9")
    counts = page.evaluate("counts")
    assert counts["most"] == 1 and counts["all"] > 5


WITHOUT: dict[str, str] = {
    "workers": "delete window.Worker;",
    "WebAssembly": "delete window.WebAssembly;",
    "workers that start": """window.Worker = class {
      constructor() { setTimeout(() => this.onerror()); }
      postMessage() {}
    };""",
    "storage": """for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
    }""",
}


@pytest.mark.parametrize("missing", ["workers", *(pytest.param(each, marks=slow) for each in [*WITHOUT][1:])])
def test_a_browser_without_something_predicts_too(browser: Browser, app_url: str, missing: str):
    page = browser.new_page()
    page.add_init_script(WITHOUT[missing])
    open_pad(page, app_url)
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    page.close()


def test_the_panel_says_that_the_server_is_away(visit: Visit):
    page = visit(may_complain=True)
    page.route(WEIGHTS, lambda route: route.abort())
    page.reload()
    draw_with_mouse(page, SEVEN)
    expect(page.locator(NOTE)).to_have_text("The server does not answer")
    expect(page.locator(NOTICE)).to_have_text("The server does not answer. Your drawing is kept. Retrying…")
    page.unroute(WEIGHTS)
    expect_prediction(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()


def test_a_slow_download_is_reported(visit: Visit):
    page = visit()
    held: list[Route] = []
    page.route(WEIGHTS, lambda route: held.append(route))
    page.reload()
    draw_with_mouse(page, SEVEN)
    expect(page.locator(NOTICE)).to_have_text("Loading the model. Your drawing is kept.")
    held[0].continue_()
    expect_prediction(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()


GOOD = to_weights_file(Classifier.load("sketch"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (GOOD[:-1000], "The file with the model's weights is damaged."),
        (GOOD.replace(b'"version":"1"', b'"version":"9"'), "The file with the model's weights has another version."),
    ],
)
def test_a_bad_weights_file_is_reported_and_requested_again(visit: Visit, content: bytes, problem: str):
    page = visit(may_complain=True)
    answers: list[Callable[[Route], None]] = [lambda route: route.fulfill(body=content)] * 2
    page.route(WEIGHTS, lambda route: answers.pop()(route) if answers else route.continue_())
    page.reload()
    draw_with_mouse(page, SEVEN)
    expect(page.locator(NOTICE)).to_contain_text(problem)
    expect(page.locator(NOTICE)).to_contain_text("Your drawing is kept. Retrying…")
    expect_prediction(page, "7")


def test_the_default_model_replaces_one_that_is_gone(visit: Visit):
    page = visit(may_complain=True)  # Chromium reports a 404
    find_pad(page)
    draw_with_mouse(page, SEVEN)
    page.evaluate("() => document.dispatchEvent(new CustomEvent('model', { detail: 'a token/softmax, yours 1' }))")
    expect(page.locator(NOTICE)).to_have_text(
        "The model 'softmax, yours 1' is no longer available: sketch predicts instead."
    )
    expect_prediction(page, "7")


def test_a_browser_that_is_offline_predicts_and_loads_other_models_later(browser: Browser, app_url: str):
    page = browser.new_page()
    open_pad(page, app_url)
    draw_with_mouse(page, design_strokes("curly 2"))
    expect_prediction(page, "2")
    page.context.set_offline(True)
    page.locator("#pad .clear").click()
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    page.evaluate("() => document.dispatchEvent(new CustomEvent('model', { detail: 'softmax' }))")
    expect(page.locator(NOTICE)).to_contain_text("Your drawing is kept. Retrying…")
    page.context.set_offline(False)
    expect_prediction(page, "7")
    expect(page.locator(NOTICE)).to_be_hidden()
    page.close()


@slow
def test_drawing_goes_on_without_the_server_and_survives_its_restart(browser: Browser):
    page = browser.new_page()
    with serve_app("synthetic", program=QUICK_START) as app_url:
        open_pad(page, app_url)
        draw_with_mouse(page, design_strokes("crossed 7")[:1])
        expect(page.locator("#prediction .digit")).to_have_text("7")
    draw_with_mouse(page, design_strokes("crossed 7")[1:])
    expect_prediction(page, "7")
    page.locator("#prediction .why").click()
    expect(page.locator("#explanation .status")).to_have_text("The server does not answer. Retrying…")
    with serve_app("synthetic", port=int(app_url.split(":")[-1].strip("/")), program=QUICK_START):
        page.reload()
        expect_prediction(page, "7")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("button", name="Undo")).to_be_enabled()  # there were two strokes
        page.close()


def test_another_model_predicts_once_it_is_loaded(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    with page.expect_request(WEIGHTS) as request:
        choose(page, "draw-model", "softmax")
    assert "/weights/softmax?v=" in request.value.url
    expect(page.locator("#pad .strip .model")).to_be_attached()
    expect_prediction(page, "7")
