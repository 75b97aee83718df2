"""The address holds what the Browse tab shows: links, reloads and Back restore it."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browse_tab import (
    CELLS,
    DIALOG,
    GET_DIGITS,
    NOTICE,
    RANGE,
    SUMMARY,
    click,
    count_of_option,
    expect_chip,
    open_browser,
    open_link,
    pick,
)
from tests.e2e.conftest import Visit, slow


def test_a_link_shows_the_same_digits_in_another_browser(page: Page, browser: Browser):
    open_browser(page)
    pick(page, "model", "mlp-sigmoid")
    pick(page, "show", "wrong")
    pick(page, "order", "random")
    seed = page.locator("input[name=seed]").input_value()
    expect(page).to_have_url(re.compile("order=random" if seed == "0" else f"order=random&seed={seed}"))
    other = browser.new_page()
    other.goto(page.url)
    expect(other.locator(SUMMARY)).to_have_text(page.locator(SUMMARY).inner_text())
    assert other.evaluate(GET_DIGITS) == page.evaluate(GET_DIGITS)
    assert len(page.evaluate(GET_DIGITS)) == min(100, count_of_option(page, "show", "wrong"))
    other.close()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("show=<img src=x onerror=alert(1)>", "choose from: 'all', 'right', 'wrong'"),
        pytest.param("truth=12", "truth is '12'", marks=slow),
        pytest.param("model=token%2Fsoftmax, yours 1", "The model 'softmax, yours 1' is no longer", marks=slow),
        pytest.param("set=secret", "There is no set of digits 'secret'.", marks=slow),
    ],
)
def test_a_bad_link_is_reported_and_shows_all_digits(visit: Visit, query: str, message: str):
    page = open_link(visit, query)
    expect(page.locator(NOTICE)).to_contain_text(message)
    expect(page.locator(NOTICE)).to_contain_text("All digits of the test set are shown instead.")
    expect(page.locator(CELLS)).to_have_count(100)


def test_a_link_to_a_digit_that_does_not_exist_is_reported(visit: Visit):
    page = open_link(visit, "row=999999")
    expect(page.locator(NOTICE)).to_have_text("There is no digit '999999'; the set has digits 0 to 999.")
    expect(page.locator(CELLS)).to_have_count(100)


def test_the_address_restores_the_tab_and_the_query(page: Page):
    open_browser(page)
    pick(page, "show", "wrong")
    expect(page).to_have_url(re.compile("show=wrong"))
    link = page.url
    page.get_by_role("tab", name="Train").click()
    expect(page).to_have_url(re.compile(r"/\?tab=train$"))
    page.reload()
    expect(page.locator("#start")).to_be_visible()
    page.goto(link)
    expect(page.locator("#digit-browser select[name=show]")).to_have_value("wrong")
    page.get_by_role("tab", name="Draw").click()
    expect(page).to_have_url(re.compile(r"/\?tab=draw$"))
    page.get_by_role("tab", name="Browse").click()
    expect(page).to_have_url(link)


def test_the_tab_opens_on_the_hardest_digits_and_old_links_keep_their_meaning(visit: Visit):
    page = visit()
    open_browser(page)
    expect_chip(page, "hardest")
    expect(page).to_have_url(re.compile(r"\?tab=browse&order=unsure$"))
    hardest = page.evaluate(GET_DIGITS)
    page = open_link(visit, "model=sketch")
    expect(page.locator("select[name=order]")).to_have_value("stored")
    expect_chip(page, "all")
    stored = page.evaluate(GET_DIGITS)
    assert stored != hardest
    assert open_link(visit, "order=stored").evaluate(GET_DIGITS) == stored


@slow
def test_back_undoes_each_step_and_closes_the_dialog(page: Page):
    open_browser(page)
    click(page, ".chips [name=all]")
    click(page, ".next-page")
    expect(page.locator(RANGE)).to_have_text("101 to 200 of 1,000")
    click(page, ".confusion .correct >> nth=0")
    expect(page.locator(SUMMARY)).to_contain_text("0s predicted as 0")
    page.locator(CELLS).first.click()
    expect(page.locator(DIALOG)).to_be_visible()
    page.go_back()
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page.locator(SUMMARY)).to_contain_text("0s predicted as 0")
    page.go_back()
    expect(page.locator(RANGE)).to_have_text("101 to 200 of 1,000")
    expect(page).to_have_url(re.compile("order=stored&page=1$"))
    page.go_back()
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
    expect_chip(page, "all")
    page.go_back()
    expect_chip(page, "hardest")
    expect(page).to_have_url(re.compile(r"\?tab=browse&order=unsure$"))
    page.go_forward()
    expect_chip(page, "all")
    page.get_by_role("tab", name="Train").click()
    page.go_back()  # to a state of Browse
    expect_chip(page, "hardest")
    expect(page.locator(CELLS).first).to_be_visible()


@slow
def test_the_link_can_be_copied(visit: Visit):
    page = open_link(visit, "model=softmax&truth=3")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".copy-link").click()
    expect(page.locator(".copy-link")).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    expect(page.locator(".copy-link")).to_have_text("Copy link")


@slow
def test_a_browser_without_check_visibility_shows_the_digits_and_the_address(browser: Browser, app_url: str):
    page = browser.new_page()
    page.add_init_script("delete Element.prototype.checkVisibility")
    page.goto(f"{app_url}?tab=browse&order=unsure")
    click(page, ".chips [name=mistakes]")
    expect(page).to_have_url(re.compile("show=wrong"))
    page.locator(CELLS).first.click()
    expect(page.locator(DIALOG)).to_be_visible()
    page.close()
