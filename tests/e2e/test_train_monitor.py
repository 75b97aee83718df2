"""The training monitor draws correct curves, stays in view, and announces the end."""

import math

import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_demo.ui.components.base import SHARED
from tests.browser import find_pad
from tests.e2e.conftest import Visit
from tests.e2e.train_tab import NAME, OBSERVE_SHIFTS, RUNNING, RUNS, STATUS, fill, open_settings, open_training


@pytest.mark.slow
def test_the_curves_of_two_runs_are_compared(page: Page):
    open_training(page)
    open_settings(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator("#start")).to_be_enabled()
    fill(page, "lr", "0.02")
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(2)
    expect(page.locator(RUNS).first).to_contain_text("lr 0.02")
    legend, lines = page.locator("#training-monitor .legend span"), page.locator("#training-monitor .loss polyline")
    expect(legend).to_have_text(["softmax #2 (synthetic digits)", NAME])
    expect(lines).to_have_count(4)
    newer, older = lines.nth(1).get_attribute("points"), lines.nth(3).get_attribute("points")
    assert newer != older
    page.locator(f"{RUNS} input").first.uncheck()
    expect(legend).to_have_text([NAME])
    expect(lines).to_have_count(2)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1366, 625), (390, 664)])
def test_start_and_what_it_starts_are_in_view_together_and_nothing_moves(visit: Visit, width: int, height: int):
    page = visit(width=width, height=height, reduced_motion="reduce")
    find_pad(page)
    page.add_style_tag(content="#banner { display: none !important; }")  # as with MNIST
    page.evaluate(OBSERVE_SHIFTS)

    def in_view() -> bool:
        boxes = [page.locator(name).bounding_box() for name in ("#start", "#stop", ".accuracy", ".loss")]
        return all(box and box["y"] >= 0 and box["y"] + box["height"] <= height for box in boxes)

    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    page.wait_for_timeout(500)
    assert sum(page.evaluate("shifts.splice(0)")) <= 0.02
    open_settings(page)
    fill(page, "epochs", "8")  # one takes too little time to be seen
    expect(page.locator("#recipe-summary")).to_contain_text("8 passes")
    page.locator("#hyperparameters button").first.click()
    page.wait_for_timeout(500)
    page.evaluate("shifts.splice(0)")
    assert width < 640 or in_view()
    page.locator("#start").click()
    expect(page.locator(STATUS)).to_contain_text(RUNNING)
    page.wait_for_timeout(500)
    assert in_view() and sum(page.evaluate("shifts.splice(0)")) <= 0.02
    expect(page.locator(RUNS)).to_have_count(1)
    expect(page.locator("#start")).to_be_enabled()
    page.wait_for_timeout(500)
    assert in_view() and sum(page.evaluate("shifts.splice(0)")) <= 0.02
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    row = page.locator(RUNS)
    accuracy, button = (row.locator(name).first.bounding_box() for name in ("td:nth-child(3)", "button"))
    assert accuracy and button and (accuracy["y"], accuracy["x"]) < (button["y"] + 8, width)


@pytest.mark.slow
def test_the_end_of_a_training_is_announced_once(page: Page):
    open_training(page)
    page.evaluate(
        """() => {
          window.announced = [];
          const live = document.querySelectorAll('[role=status], [role=alert], [aria-live]:not([aria-live=off])');
          new MutationObserver((changes) => { for (const { target } of changes) announced.push(target.textContent); })
            .observe(document.querySelector('#training-monitor [role=status]'), { childList: true, subtree: true });
          window.live = [...live].filter((node) => node.closest('#train-tab')).map((node) => node.className);
        }"""
    )
    page.locator("#start").click()
    expect(page.locator("#training-monitor [role=status]")).to_contain_text("Done in")
    expect(page.locator("#start")).to_be_enabled()
    page.get_by_role("tab", name="Draw").click()
    page.get_by_role("tab", name="Train").click()
    assert len([text for text in page.evaluate("announced") if text.startswith("Done in")]) == 1
    assert page.evaluate("live").count("status") == 0  # what changes five times a second is silent


