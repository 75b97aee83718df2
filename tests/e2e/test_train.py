import dataclasses
import math
import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_demo.checkpoints import save_checkpoint
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.models import count_parameters
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.ui.components.base import SHARED
from tests.browser import FINAL_PREDICTION, choose, draw_with_mouse, expect_prediction, find_pad, open_pad
from tests.conftest import make_metadata
from tests.e2e.conftest import Visit
from tests.e2e.test_browse import CELLS, SUMMARY

STATUS, RUNS = "#training-monitor .status", "#training-monitor tbody tr"
OBSERVE_SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) shifts.push(entry.value); })
    .observe({ type: 'layout-shift' });
}"""
RUNNING = re.compile(r"Epoch \d+ of \d+, step ")
NAME = "softmax #1 (synthetic digits)"


def open_training(page: Page, recipe: str = "softmax") -> None:
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    choose(page, "recipe", recipe)
    expect_recipe(page, recipe)


def expect_recipe(page: Page, recipe: str) -> None:
    weights = count_parameters(RECIPES[recipe].build())
    expect(page.locator("#recipe-summary")).to_contain_text(f"{weights:,} weights. ")


def open_settings(page: Page) -> None:
    page.locator("#hyperparameters button").first.click()
    expect(page.locator("#batch img")).to_be_visible()


def fill(page: Page, field: str, value: str) -> None:
    page.locator(f"#field-{field} input").fill(value)


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
def test_the_curves_of_two_runs_are_compared(page: Page):
    open_training(page)
    open_settings(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator("#start")).to_be_enabled()
    fill(page, "lr", "0.02")
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(2)
    expect(page.locator(RUNS).first).to_contain_text("lr 0.02")
    legend, lines = page.locator("#training-monitor .legend span"), page.locator("#training-monitor .loss polyline")
    expect(legend).to_have_text(["softmax #2 (synthetic digits)", NAME])
    expect(lines).to_have_count(4)
    newer, older = lines.nth(1).get_attribute("points"), lines.nth(3).get_attribute("points")
    assert newer != older
    page.locator(f"{RUNS} input").first.uncheck()
    expect(legend).to_have_text([NAME])
    expect(lines).to_have_count(2)


def test_an_invalid_value_is_explained_at_its_field(page: Page):
    open_training(page)
    open_settings(page)
    for field, value, message in (
        ("lr", "0", "must be a number above 0; got 0"),
        ("lr", "", "Enter a number."),
        ("lr", "1,000", "Write 1000, or use a decimal point."),
        ("batch-size", "9000", "must be at most 2,000 on this page; got 9,000"),
        ("epochs", "0", "must be a whole number of at least 1; got 0"),
    ):
        before = page.locator(f"#field-{field} input").input_value()
        fill(page, field, value)
        expect(page.locator(f"#field-{field}")).to_contain_text(message)
        expect(page.locator("#start")).to_be_disabled()
        expect(page.locator("#recipe-summary")).to_contain_text("Start is off: ")
        expect(page.locator("#recipe-summary")).to_contain_text(message)
        fill(page, field, before)
        expect(page.locator(f"#field-{field}")).not_to_contain_text(message)
        expect(page.locator("#start")).to_be_enabled()
    fill(page, "lr", "1000000")
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Training diverged at step")
    expect(page.locator("#start")).to_be_enabled()
    choose(page, "recipe", "sketch (needs pen strokes)")
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
    open_settings(page)
    fill(page, "batch-size", "50")
    expect(page.locator("#batch figcaption")).to_contain_text("these 50 digits")  # the form was updated
    expect(page.locator("#start")).to_be_disabled()
    page.locator("#stop").click()
    expect(status).to_contain_text(re.compile(r"Stopped at step .* of the test digits correct"))
    expect(page.locator("#start")).to_be_enabled()
    expect(page.locator(RUNS)).to_contain_text("mlp-dropout #1")


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
    page.locator("#load button").first.click()
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text("softmax #1 (uploaded) is ready")
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
    page.locator("#load button").first.click()
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text(f"{hostile} #1 (uploaded) is ready")
    page.locator(RUNS).get_by_role("button", name="Browse").click()
    expect(page.locator(SUMMARY)).to_contain_text(f"{hostile} #1 (uploaded):")
    page.get_by_role("tab", name="Train").click()
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    described = re.compile(rf"^{re.escape(hostile)} #1 \(uploaded\) · ")
    expect(page.locator("#draw-model input")).to_have_value(described)
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


@pytest.mark.slow
def test_a_slow_browser_shows_the_selected_recipe(page: Page):
    open_training(page, "cnn")
    page.locator("#recipe input").click()
    option = page.get_by_role("option", name="softmax", exact=True)
    option.hover()  # the list is open: a list that opens slowly moves under the mouse
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    option.click()
    expect_recipe(page, "softmax")
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    open_settings(page)
    batch = page.locator("#batch img").get_attribute("src") or ""
    fill(page, "seed", "1")  # its update comes after those that are still pending
    expect(page.locator("#batch img")).not_to_have_attribute("src", batch)
    expect(page.locator("#recipe-summary")).to_contain_text("15 passes")
    expect(page.locator("#batch figcaption")).to_contain_text("these 100 digits")


@pytest.mark.slow
def test_a_card_selects_a_model_and_a_decimal_comma_is_a_decimal_point(page: Page):
    open_training(page, "mlp-512")
    cards = page.locator("#cards input")
    assert [card.is_checked() for card in cards.all()] == [False] * 4
    page.locator("#cards label").filter(has_text="softmax").click()
    expect_recipe(page, "softmax")
    expect(page.locator("#recipe input")).to_have_value("softmax")
    open_settings(page)
    page.locator("#field-lr input").press("End")
    page.locator("#field-lr input").press("Backspace")  # not a key that prints
    expect(page.locator("#recipe-summary")).to_contain_text("Start is off: Learning rate must be")
    fill(page, "epochs", "1")
    fill(page, "lr", "0,2")
    expect(page.locator("#recipe-summary")).to_contain_text("One pass over")
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_contain_text("lr 0.2")
    boxes = page.locator("#fields input").evaluate_all(
        """all => all.map((input) => (input.closest('#fields .wrap') ?? input).getBoundingClientRect())
          .map(({ y, height }) => [Math.round(y), Math.round(height)])"""
    )
    assert len({height for _, height in boxes}) == 1 and len({y for y, _ in boxes}) == 2  # two rows of four


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1366, 625), (390, 664)])
def test_start_and_what_it_starts_are_in_view_together_and_nothing_moves(visit: Visit, width: int, height: int):
    page = visit(width=width, height=height, reduced_motion="reduce")
    find_pad(page)
    page.add_style_tag(content="#banner { display: none !important; }")  # as with MNIST
    page.evaluate(OBSERVE_SHIFTS)

    def in_view() -> bool:
        boxes = [page.locator(name).bounding_box() for name in ("#start", "#stop", ".accuracy", ".loss")]
        return all(box and box["y"] >= 0 and box["y"] + box["height"] <= height for box in boxes)

    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    page.wait_for_timeout(500)
    assert sum(page.evaluate("shifts.splice(0)")) <= 0.02
    open_settings(page)
    fill(page, "epochs", "5")  # one takes too little time to be seen
    expect(page.locator("#recipe-summary")).to_contain_text("5 passes")
    page.locator("#hyperparameters button").first.click()
    page.wait_for_timeout(500)
    page.evaluate("shifts.splice(0)")
    assert width < 640 or in_view()
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text(RUNNING)
    page.wait_for_timeout(500)
    assert in_view() and sum(page.evaluate("shifts.splice(0)")) <= 0.02
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator("#start")).to_be_enabled()
    page.wait_for_timeout(500)
    assert in_view() and sum(page.evaluate("shifts.splice(0)")) <= 0.02
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    row = page.locator(RUNS)
    accuracy, button = (row.locator(name).first.bounding_box() for name in ("td:nth-child(3)", "button"))
    assert accuracy and button and (accuracy["y"], accuracy["x"]) < (button["y"] + 8, width)


@pytest.mark.slow
def test_the_end_of_a_training_is_announced_once(page: Page):
    open_training(page)
    page.evaluate(
        """() => {
          window.announced = [];
          const live = document.querySelectorAll('[role=status], [role=alert], [aria-live]:not([aria-live=off])');
          new MutationObserver((changes) => { for (const { target } of changes) announced.push(target.textContent); })
            .observe(document.querySelector('#training-monitor [role=status]'), { childList: true, subtree: true });
          window.live = [...live].filter((node) => node.closest('#train-tab')).map((node) => node.className);
        }"""
    )
    page.locator("#start").click()
    expect(page.locator("#training-monitor [role=status]")).to_contain_text("Done in")
    expect(page.locator("#start")).to_be_enabled()
    page.get_by_role("tab", name="Draw").click()
    page.get_by_role("tab", name="Train").click()
    assert len([text for text in page.evaluate("announced") if text.startswith("Done in")]) == 1
    assert page.evaluate("live").count("status") == 0  # what changes five times a second is silent


def test_the_charts_draw_true_points_and_clip_those_outside(browser: Browser):
    folder = SHARED.parent / "training_monitor"
    page = browser.new_page(viewport={"width": 1300, "height": 700})
    page.set_content(f"<div id=root>{(folder / 'template.html').read_text()}</div>")
    page.add_style_tag(content="svg { width: 380px } polyline { fill: none; stroke: black; stroke-width: 3px }")
    scripts = "\n".join(
        [(SHARED / "dom.js").read_text(), (SHARED / "line_chart.js").read_text(), (folder / "script.js").read_text()]
    )
    accuracies, losses, steps = [12.0, 60.0, 97.3, 99.4], [9.0, 2.3, 0.5, 0.004], [10, 20, 30, 40]
    curves = {
        **{"steps": steps, "loss": losses, "smoothed_loss": losses},
        **{"measured_steps": steps, "train_accuracy": accuracies, "test_accuracy": accuracies},
    }
    state = {"status": "", "curves": curves, "name": "fast", "epochs": 1, "steps_per_epoch": 40}
    page.evaluate(
        "([code, value]) => new Function('element', 'props', 'watch', 'trigger', 'server', code)"
        "(document.querySelector('#root'), { value }, () => {}, () => {}, {})",
        [scripts, state],
    )

    def read(chart: str) -> tuple[list[list[float]], list[list[float]], list[tuple[float, float]]]:
        points, dots = page.locator(f".{chart} g[clip-path] > g:last-child").evaluate(
            """(group) => [group.firstChild.getAttribute('points'), group.lastChild.getAttribute('d')]
              .map((text) => (text.match(/[\\d.-]+,[\\d.-]+/g) ?? []).map((point) => point.split(',').map(Number)))"""
        )
        ticks = page.locator(f".{chart} .grid text[x='46']").evaluate_all(
            "all => all.map((node) => [parseFloat(node.textContent), +node.getAttribute('y') - 5])"
        )
        return points, dots, ticks

    points, dots, ticks = read("accuracy")
    (low, bottom), (high, top) = ticks[0], ticks[-1]  # 95% and 99%
    assert (low, high) == (95, 99) and points == dots and len(points) == 4
    for (x, y), accuracy, step in zip(points, accuracies, steps, strict=True):
        assert abs(y - (bottom + (top - bottom) * (accuracy - low) / (high - low))) < 0.5
        assert abs(x - (52 + 320 * step / 40)) < 0.5
    points, _, ticks = read("loss")
    (high, top), (low, bottom) = ticks[0], ticks[-1]
    for (_, y), loss in zip(points, losses, strict=True):
        assert abs(y - (top + (bottom - top) * math.log10(loss / high) / math.log10(low / high))) < 0.5
    for chart, inside in (("accuracy", 97.3), ("loss", 0.5)):
        assert page.evaluate(
            """([chart, last]) => {
              const group = document.querySelector(`.${chart} g[clip-path]`), { x, y, width, height } =
                document.querySelector(`${group.getAttribute('clip-path').slice(4, -1)} rect`).getBBox();
              const line = group.lastChild.firstChild, matrix = line.getScreenCTM();
              const hits = [...line.points].slice(0, 3).map((point) => {
                const { x, y } = point.matrixTransform(matrix);
                return group.contains(document.elementFromPoint(x, y));
              });
              return [hits, [...line.points].slice(0, 3).map((p) => p.y >= y && p.y <= y + height)].map(String);
            }""",
            [chart, inside],
        ) == [
            ",".join(map(str, each)).lower()
            for each in ([[False, False, True]] * 2 if chart == "accuracy" else [[False, True, True]] * 2)
        ]
    expect(page.locator(".accuracy")).to_have_class("accuracy reached")  # 99% was reached
    page.close()
