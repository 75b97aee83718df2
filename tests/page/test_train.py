import dataclasses
import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_demo.checkpoints import save_checkpoint
from mnist_demo.practice import design_strokes
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.reports import describe_network, describe_training
from tests.browser import choose, draw_with_mouse, expect_answer, open_pad
from tests.conftest import record_of
from tests.page.test_browse import CELLS, SUMMARY

STATUS, RUNS = "#monitor .status", "#monitor tbody tr"
UNDER_WAY = re.compile(r"Epoch \d+ of \d+, step ")
NAME = "softmax, yours 1 (practice digits)"


def open_training(page: Page, recipe: str = "softmax") -> None:
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    choose(page, "recipe", recipe)
    expect(page.locator("#recipe-words")).to_contain_text(describe_network(RECIPES[recipe].build()))


def fill(page: Page, field: str, value: str) -> None:
    page.locator(f"#field-{field} input").fill(value)


def test_a_network_learns_and_then_draws_and_browses(page: Page):
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_answer(page, "7")
    open_training(page)
    expect(page.locator("#recipe-words")).to_contain_text("784 pixels → 10 outputs: 7,850 parameters.")
    expect(page.locator("#batch figcaption")).to_have_text("A batch as the network will see it: 100 training digits")
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Finished after")
    expect(page.locator("#start")).to_be_enabled()
    accuracy = re.search(r"test accuracy ([\d.]+ %)", page.locator(STATUS).inner_text())
    assert accuracy
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator(RUNS)).to_contain_text(accuracy[1])
    for chart, lines in (("loss", 2), ("accuracy", 2)):
        polylines = page.locator(f"#monitor .{chart} polyline")
        expect(polylines).to_have_count(lines)
        assert len(polylines.last.get_attribute("points").split()) > 3  # type: ignore[union-attr]
    expect(page.locator("#monitor .digits li")).to_have_count(24)
    for cell in page.locator("#monitor .digits li").all():
        read, truth = re.findall(r"\d", cell.inner_text())
        assert cell.get_attribute("class") == ("right" if read == truth else "wrong")
    expect(page.locator("#monitor .verdict")).to_have_text(re.compile(r"^read as \d, \d+\.\d %$"))

    page.locator(RUNS).get_by_role("button", name="Browse").click()
    expect(page.locator(SUMMARY)).to_contain_text(f"{NAME} reads")
    expect(page.locator(SUMMARY)).to_contain_text(accuracy[1])
    expect(page.locator(CELLS)).to_have_count(100)
    assert "yours" not in page.url  # a visit's own model is nobody else's
    page.get_by_role("tab", name="Train").click()
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    expect(page.locator("#draw-model input")).to_have_value(NAME)
    expect(page.locator("#answer .digit")).to_have_text("7")


def test_two_runs_are_compared(page: Page):
    open_training(page)
    page.locator("#values button").first.click()
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator("#start")).to_be_enabled()
    fill(page, "lr", "0.02")
    expect(page.locator("#recipe-words")).to_contain_text("SGD 0.02")
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(2)
    expect(page.locator(RUNS).first).to_contain_text("lr 0.02")
    legend, lines = page.locator("#monitor .legend span"), page.locator("#monitor .loss polyline")
    expect(legend).to_have_text(["softmax, yours 2 (practice digits)", NAME])
    expect(lines).to_have_count(4)
    newer, older = lines.nth(1).get_attribute("points"), lines.nth(3).get_attribute("points")
    assert newer != older
    page.locator(f"{RUNS} input").first.uncheck()
    expect(legend).to_have_text([NAME])
    expect(lines).to_have_count(2)


