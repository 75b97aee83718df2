"""Makes the README's pictures: python -m tests.screenshots [--data DIR] [--out FOLDER] [--widths 1280 390]"""

import argparse
import os
from pathlib import Path

from playwright.sync_api import Page

from mnist_demo.data import DATA_FOLDER
from mnist_demo.practice import DESIGNS, design_strokes
from tests.browser import choose, chromium, draw_with_mouse, expect_answer, open_pad
from tests.conftest import served

FOLDER = Path(__file__).parent / "screenshots"
SCREEN = ""  # what one sees without scrolling


def show_draw(page: Page) -> None:
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_answer(page, "7")


def show_browse(page: Page) -> None:
    page.wait_for_selector(".wall button")
    page.locator("#explorer select[name=model]").select_option("softmax")
    page.wait_for_selector(".wall .wrong")


def show_recipe(page: Page) -> None:
    page.wait_for_selector("#start:enabled")


def show_training(page: Page) -> None:
    page.locator("#start").click()
    page.wait_for_function("document.querySelectorAll('#monitor .digits .wrong, #monitor .digits .right').length")
    page.wait_for_function("document.querySelector('#monitor .status').innerText.includes('to go')")


def show_outcome(page: Page) -> None:
    page.wait_for_selector("#monitor tbody tr")


def show_why(page: Page) -> None:
    choose(page, "draw-model", "cnn")
    page.locator("#why summary").click()
    page.locator("#why [name=turn]").fill("30")
    page.wait_for_selector("#why .nearest figure", timeout=120_000)


def show_hand(page: Page) -> None:
    page.get_by_role("tab", name="Draw").click()
    for name, (digit, _) in list(DESIGNS.items())[::2]:
        page.locator("#pad .clear").click()
        draw_with_mouse(page, design_strokes(name))
        page.locator("#answer .labels button").nth(digit).click()
    page.locator("#answer .kept button").click()
    page.locator("#hand .learn").click()
    page.wait_for_selector("#hand .use:visible", timeout=120_000)


# In their order, on one page: the picture's name, its tab, what is to be seen, and what part of the page it shows.
SHOTS = [
    ("draw", "Draw", show_draw, SCREEN),
    ("browse", "Browse", show_browse, SCREEN),
    ("train-start", "Train", show_recipe, "body"),
    ("train-middle", "Train", show_training, "body"),
    ("train", "Train", show_outcome, "body"),
    ("why", "Draw", show_why, "#why"),
    ("hand", "Train", show_hand, "#hand"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--widths", type=int, nargs="+", default=[1280])
    parser.add_argument("--themes", nargs="+", default=["light"], choices=["light", "dark"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with served(options.data) as address, chromium() as browser:
        for width in options.widths:
            for theme in options.themes:
                page = browser.new_page(viewport={"width": width, "height": 800})
                open_pad(page, f"{address}?__theme={theme}")
                for name, tab, show, part in SHOTS:
                    page.get_by_role("tab", name=tab).click()
                    show(page)
                    page.wait_for_timeout(0 if name == "train-middle" else 500)  # transitions
                    path = options.out / f"{name}-{width}-{theme}.png"
                    page.screenshot(path=path) if part == SCREEN else page.locator(part).screenshot(path=path)
                page.close()


if __name__ == "__main__":
    main()
