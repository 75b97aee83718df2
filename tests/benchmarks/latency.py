"""How quickly the page answers a pen: python -m tests.benchmarks.latency

Starts the app, drives Chromium, and draws practice digits with the mouse at 60 points a second. Times are taken in the
page, from the browser's stamp on the pointer's event to the frame that paints the answer to it. Prints a table and
exits with 1 where a row is missed. About three minutes.
"""

import argparse
import asyncio
import random
import sys
import time
from itertools import cycle
from statistics import median, quantiles

import numpy as np
from playwright.async_api import Browser, Page, async_playwright

from mnist_demo.practice import DESIGNS, design_strokes
from mnist_demo.strokes import Strokes, resample
from tests.benchmarks.rows import Row, at_most, print_rows
from tests.browser import FLAGS, find_chromium
from tests.conftest import served

POINTS_A_SECOND = 60
SPEED = 2.5  # field units, of a hundred, between two points: a digit takes about a second and a half
DELAY = 100  # ms of the network, each way

# Notes what the page does. A move that was sent waits for the first answer to a request begun after it.
WATCH = """
const heard = { moves: [], frames: [], lifts: [], ready: 0 };
window.heard = heard;
let waiting = [], sent = [], lifted = 0;
const ask = window.fetch;
window.fetch = (address, ...rest) => {
  if (String(address).endsWith('/read')) [sent, waiting] = [[...sent, ...waiting], []];
  return ask(address, ...rest);
};
const move = 'onpointerrawupdate' in window ? 'pointerrawupdate' : 'pointermove'; // the latter waits for a frame
addEventListener(move, (event) => event.buttons && waiting.push(event.timeStamp), true);
addEventListener('pointerup', (event) => (lifted = event.timeStamp), true);
document.addEventListener('answer', ({ detail }) => {
  const moves = sent.splice(0), lift = detail.settled ? lifted : 0;
  if (lift) lifted = 0;
  requestAnimationFrame(() => {
    const now = performance.now();
    heard.moves.push(...moves.map((move) => now - move));
    if (lift) heard.lifts.push(now - lift);
  });
});
let last = 0;
requestAnimationFrame(function frame(now) {
  if (last) heard.frames.push(now - last);
  last = now;
  heard.ready ||= canDraw() && now;
  requestAnimationFrame(frame);
});
function canDraw() {
  const pad = document.querySelector('#pad canvas');
  if (!pad || !document.querySelector('#pad .examples button')) return false; // the last thing that the pad makes
  const { x, y, width, height } = pad.getBoundingClientRect();
  return document.elementFromPoint(x + width / 2, y + height / 2) === pad; // which Gradio covers while it loads
}
"""


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with served("practice") as address:
        return print_rows(asyncio.run(measure(address)))


async def measure(address: str) -> list[Row]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        at_once = await answer_at_once(browser, address)
        return [
            *at_once,
            await answer_while_training(browser, address, idle=float(at_once[0].figure)),
            *await answer_from_afar(browser, address),
            *await load(browser, address),
        ]


async def answer_at_once(browser: Browser, address: str) -> list[Row]:
    page = await open_page(browser, address)
    requests: list[str] = []
    answers: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("response", lambda response: answers.append(response.url) if response.url.endswith("/read") else None)
    for name in DESIGNS:
        await draw(page, design_strokes(name), rest=100)
    moves = await page.evaluate("heard.moves")
    await page.evaluate("heard.frames.length = 0")
    end = time.monotonic() + 10
    for name in cycle(DESIGNS):
        await draw(page, design_strokes(name), rest=0)
        if time.monotonic() > end:
            break
    frames = await page.evaluate("heard.frames")
    return [
        at_most("pen move to bars on the page, median, ms", median(moves), 20, "{:.1f}".format),
        at_most("the same, 95th percentile, ms", quantiles(moves, n=20)[-1], 50, "{:.1f}".format),
        at_most("requests an answer, of any kind", len(requests) / len(answers), 1, "{:.2f}".format),
        at_most("frames over 50 ms while drawing 10 s", sum(each > 50 for each in frames) / len(frames), 0.01),
    ]


