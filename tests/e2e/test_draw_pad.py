"""The pad accepts strokes of mouse, pen and finger, paints them, and keeps them."""

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from mnist_demo.preprocess.strokes import strokes_to_image
from tests.browser import FINAL_PREDICTION, choose, draw_with_mouse, draw_with_touch, expect_prediction, find_pad
from tests.e2e.conftest import keeps_page, slow
from tests.e2e.draw_tab import GET_DRAWING, SEVEN

COUNT_INK = """() => { const c = document.querySelector('#pad canvas');
  return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 === 3 && _).length; }"""


def test_a_single_tap_leaves_a_dot(page: Page):
    page.evaluate("CanvasRenderingContext2D.prototype.stroke = () => {}")  # some browsers draw no line without length
    box = find_pad(page)
    page.mouse.click(box["x"] + 200, box["y"] + 200)
    page.wait_for_function(f"({COUNT_INK})() > 200")
    expect(page.locator("#prediction .announcement")).not_to_have_text("")


def test_two_fingers_zoom_and_draw_nothing(phone: Page):
    device = phone.context.new_cdp_session(phone)
    box = find_pad(phone)
    x, y = box["x"] + 100, box["y"] + 100

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", (x, y))
    touch("touchMove", (x + 5, y + 30))
    touch("touchStart", (x + 5, y + 30), (x + 100, y + 100))
    for step in range(1, 9):
        touch("touchMove", (x + 5, y + 30 - 4 * step), (x + 100, y + 100 + 8 * step))
    touch("touchEnd")
    expect(phone.get_by_role("button", name="Clear")).to_be_disabled()
    phone.wait_for_function("visualViewport.scale > 1.1")


def test_a_palm_draws_nothing_beside_a_pen(phone: Page):
    device = phone.context.new_cdp_session(phone)
    box = find_pad(phone)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4

    def pen(kind: str, **more: Any) -> None:
        device.send("Input.dispatchMouseEvent", {"type": kind, "button": "left", "pointerType": "pen", **more})

    def palm(kind: str, *points: dict) -> None:
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    # The palm touches before the pen, and again while the pen draws.
    palm("touchStart", {"x": x + 60, "y": y + 150})
    pen("mousePressed", x=x, y=y, buttons=1, clickCount=1)
    palm("touchMove", {"x": x + 70, "y": y + 160})
    palm("touchEnd")
    palm("touchStart", {"x": x + 80, "y": y + 150})
    for step in range(30):
        pen("mouseMoved", x=x - step / 3, y=y + 5 * step, buttons=1)
    pen("mouseReleased", x=x - 10, y=y + 150, buttons=0, clickCount=1)
    palm("touchEnd")
    expect_prediction(phone, "1")
    phone.get_by_role("button", name="Undo").click()
    expect(phone.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")  # there was only the pen's stroke


@keeps_page
def test_the_drawing_survives_a_change_of_tab_theme_and_model(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    before = page.evaluate(GET_DRAWING)
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("tab", name="Draw").click()
    assert page.evaluate(GET_DRAWING) == before
    page.evaluate("() => document.body.classList.toggle('dark')")
    page.wait_for_function(f"before => ({GET_DRAWING})() !== before", arg=before)
    confidence = page.locator("#prediction .note").inner_text()
    choose(page, "draw-model", "mlp-sigmoid")  # less confident than the default
    expect(page.locator("#prediction .note")).not_to_have_text(confidence)
    expect_prediction(page, "7")


def test_the_pad_uses_the_full_resolution_of_the_screen(phone: Page):
    ratio = (
        "() => { const { width, clientWidth } = document.querySelector('#pad canvas'); return width / clientWidth; }"
    )
    assert phone.evaluate(ratio) == 3
    screen = {"width": 390, "height": 844, "mobile": True, "deviceScaleFactor": 2}  # only the pixel ratio changes
    phone.context.new_cdp_session(phone).send("Emulation.setDeviceMetricsOverride", screen)
    phone.wait_for_function(f"({ratio})() === 2")


def test_a_cancelled_touch_draws_nothing(phone: Page):
    device = phone.context.new_cdp_session(phone)
    box = find_pad(phone)
    for kind, points in (("touchStart", [{"x": box["x"] + 90, "y": box["y"] + 90}]), ("touchCancel", [])):
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(phone.get_by_role("button", name="Clear")).to_be_disabled()
    draw_with_touch(phone, SEVEN)
    expect_prediction(phone, "7")


@keeps_page
def test_a_stroke_ends_even_if_pointerup_is_lost(page: Page):
    box = find_pad(page)
    page.evaluate(
        "addEventListener('pointerup', (event) => event.stopImmediatePropagation(), { capture: true, once: true })"
    )
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()  # there was one stroke
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")


@pytest.mark.parametrize(
    "stored",
    [
        '[[["x", 1]]]',
        *(pytest.param(text, marks=slow) for text in ('{"a": 1}', "[[]]", "null", "7", "[", "[[[1, 2, 3]]]")),
    ],
)
def test_invalid_data_in_the_storage_is_ignored(page: Page, stored: str):
    page.evaluate(
        "(stored) => addEventListener('pagehide', () => sessionStorage.setItem('mnist_demo.drawing', stored))", stored
    )
    page.reload()
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")


INK_OF_PAD = """() => {
  const small = Object.assign(document.createElement('canvas'), { width: 280, height: 280 }).getContext('2d');
  small.drawImage(document.querySelector('#pad canvas'), 0, 0, 280, 280);
  const { data } = small.getImageData(0, 0, 280, 280);
  return Array.from({ length: 280 * 280 }, (_, i) => data[4 * i + 3]);
}"""


def test_the_model_reads_the_curves_that_the_pad_paints(page: Page):
    few = [[[150, 300], [500, 120], [820, 300], [300, 880]], [[300, 900], [600, 760], [860, 900]]]
    page.evaluate(
        "(few) => addEventListener('pagehide', () => sessionStorage.setItem('mnist_demo.drawing', few))", str(few)
    )
    page.reload()
    find_pad(page)
    expect(page.locator(".sketchpad.drawn")).to_be_attached()
    painted = np.array(page.evaluate(INK_OF_PAD)).reshape(28, 10, 28, 10).mean(axis=(1, 3))
    drawn = strokes_to_image(few, pad_size=1000, pen_width=55 * 28 / 1000)
    assert np.abs(painted - drawn).mean() < 4
    lines = strokes_to_image([[p for p in stroke for _ in range(2)] for stroke in few], pad_size=1000, pen_width=1.54)
    assert np.abs(painted - lines).mean() > 8
