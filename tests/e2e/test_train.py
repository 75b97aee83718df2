import dataclasses
import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_demo.checkpoints import save_checkpoint
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.reports import describe_network, describe_training
from tests.browser import FINAL_PREDICTION, choose, draw_with_mouse, expect_prediction, open_pad
from tests.conftest import make_metadata
from tests.e2e.test_browse import CELLS, SUMMARY

STATUS, RUNS = "#training-monitor .status", "#training-monitor tbody tr"
RUNNING = re.compile(r"Epoch \d+ of \d+, step ")
NAME = "softmax, yours 1 (synthetic digits)"


def open_training(page: Page, recipe: str = "softmax") -> None:
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    choose(page, "recipe", recipe)
    expect(page.locator("#recipe-summary")).to_contain_text(describe_network(RECIPES[recipe].build()))


def fill(page: Page, field: str, value: str) -> None:
    page.locator(f"#field-{field} input").fill(value)


def test_a_trained_model_predicts_in_draw_and_browse(page: Page):
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")
    open_training(page)
    expect(page.locator("#recipe-summary")).to_contain_text("784 pixels → 10 outputs: 7,850 parameters.")
    expect(page.locator("#batch figcaption")).to_have_text("A batch as the model will see it: 100 training digits")
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Finished after")
    expect(page.locator("#start")).to_be_enabled()
    accuracy = re.search(r"test accuracy ([\d.]+ %)", page.locator(STATUS).inner_text())
    assert accuracy
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator(RUNS)).to_contain_text(accuracy[1])
    for chart, lines in (("loss", 2), ("accuracy", 2)):
        polylines = page.locator(f"#training-monitor .{chart} polyline")
        expect(polylines).to_have_count(lines)
        assert len(polylines.last.get_attribute("points").split()) > 3  # type: ignore[union-attr]
    expect(page.locator("#training-monitor .digits li")).to_have_count(24)
    cells = page.locator("#training-monitor .digits li")
    for text, kind in cells.evaluate_all("all => all.map((cell) => [cell.innerText, cell.className])"):
        prediction, label = re.findall(r"\d", text)
        assert kind == ("correct" if prediction == label else "incorrect")
    expect(page.locator("#training-monitor .drawing-prediction")).to_have_text(
        re.compile(r"^Prediction: \d, \d+\.\d %$")
    )

    page.locator(RUNS).get_by_role("button", name="Browse").click()
    expect(page.locator(SUMMARY)).to_contain_text(f"{NAME}:")
    expect(page.locator(SUMMARY)).to_contain_text(accuracy[1])
    expect(page.locator(CELLS)).to_have_count(100)
    assert "yours" not in page.url  # the key of a session's model is secret
    page.get_by_role("tab", name="Train").click()
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    expect(page.locator("#draw-model input")).to_have_value(NAME)
    expect(page.locator("#prediction .digit")).to_have_text("7")


@pytest.mark.slow
def test_the_curves_of_two_runs_are_compared(page: Page):
    open_training(page)
    page.locator("#hyperparameters button").first.click()
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator("#start")).to_be_enabled()
    fill(page, "lr", "0.02")
    expect(page.locator("#recipe-summary")).to_contain_text("SGD 0.02")
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(2)
    expect(page.locator(RUNS).first).to_contain_text("lr 0.02")
    legend, lines = page.locator("#training-monitor .legend span"), page.locator("#training-monitor .loss polyline")
    expect(legend).to_have_text(["softmax, yours 2 (synthetic digits)", NAME])
    expect(lines).to_have_count(4)
    newer, older = lines.nth(1).get_attribute("points"), lines.nth(3).get_attribute("points")
    assert newer != older
    page.locator(f"{RUNS} input").first.uncheck()
    expect(legend).to_have_text([NAME])
    expect(lines).to_have_count(2)


def test_an_invalid_value_is_explained_at_its_field(page: Page):
    open_training(page)
    page.locator("#hyperparameters button").first.click()
    for field, value, message in (
        ("lr", "0", "must be a number above 0; got 0"),
        ("lr", "", "Enter a number."),
        ("batch-size", "9000", "must be at most 2,000 on this page; got 9,000"),
        ("epochs", "0", "must be a whole number of at least 1; got 0"),
    ):
        before = page.locator(f"#field-{field} input").input_value()
        fill(page, field, value)
        expect(page.locator(f"#field-{field}")).to_contain_text(message)
        expect(page.locator("#start")).to_be_disabled()
        fill(page, field, before)
        expect(page.locator(f"#field-{field}")).not_to_contain_text(message)
        expect(page.locator("#start")).to_be_enabled()
    fill(page, "lr", "1000000")
    expect(page.locator("#recipe-summary")).to_contain_text("SGD 1e+06")
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Training diverged at step")
    expect(page.locator("#start")).to_be_enabled()
    choose(page, "recipe", "sketch (needs the pen digits)")
    expect(page.locator("#recipe-summary")).to_contain_text("not in the data folder")
    expect(page.locator("#start")).to_be_disabled()


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
    page.locator("#hyperparameters button").first.click()
    fill(page, "batch-size", "50")
    expect(page.locator("#batch figcaption")).to_contain_text("50 training digits")  # the form was updated
    expect(page.locator("#start")).to_be_disabled()
    page.locator("#stop").click()
    expect(status).to_contain_text(re.compile(r"Stopped at step .* test accuracy"))
    expect(page.locator("#start")).to_be_enabled()
    expect(page.locator(RUNS)).to_contain_text("mlp-dropout, yours 1")