async def answer_while_training(browser: Browser, address: str, idle: float) -> Row:
    page = await open_page(browser, address)
    other = await browser.new_page()
    await other.goto(f"{address}?tab=train")
    await other.wait_for_selector("#start:enabled")  # the digits have come
    await other.get_by_label("Recipe").click()
    await other.get_by_role("option", name="cnn", exact=True).click()
    await other.wait_for_function("document.querySelector('#recipe-words').innerText.includes('10 epochs')")  # of cnn
    await other.locator("#values button").first.click()
    await other.locator("#field-epochs input").fill("1000")  # so that it lasts
    await other.wait_for_function("document.querySelector('#recipe-words').innerText.includes('1000 epochs')")
    await other.locator("#start").click()
    await other.wait_for_function("document.querySelector('#monitor .status').innerText.startsWith('Epoch')")
    await page.bring_to_front()
    for name in DESIGNS:
        await draw(page, design_strokes(name), rest=100)
    status = await other.locator("#monitor .status").inner_text()
    assert status.startswith("Epoch"), f"the training ended too soon: {status}"
    ratio = median(await page.evaluate("heard.moves")) / idle
    return at_most("pen move to bars while another visitor trains, median, times the above", ratio, 2, "{:.2f}".format)


async def answer_from_afar(browser: Browser, address: str) -> list[Row]:
    page = await open_page(browser, address)
    throttle = await page.context.new_cdp_session(page)
    network = {"offline": False, "latency": 2 * DELAY, "downloadThroughput": -1, "uploadThroughput": -1}
    await throttle.send("Network.enable")
    await throttle.send("Network.emulateNetworkConditions", network)
    for name in DESIGNS:
        await draw(page, design_strokes(name), rest=4 * DELAY)
    lifts = await page.evaluate("heard.lifts")
    what = f"with {DELAY} ms of delay each way: pen-up to the final answer"
    return [
        at_most(f"{what}, median, ms", median(lifts), 250, "{:.0f}".format),
        at_most(f"{what}, 95th percentile, ms", quantiles(lifts, n=20)[-1], 250, "{:.0f}".format),
    ]


async def load(browser: Browser, address: str) -> list[Row]:
    seconds = []
    for _ in range(5):
        page = await open_page(browser, address)  # in a context of its own: nothing is cached
        seconds.append(await page.evaluate("heard.ready") / 1000)
    return [at_most("page load to ready to draw, warm server, median of 5, s", median(seconds), 2, "{:.2f}".format)]


async def open_page(browser: Browser, address: str) -> Page:
    for context in browser.contexts:
        await context.close()
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    await page.add_init_script(WATCH)
    await page.goto(address)
    await page.wait_for_function("heard.ready")
    await page.wait_for_timeout(500)
    return page


async def draw(page: Page, strokes: Strokes, rest: int) -> None:
    """Draw a design at a hand's pace, wait so many ms, clear the pad, and wait again."""
    box = await page.locator("#pad canvas").bounding_box()
    assert box
    for stroke in strokes:
        path = resample(np.array(stroke), SPEED) / 200 + 0.25
        points = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in path]
        await page.mouse.move(*points[0])
        await page.mouse.down()
        # Chromium tells of a move when the next frame is drawn; to wait for that would keep the hand in step with the
        # screen. So the moves are sent by the clock, from anywhere within a frame.
        start = time.monotonic() + random.random() / POINTS_A_SECOND
        moves = []
        for number, point in enumerate(points[1:]):
            await asyncio.sleep(max(0.0, start + number / POINTS_A_SECOND - time.monotonic()))
            moves.append(asyncio.create_task(page.mouse.move(*point)))
        await asyncio.gather(*moves)
        await page.mouse.up()
    await page.wait_for_timeout(rest)
    await page.keyboard.press("Delete")
    await page.wait_for_timeout(rest)


if __name__ == "__main__":
    sys.exit(main())