def test_what_cannot_be_is_said_beside_its_field(page: Page):
    open_training(page)
    page.locator("#values button").first.click()
    for field, value, message in (
        ("lr", "0", "must be a number above 0; got 0"),
        ("lr", "", "A number is missing here."),
        ("batch_size", "9000", "must be at most 2,000 on this page; got 9,000"),
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
    expect(page.locator("#recipe-words")).to_contain_text("SGD 1e+06")
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Training diverged at step")
    expect(page.locator("#start")).to_be_enabled()
    choose(page, "recipe", "sketch (needs the pen digits)")
    expect(page.locator("#recipe-words")).to_contain_text("not in the data folder")
    expect(page.locator("#start")).to_be_disabled()


def test_a_training_goes_on_behind_other_tabs_and_stops_when_told(page: Page):
    open_training(page, "mlp-dropout")
    page.locator("#start").click()
    status = page.locator(STATUS)
    expect(status).to_contain_text(UNDER_WAY)
    page.evaluate(
        """() => {
          window.changes = 0;
          const line = document.querySelector('#monitor .loss polyline');
          new MutationObserver(() => { window.changes += 1; }).observe(line, { attributes: true });
        }"""
    )
    step = int(re.search(r"step ([\d,]+)", status.inner_text())[1].replace(",", ""))  # type: ignore[index]
    page.get_by_role("tab", name="Draw").click()
    page.wait_for_timeout(2000)
    page.get_by_role("tab", name="Train").click()
    assert int(re.search(r"step ([\d,]+)", status.inner_text())[1].replace(",", "")) > step  # type: ignore[index]
    assert page.evaluate("window.changes") >= 4  # the same line, moved in place
    page.wait_for_timeout(500)  # in which the recipe is looked at anew
    expect(page.locator("#start")).to_be_disabled()
    page.locator("#stop").click()
    expect(status).to_contain_text(re.compile(r"Stopped at step .* test accuracy"))
    expect(page.locator("#start")).to_be_enabled()
    expect(page.locator(RUNS)).to_contain_text("mlp-dropout, yours 1")


def test_a_network_is_downloaded_and_uploaded_again(page: Page, tmp_path: Path):
    open_training(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    with page.expect_download() as download:
        page.locator(RUNS).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"{NAME}.safetensors"
    file = tmp_path / "mine.safetensors"
    download.value.save_as(file)
    page.reload()
    open_training(page)
    expect(page.locator(RUNS)).to_have_count(0)
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text("softmax, yours 1 (uploaded) is here")
    expect(page.locator(RUNS)).to_have_count(1)
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no network")
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(bad)
    expect(page.get_by_text("bad.safetensors is no safetensors file")).to_be_visible()
    expect(page.locator(RUNS)).to_have_count(1)
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_answer(page, "7")


def test_text_in_a_network_or_its_name_stays_text(page: Page, tmp_path: Path, recipe: Recipe):
    hostile = "<img src=x onerror=alert(1)>${7*7}"
    file = tmp_path / f"{hostile}.safetensors"
    named = dataclasses.replace(recipe, name=hostile)
    save_checkpoint(file, recipe.build(), record_of(named))
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    open_training(page)
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text(f"{hostile}, yours 1 (uploaded) is here")
    page.locator(RUNS).get_by_role("button", name="Browse").click()
    expect(page.locator(SUMMARY)).to_contain_text(f"{hostile}, yours 1 (uploaded) reads")
    page.get_by_role("tab", name="Train").click()
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    expect(page.locator("#draw-model input")).to_have_value(f"{hostile}, yours 1 (uploaded)")
    draw_with_mouse(page, design_strokes("plain 7"))
    expect(page.locator("#answer .spoken")).not_to_have_text("")
    page.get_by_role("tab", name="Train").click()
    bad = tmp_path / f"bad {hostile}.safetensors"
    bad.write_bytes(b"no network")
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(bad)
    expect(page.get_by_text("is no safetensors file")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_a_visit_that_ends_under_its_open_page_is_told_and_begins_anew(page: Page, address: str):
    with page.expect_request("**/heartbeat/*") as heartbeat:
        page.reload()
    open_training(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    with httpx.stream("GET", heartbeat.value.url):  # one that breaks off ends the visit
        pass
    notice = page.locator("#pad .notice")
    expect(notice).to_have_text("")
    page.wait_for_timeout(1000)
    draw_with_mouse(page, design_strokes("plain 7"))
    expect(notice).to_have_text(f"The model {NAME!r} is not here (any more): sketch answers instead.")
    expect_answer(page, "7")
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text("Finished after")


def test_visitors_wait_in_line_and_a_closed_page_gives_its_place_away(browser: Browser, address: str):
    def start_training() -> Page:
        page = browser.new_page()
        open_pad(page, address)
        open_training(page, "mlp-dropout")
        page.locator("#values button").first.click()
        fill(page, "epochs", "900")  # so that it does not end by itself
        expect(page.locator("#recipe-words")).to_contain_text("900 epochs")
        page.locator("#start").click()
        return page

    training = start_training()
    expect(training.locator(STATUS)).to_contain_text(UNDER_WAY)
    leaving, waiting = start_training(), start_training()
    expect(leaving.locator(STATUS)).to_contain_text("you are number 1 in the line")
    expect(waiting.locator(STATUS)).to_contain_text("you are number 2 in the line")
    leaving.locator("#stop").click()
    expect(leaving.locator(STATUS)).to_contain_text("nothing was learned")
    expect(leaving.locator("#start")).to_be_enabled()
    expect(waiting.locator(STATUS)).to_contain_text("you are number 1 in the line")
    closed = time.monotonic()
    training.close()
    expect(waiting.locator(STATUS)).to_contain_text(UNDER_WAY)
    assert time.monotonic() - closed < 15  # and not when its 120 seconds are over
    for page in (waiting, leaving):
        page.close()


def test_a_slow_browser_shows_the_values_of_the_recipe_that_was_chosen(page: Page):
    open_training(page, "cnn")
    page.locator("#recipe input").click()
    option = page.get_by_role("option", name="softmax", exact=True)
    option.hover()  # the list is open: one that opens slowly moves under the mouse
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 6})
    option.click()
    expect(page.locator("#recipe-words")).to_contain_text(describe_network(RECIPES["softmax"].build()))
    page.wait_for_timeout(3000)  # for what might still come
    expect(page.locator("#recipe-words")).to_contain_text(describe_training(RECIPES["softmax"]))
    expect(page.locator("#batch figcaption")).to_contain_text("100 training digits")