@pytest.mark.slow
def test_a_model_is_downloaded_and_uploaded_again(page: Page, tmp_path: Path):
    open_training(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    with page.expect_download() as download:
        page.locator(RUNS).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"{NAME}.safetensors"
    file = tmp_path / "model.safetensors"
    download.value.save_as(file)
    page.reload()
    open_training(page)
    expect(page.locator(RUNS)).to_have_count(0)
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text("softmax, yours 1 (uploaded) is ready")
    expect(page.locator(RUNS)).to_have_count(1)
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no model")
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(bad)
    expect(page.get_by_text("bad.safetensors is not a safetensors file")).to_be_visible()
    expect(page.locator(RUNS)).to_have_count(1)
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")


@pytest.mark.slow
def test_html_in_the_name_of_a_model_stays_text(page: Page, tmp_path: Path, recipe: Recipe):
    hostile = "<img src=x onerror=alert(1)>${7*7}"
    file = tmp_path / f"{hostile}.safetensors"
    named = dataclasses.replace(recipe, name=hostile)
    save_checkpoint(file, recipe.build(), make_metadata(named))
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    open_training(page)
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text(f"{hostile}, yours 1 (uploaded) is ready")
    page.locator(RUNS).get_by_role("button", name="Browse").click()
    expect(page.locator(SUMMARY)).to_contain_text(f"{hostile}, yours 1 (uploaded):")
    page.get_by_role("tab", name="Train").click()
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    expect(page.locator("#draw-model input")).to_have_value(f"{hostile}, yours 1 (uploaded)")
    draw_with_mouse(page, design_strokes("plain 7"))
    expect(page.locator(FINAL_PREDICTION)).not_to_have_text("")
    page.get_by_role("tab", name="Train").click()
    bad = tmp_path / f"bad {hostile}.safetensors"
    bad.write_bytes(b"no model")
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(bad)
    expect(page.get_by_text("is not a safetensors file")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.slow
def test_an_open_page_reports_the_end_of_its_session_and_starts_another(page: Page, app_url: str):
    with page.expect_request("**/heartbeat/*") as heartbeat:
        page.reload()
    open_training(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    with page.expect_request(f"{app_url}predict") as request:
        page.locator(RUNS).get_by_role("button", name="Draw").click()
    notice = page.locator("#pad .notice")
    expect(notice).to_have_text("")
    with httpx.stream("GET", heartbeat.value.url):  # a heartbeat that breaks off ends the session
        pass
    while not httpx.post(f"{app_url}predict", json=request.value.post_data_json).json()["notice"]:
        page.wait_for_timeout(100)
    draw_with_mouse(page, design_strokes("plain 7"))
    expect(notice).to_have_text(f"The model {NAME!r} is no longer available: sketch predicts instead.")
    expect_prediction(page, "7")
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Finished after")


@pytest.mark.slow
def test_trainings_wait_in_a_queue_and_a_closed_page_leaves_it(browser: Browser, app_url: str):
    def start_training() -> Page:
        page = browser.new_page()
        open_pad(page, app_url)
        open_training(page, "mlp-dropout")
        page.locator("#hyperparameters button").first.click()
        fill(page, "epochs", "900")  # it must not finish
        expect(page.locator("#recipe-summary")).to_contain_text("900 epochs")
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


@pytest.mark.slow
def test_a_slow_browser_shows_the_selected_recipe(page: Page):
    open_training(page, "cnn")
    page.locator("#recipe input").click()
    option = page.get_by_role("option", name="softmax", exact=True)
    option.hover()  # the list is open: a list that opens slowly moves under the mouse
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    option.click()
    expect(page.locator("#recipe-summary")).to_contain_text(describe_network(RECIPES["softmax"].build()))
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    batch = page.locator("#batch img").get_attribute("src") or ""
    page.locator("#hyperparameters button").first.click()
    fill(page, "seed", "1")  # its update comes after those that are still pending
    expect(page.locator("#batch img")).not_to_have_attribute("src", batch)
    expect(page.locator("#recipe-summary")).to_contain_text(describe_training(RECIPES["softmax"]))
    expect(page.locator("#batch figcaption")).to_contain_text("100 training digits")
