"""The Draw tab in a browser: a drawing, and how to read and clear the pad."""

import re

from playwright.sync_api import Page, expect

from mnist_demo.data.synthetic import design_strokes
from tests.browser import FINAL_PREDICTION

SEVEN = design_strokes("plain 7")
NOTICE = "#pad .notice"
PERCENTAGE = re.compile(r"^\d+\.\d%$")
GET_DRAWING = "() => document.querySelector('#pad canvas').toDataURL()"


def clear(page: Page) -> None:
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")
