"""The Train tab in a browser: its parts, and actions on its settings."""

import re

from playwright.sync_api import Page, expect

from mnist_demo.models import count_parameters
from mnist_demo.recipes import RECIPES
from tests.browser import choose

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
