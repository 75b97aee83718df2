"""Take the README's screenshots: python -m tests.screenshots [--data DIR] [--out FOLDER] [--widths 1280 390]

--card takes only the picture that a shared link shows, mnist_demo/ui/card.png.
"""

import argparse
import os
from pathlib import Path

from playwright.sync_api import Page

from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.data.synthetic import DESIGNS, design_strokes
from tests.browser import choose, chromium, draw_with_mouse, expect_prediction, label_drawing, open_pad
from tests.conftest import ROOT
from tests.served_app import serve_app

FOLDER = Path(__file__).parent / "screenshots"
CARD = ROOT / "mnist_demo/ui/card.png"
SCREEN = ""  # the visible part of the page


def show_draw(page: Page) -> None:
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_prediction(page, "7")
    page.locator("#prediction .ask-all").click()
    page.locator("#prediction .why").click()
    page.wait_for_selector("#prediction .nearest img:visible", timeout=120_000)


def show_browse(page: Page) -> None:
    page.wait_for_selector("#digit-browser .digits button")
    page.locator("#digit-browser select[name=model]").select_option("softmax", force=True)  # in a drawer on phones
    page.wait_for_selector("#digit-browser .digits .incorrect")


def show_recipe(page: Page) -> None:
    page.wait_for_selector("#start:enabled")


def show_training(page: Page) -> None:
    page.locator("#start").click()
    page.wait_for_function("document.querySelector('#training-monitor .digits [class$=correct]')")
    page.wait_for_function("document.querySelector('#training-monitor .status').innerText.includes(' left')")


def show_outcome(page: Page) -> None:
    page.wait_for_selector("#training-monitor tbody tr")


def show_explanation(page: Page) -> None:
    choose(page, "draw-model", "cnn")


def show_user_digits(page: Page) -> None:
    page.get_by_role("tab", name="Draw").click()
    for name, (digit, _) in list(DESIGNS.items())[::2]:
        page.locator("#pad .clear").click()
        draw_with_mouse(page, design_strokes(name))
        label_drawing(page, digit)
    page.locator("#prediction .saved button").click()
    page.locator("#user-digits .fine-tune").click()
    page.wait_for_selector("#user-digits .use-model:enabled", timeout=120_000)


# In this order, in one page: name, tab, function that prepares the page, and the part to show.
SHOTS = [
    ("draw", "Draw", show_draw, SCREEN),
    ("browse", "Browse", show_browse, SCREEN),
    ("train-start", "Train", show_recipe, "body"),
    ("train-middle", "Train", show_training, "body"),
    ("train", "Train", show_outcome, "body"),
    ("explanation", "Draw", show_explanation, "#explanation"),
    ("user-digits", "Teach", show_user_digits, "#user-digits"),
]


def take_card(page: Page, app_url: str) -> None:
    open_pad(page, app_url)
    show_draw(page)
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)  # transitions
    page.screenshot(path=CARD)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--widths", type=int, nargs="+", default=[1280])
    parser.add_argument("--themes", nargs="+", default=["light"], choices=["light", "dark"])
    parser.add_argument("--card", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with serve_app(options.data) as app_url, chromium() as browser:
        if options.card:
            return take_card(browser.new_page(viewport={"width": 1200, "height": 630}), app_url)
        for width in options.widths:
            for theme in options.themes:
                page = browser.new_page(viewport={"width": width, "height": 800})
                open_pad(page, f"{app_url}?__theme={theme}")
                for name, tab, show, part in SHOTS:
                    page.get_by_role("tab", name=tab).click()
                    show(page)
                    page.wait_for_timeout(0 if name == "train-middle" else 500)  # transitions
                    path = options.out / f"{name}-{width}-{theme}.png"
                    page.screenshot(path=path) if part == SCREEN else page.locator(part).screenshot(path=path)
                page.close()


if __name__ == "__main__":
    main()