def test_the_charts_draw_true_points_and_clip_those_outside(browser: Browser):
    folder = SHARED.parent / "training_monitor"
    page = browser.new_page(viewport={"width": 1300, "height": 700})
    page.set_content(f"<div id=root>{(folder / 'template.html').read_text()}</div>")
    page.add_style_tag(content="svg { width: 380px } polyline { fill: none; stroke: black; stroke-width: 3px }")
    scripts = "\n".join(
        [(SHARED / "dom.js").read_text(), (SHARED / "line_chart.js").read_text(), (folder / "script.js").read_text()]
    )
    accuracies, losses, steps = [12.0, 60.0, 97.3, 99.4], [9.0, 2.3, 0.5, 0.004], [10, 20, 30, 40]
    curves = {
        **{"steps": steps, "loss": losses, "smoothed_loss": losses},
        **{"measured_steps": steps, "train_accuracy": accuracies, "test_accuracy": accuracies},
    }
    state = {"status": "", "curves": curves, "name": "fast", "epochs": 1, "steps_per_epoch": 40}
    page.evaluate(
        "([code, value]) => new Function('element', 'props', 'watch', 'trigger', 'server', code)"
        "(document.querySelector('#root'), { value }, () => {}, () => {}, {})",
        [scripts, state],
    )

    def read(chart: str) -> tuple[list[list[float]], list[list[float]], list[tuple[float, float]]]:
        points, dots = page.locator(f".{chart} g[clip-path] > g:last-child").evaluate(
            """(group) => [group.firstChild.getAttribute('points'), group.lastChild.getAttribute('d')]
              .map((text) => (text.match(/[\\d.-]+,[\\d.-]+/g) ?? []).map((point) => point.split(',').map(Number)))"""
        )
        ticks = page.locator(f".{chart} .grid text[x='46']").evaluate_all(
            "all => all.map((node) => [parseFloat(node.textContent), +node.getAttribute('y') - 5])"
        )
        return points, dots, ticks

    points, dots, ticks = read("accuracy")
    (low, bottom), (high, top) = ticks[0], ticks[-1]  # 95% and 99%
    assert (low, high) == (95, 99) and points == dots and len(points) == 4
    for (x, y), accuracy, step in zip(points, accuracies, steps, strict=True):
        assert abs(y - (bottom + (top - bottom) * (accuracy - low) / (high - low))) < 0.5
        assert abs(x - (52 + 320 * step / 40)) < 0.5
    points, _, ticks = read("loss")
    (high, top), (low, bottom) = ticks[0], ticks[-1]
    for (_, y), loss in zip(points, losses, strict=True):
        assert abs(y - (top + (bottom - top) * math.log10(loss / high) / math.log10(low / high))) < 0.5
    for chart, inside in (("accuracy", 97.3), ("loss", 0.5)):
        assert page.evaluate(
            """([chart, last]) => {
              const group = document.querySelector(`.${chart} g[clip-path]`), { x, y, width, height } =
                document.querySelector(`${group.getAttribute('clip-path').slice(4, -1)} rect`).getBBox();
              const line = group.lastChild.firstChild, matrix = line.getScreenCTM();
              const hits = [...line.points].slice(0, 3).map((point) => {
                const { x, y } = point.matrixTransform(matrix);
                return group.contains(document.elementFromPoint(x, y));
              });
              return [hits, [...line.points].slice(0, 3).map((p) => p.y >= y && p.y <= y + height)].map(String);
            }""",
            [chart, inside],
        ) == [
            ",".join(map(str, each)).lower()
            for each in ([[False, False, True]] * 2 if chart == "accuracy" else [[False, True, True]] * 2)
        ]
    expect(page.locator(".accuracy")).to_have_class("accuracy reached")  # 99% was reached
    page.close()
