import re

from playwright.sync_api import Browser, Page, expect

from mnist_demo.practice import design_strokes
from mnist_demo.ui.train import RUNS_AT_ONCE
from tests.browser import choose, draw_with_mouse, expect_answer
from tests.page.test_browse import CELLS, SUMMARY


def test_a_training_runs_to_its_end_and_its_network_draws_and_browses(page: Page):
    page.get_by_role("tab", name="Train").click()
    page.locator("#start").click()
    status = page.locator("#train-status")
    expect(status).to_contain_text("Finished after")
    expect(page.locator("#epochs tbody tr")).to_have_count(15)
    expect(page.locator("#curve svg, #curve canvas").first).to_be_visible()
    expect(page.locator("#start")).to_be_enabled()
    page.set_viewport_size({"width": 390, "height": 844})
    box = page.locator("#epochs tbody td").last.bounding_box()
    assert box and box["x"] + box["width"] <= 390
    accuracy = re.search(r"test accuracy ([\d.]+ %)", status.inner_text())
    assert accuracy and page.locator("#epochs tbody tr").last.inner_text().endswith(accuracy[1])
    page.get_by_role("tab", name="Browse").click()
    expect(page.locator(CELLS)).to_have_count(100)
    page.locator("#explorer select[name=model]").select_option(label="softmax, yours 1 (practice digits)")
    expect(page.locator(SUMMARY)).to_contain_text("softmax, yours 1 (practice digits) reads")
    expect(page.locator(SUMMARY)).to_contain_text(accuracy[1])
    assert "yours" not in page.url  # a visit's own model is nobody else's
    page.get_by_role("tab", name="Draw").click()
    choose(page, "draw-model", "softmax, yours 1 (practice digits)")
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_answer(page, "7")


def test_a_training_can_be_stopped_and_keeps_what_it_learned(page: Page):
    page.get_by_role("tab", name="Train").click()
    choose(page, "recipe", "mlp-dropout")
    page.locator("#start").click()
    expect(page.locator("#train-status")).to_contain_text(re.compile(r"Epoch \d+ of 10, step "))
    page.locator("#stop").click()
    expect(page.locator("#train-status")).to_contain_text("Stopped at step")
    expect(page.locator("#start")).to_be_enabled()
    page.get_by_role("tab", name="Draw").click()
    choose(page, "draw-model", "mlp-dropout, yours 1 (practice digits)")


def test_a_closed_page_gives_its_place_to_who_waits(browser: Browser, address: str):
    def start_training() -> Page:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("tab", name="Train").click()
        choose(page, "recipe", "mlp-dropout")
        page.locator("#start").click()
        return page

    under_way = re.compile(r"Epoch \d+ of 10")
    pages = [start_training() for _ in range(RUNS_AT_ONCE)]
    for page in pages:
        expect(page.locator("#train-status")).to_contain_text(under_way)
    waiting, leaving = start_training(), start_training()
    for page in (waiting, leaving):
        expect(page.locator("#train-status")).to_contain_text("Waiting until another visitor's training has ended")
    leaving.locator("#stop").click()
    expect(leaving.locator("#train-status")).to_contain_text("nothing was learned")
    expect(leaving.locator("#start")).to_be_enabled()
    pages[0].close()
    expect(waiting.locator("#train-status")).to_contain_text(under_way)
    assert "Epoch" in pages[1].locator("#train-status").inner_text()  # so it was not this place that came free
    for page in (*pages[1:], waiting, leaving):
        page.close()
