"""The Browse tab in a browser: its parts, and actions that wait for the digits."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit

CELLS, SUMMARY, RANGE = "#digit-browser .digits button", "#digit-browser .head", "#digit-browser .range"
CHIPS, ROW_TOP = "#digit-browser .chips", "() => document.querySelector('.digits').getBoundingClientRect().top"
NOTICE, DIALOG = "#digit-browser .notice", "#digit-browser dialog"
GET_DIGITS = """() => Array.from(
  document.querySelectorAll('#digit-browser .digits button'), (cell) => [cell.ariaLabel, cell.firstChild.style.cssText]
)"""


def open_browser(page: Page) -> None:
    page.get_by_role("tab", name="Browse").click()
    expect(page.locator(CELLS).first).to_be_visible()


def open_link(visit: Visit, parameters: str, **options: Any) -> Page:
    """Open a link to a page of digits in a new page."""
    page = visit(f"?tab=browse&{parameters}", **options)
    expect(page.locator(CELLS).first).to_be_visible()
    wait_for_digits(page)
    return page


def pick(page: Page, name: str, value: str) -> None:
    """Choose an option, and wait for the digits."""
    page.locator(f"#digit-browser select[name={name}]").select_option(value, force=True)  # it may be in a drawer
    wait_for_digits(page)


def click(page: Page, selector: str) -> None:
    """Click a part of the digit browser, and wait for the digits."""
    page.locator(f"#digit-browser {selector}").click()
    wait_for_digits(page)


def wait_for_digits(page: Page) -> None:
    expect(page.locator("#digit-browser .loading")).to_have_count(0)


def count_of_option(page: Page, name: str, value: str) -> int:
    text = page.locator(f"#digit-browser select[name={name}] option[value='{value}']").text_content() or ""
    return int(re.search(r"\(([\d,]+)\)$", text)[1].replace(",", ""))  # type: ignore[index]


def get_cells(page: Page) -> list[tuple[str, str, str, str]]:
    """Return the prediction, label, class and accessible name of each digit."""
    cells = page.locator(CELLS).evaluate_all(
        "all => all.map((cell) => [cell.innerText, cell.className, cell.ariaLabel])"
    )
    return [(*re.fullmatch(r"(\d) \((\d)\)", text.strip()).groups(), kind, name) for text, kind, name in cells]  # type: ignore[union-attr]


def expect_chip(page: Page, name: str) -> None:
    expect(page.locator(f"{CHIPS} [aria-pressed=true]")).to_have_attribute("name", name)
