"""axe-core, the checker that browsers' accessibility panels use, finds nothing serious in what this project made."""

import base64
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from mnist_demo.data.synthetic import design_strokes
from tests.browser import draw_with_mouse, expect_prediction, find_pad
from tests.e2e.browse_tab import CELLS
from tests.e2e.conftest import Visit

FOREIGN = ["footer", ".sr-only"]  # Gradio's own
NO_TRANSITIONS = "*, ::before, ::after { transition: none !important; animation: none !important; }"


def show_every_gray(route: Route) -> None:
    """Respond with a digit that has pixels of all 256 values."""
    response = route.fetch()
    every_gray = base64.b64encode(bytes(i % 256 for i in range(784))).decode()
    route.fulfill(response=response, json=response.json() | {"image": every_gray})


def check(page: Page, part: str) -> list[str]:
    """Return the serious findings in a part of the page, on a phone and on a laptop."""
    return [finding for width in (390, 1280) for finding in check_width(page, part, width)]


def check_width(page: Page, part: str, width: int) -> list[str]:
    page.set_viewport_size({"width": width, "height": 720})
    found: list[dict[str, Any]] = Axe().run(page, {"exclude": [[each] for each in FOREIGN]}).response["violations"]
    return [
        f"{part}, {width} pixels wide: {each['id']}: {each['help']}: "
        f"{each['nodes'][0]['html'][:120]} {each['nodes'][0]['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_is_found(visit: Visit, theme: str):
    page = visit(f"?__theme={theme}")
    find_pad(page)
    page.add_style_tag(content=NO_TRANSITIONS)
    findings = check(page, "empty")
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_prediction(page, "7")
    findings += check(page, "draw")
    for name in ("Change it", "All models", "About"):
        page.locator("#explanation").get_by_role("tab", name=name).click()
        findings += check(page, name)
    page.get_by_role("tab", name="Browse").click()
    expect(page.locator(CELLS).first).to_be_visible()
    findings += check(page, "browse")
    page.route("**/component_server/", show_every_gray)
    page.locator(CELLS).first.click()
    expect(page.locator("#digit-browser dialog .pixels span").nth(255)).to_have_text("255")
    page.unroute("**/component_server/")
    findings += check(page, "digit")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    findings += check(page, "train")
    page.get_by_role("tab", name="Teach").click()
    expect(page.locator("#user-digits .model option").first).to_be_attached()
    findings += check(page, "teach")
    assert not findings, "\n".join(findings)
