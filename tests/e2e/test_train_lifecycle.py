"""A training runs from Start to a model that predicts, in the background and in a queue."""

import re
import time

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_demo.data.synthetic import design_strokes
from tests.browser import draw_with_mouse, expect_prediction, open_pad
from tests.e2e.browse_tab import CELLS, SUMMARY
from tests.e2e.train_tab import NAME, RUNNING, RUNS, STATUS, fill, open_settings, open_training


def test_a_trained_model_predicts_in_draw_and_browse(page: Page):
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")
    open_training(page)
    expect(page.locator("#recipe-summary")).to_contain_text("No hidden layer, 7,850 weights. 15 passes over ")
    expect(page.locator("#start")).to_have_text(re.compile(r"▶ Train, about [\d.]+ s\s*$"))
    page.locator("#architecture-box button").first.click()
    expect(page.locator("#architecture li")).to_have_text(["784 pixels", "10 outputs"])
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Done in")
    expect(page.locator("#start")).to_be_enabled()
    accuracy = re.search(r"([\d.]+%) of the test digits correct", page.locator(STATUS).inner_text())
    assert accuracy
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator(RUNS)).to_contain_text(accuracy[1])
    for chart, points in (("loss", 100), ("accuracy", 15)):
        polylines = page.locator(f"#training-monitor .{chart} polyline")
        expect(polylines).to_have_count(2)
        assert len(polylines.last.get_attribute("points").split()) >= points  # type: ignore[union-attr]
    expect(page.locator("#training-monitor .digits li")).to_have_count(24)
    cells = page.locator("#training-monitor .digits li")
    for text, kind in cells.evaluate_all("all => all.map((cell) => [cell.innerText, cell.className])"):
        prediction, label = re.findall(r"\d", text)
        assert kind == ("correct" if prediction == label else "incorrect")
    expect(page.locator("#training-monitor .drawing-prediction")).to_have_text(re.compile(r"^\d( → \d)*, \d+\.\d%$"))

    page.locator(RUNS).get_by_role("button", name="Browse").click()
    expect(page.locator(SUMMARY)).to_contain_text(f"{NAME}:")
    expect(page.locator(SUMMARY)).to_contain_text(accuracy[1])
    expect(page.locator(CELLS)).to_have_count(100)
    assert "softmax" not in page.url  # the key of a session's model is secret
    page.get_by_role("tab", name="Train").click()
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    expect(page.locator("#draw-model input")).to_have_value(re.compile(rf"^{re.escape(NAME)} · no hidden layer · 9"))
    expect(page.locator("#prediction .digit")).to_have_text("7")


@pytest.mark.slow
def test_training_continues_behind_other_tabs_until_it_is_stopped(page: Page):
    open_training(page, "mlp-dropout")
    page.locator("#start").click()
    status = page.locator(STATUS)
    expect(status).to_contain_text(RUNNING)
    page.evaluate(
        """() => {
          window.changes = 0;
          const line = document.querySelector('#training-monitor .loss polyline');
          new MutationObserver(() => { window.changes += 1; }).observe(line, { attributes: true });
        }"""
    )
    step = int(re.search(r"step ([\d,]+)", status.inner_text())[1].replace(",", ""))  # type: ignore[index]
    page.get_by_role("tab", name="Draw").click()
    page.wait_for_function("window.changes >= 4")  # the same line, updated in place
    page.get_by_role("tab", name="Train").click()
    assert int(re.search(r"step ([\d,]+)", status.inner_text())[1].replace(",", "")) > step  # type: ignore[index]
    open_settings(page)
    fill(page, "batch-size", "50")
    expect(page.locator("#batch figcaption")).to_contain_text("these 50 digits")  # the form was updated
    expect(page.locator("#start")).to_be_disabled()
    page.locator("#stop").click()
    expect(status).to_contain_text(re.compile(r"Stopped at step .* of the test digits correct"))
    expect(page.locator("#start")).to_be_enabled()
    expect(page.locator(RUNS)).to_contain_text("mlp-dropout #1")


@pytest.mark.slow
def test_an_open_page_reports_the_end_of_its_session_and_starts_another(page: Page, app_url: str):
    with page.expect_request("**/heartbeat/*") as heartbeat:
        page.reload()
    open_training(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    with page.expect_request("**/weights/**") as request:
        page.locator(RUNS).get_by_role("button", name="Draw").click()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")
    with httpx.stream("GET", heartbeat.value.url):  # a heartbeat that breaks off ends the session
        pass
    while httpx.get(request.value.url).status_code == 200:
        page.wait_for_timeout(100)
    page.locator("#prediction .why").click()  # the browser still has the model, the server not
    expect(page.locator("#explanation .status")).to_contain_text(f"The model {NAME!r} is no longer available; choose")
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Done in")


@pytest.mark.slow
def test_trainings_wait_in_a_queue_and_a_closed_page_leaves_it(browser: Browser, app_url: str):
    def start_training() -> Page:
        page = browser.new_page()
        open_pad(page, app_url)
        open_training(page, "mlp-dropout")
        open_settings(page)
        fill(page, "epochs", "900")  # it must not finish
        expect(page.locator("#recipe-summary")).to_contain_text("900 passes")
        page.locator("#start").click()
        return page

    training = start_training()
    expect(training.locator(STATUS)).to_contain_text(RUNNING)
    leaving, waiting = start_training(), start_training()
    expect(leaving.locator(STATUS)).to_contain_text("you are number 1 in the queue")
    expect(waiting.locator(STATUS)).to_contain_text("you are number 2 in the queue")
    leaving.locator("#stop").click()
    expect(leaving.locator(STATUS)).to_contain_text("nothing was learned")
    expect(leaving.locator("#start")).to_be_enabled()
    expect(waiting.locator(STATUS)).to_contain_text("you are number 1 in the queue")
    closed = time.monotonic()
    training.close()
    expect(waiting.locator(STATUS)).to_contain_text(RUNNING)
    assert time.monotonic() - closed < 15  # not after its time limit of 120 s
    for page in (waiting, leaving):
        page.close()
