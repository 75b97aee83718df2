"""Two models are compared on the same digits."""

import re

import gradio as gr
from playwright.sync_api import Browser, Page, expect

from mnist_demo.data import Dataset
from mnist_demo.ui.browse_tab import BrowseTab
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.datasets import Loaded
from tests.e2e.browse_tab import (
    CELLS,
    DIALOG,
    NOTICE,
    RANGE,
    ROW_TOP,
    SUMMARY,
    click,
    count_of_option,
    open_browser,
    pick,
)
from tests.e2e.conftest import slow


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


@slow
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


@slow
def test_a_comparison_names_its_counts_and_does_not_move_the_digits(page: Page):
    open_browser(page)
    top = page.evaluate(ROW_TOP)
    click(page, ".chips [name=compare]")
    one, other = (count_of_option(page, "compare", choice) for choice in ("only this one", "only the other"))
    text = f"sketch is correct on {one} that softmax misses; the other way round {other}."
    expect(page.locator(".comparison")).to_have_text(text)
    expect(page.locator(SUMMARY)).to_contain_text(f"Only sketch is correct: {one}")
    caption, name = page.locator(CELLS).first.inner_text(), page.locator(CELLS).first.get_attribute("aria-label")
    prediction, second, label = re.fullmatch(r"(\d)·(\d) \((\d)\)", caption.strip()).groups()  # type: ignore[union-attr]
    assert prediction == label != second
    assert name == f"correct: prediction {prediction}, softmax {second}, correct digit {label}"
    assert abs(page.evaluate(ROW_TOP) - top) < 1
    page.locator(".comparison [name='only this one']").click()  # releases it
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
