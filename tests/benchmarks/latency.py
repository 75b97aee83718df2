"""Measure how quickly the page responds to a pen: python -m tests.benchmarks.latency

Start the app, and draw digits with the mouse in Chromium, at 60 points a second. Times run from the browser's timestamp
of the pointer event to the frame that shows the prediction. Print a table, and exit with 1 if a target is missed. Takes
three minutes.
"""

import argparse
import asyncio
import base64
import gzip
import random
import sys
import time
from itertools import cycle
from statistics import median, quantiles

import numpy as np
from playwright.async_api import Browser, Page, async_playwright

from mnist_demo.browser import engine_script, to_weights_file
from mnist_demo.classifier import Classifier
from mnist_demo.data.synthetic import DESIGNS, design_strokes
from mnist_demo.preprocess.strokes import Strokes, resample
from tests.benchmarks.rows import Row, at_most, print_rows
from tests.browser import FLAGS, find_chromium
from tests.served_app import serve_app

POINTS_A_SECOND = 60
SPEED = 2.5  # field units, of a hundred, between two points: a digit takes about a second and a half
DELAY = 100  # ms of the network, each way

# Record what the page does. A move that was sent to the worker waits for the first prediction requested after it.
RECORD = """
const recorded = { moves: [], frames: [], lifts: [], ready: 0, answer: 0 };
window.recorded = recorded;
let waiting = [], sent = [], lifted = 0;
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message) {
  if (message.strokes) [sent, waiting] = [[...sent, ...waiting], []];
  return post.call(this, message);
};
const move = 'onpointerrawupdate' in window ? 'pointerrawupdate' : 'pointermove'; // the latter waits for a frame
addEventListener(move, (event) => event.buttons && waiting.push(event.timeStamp), true);
addEventListener('pointerup', (event) => (lifted = event.timeStamp), true);
document.addEventListener('prediction', ({ detail }) => {
  const moves = sent.splice(0), lift = detail.settled ? lifted : 0;
  if (lift) lifted = 0;
  requestAnimationFrame(() => {
    const now = performance.now();
    recorded.moves.push(...moves.map((move) => now - move));
    if (lift) recorded.lifts.push(now - lift);
  });
});
document.addEventListener('prediction', () => (recorded.answer ||= performance.now()));
let last = 0;
requestAnimationFrame(function frame(now) {
  if (last) recorded.frames.push(now - last);
  last = now;
  recorded.ready ||= canDraw() && now;
  requestAnimationFrame(frame);
});
function canDraw() {
  const pad = document.querySelector('#pad canvas');
  if (!pad || !document.querySelector('#pad .examples button')) return false; // the last thing that the pad creates
  const { x, y, width, height } = pad.getBoundingClientRect();
  return document.elementFromPoint(x + width / 2, y + height / 2) === pad; // Gradio covers it while it loads
}
"""


# Time the predictions in a worker, after some that let the browser compile the engine.
TIME_ENGINE = """async ({ script, weights, drawings }) => {
  const timed = `${script};
    onmessage = ({ data: { key, weights, drawings } }) => {
      respond({ key, weights });
      const times = [];
      for (let i = 0; i < 30 * drawings.length; i++) {
        const start = performance.now();
        respond({ key, strokes: drawings[i % drawings.length] });
        if (i >= 10 * drawings.length) times.push(performance.now() - start);
      }
      postMessage(times);
    };`;
  const worker = new Worker(URL.createObjectURL(new Blob([timed])));
  const bytes = Uint8Array.from(atob(weights), (character) => character.charCodeAt(0));
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage({ key: 'sketch', weights: bytes.buffer, drawings });
  });
}"""


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with serve_app("synthetic") as url:
        return print_rows(asyncio.run(measure(url)))


async def measure(url: str) -> list[Row]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        alone = await measure_predictions(browser, url)
        return [
            *alone,
            await measure_during_training(browser, url, alone=float(alone[0].figure)),
            *await measure_with_delay(browser, url),
            *await measure_page_load(browser, url),
            *await measure_engine(browser),
        ]


async def measure_predictions(browser: Browser, url: str) -> list[Row]:
    page = await open_page(browser, url)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for name in DESIGNS:
        await draw(page, design_strokes(name), rest=100)
    moves = await page.evaluate("recorded.moves")
    await page.evaluate("recorded.frames.length = 0")
    end = time.monotonic() + 10
    for name in cycle(DESIGNS):
        await draw(page, design_strokes(name), rest=0)
        if time.monotonic() > end:
            break
    frames = await page.evaluate("recorded.frames")
    return [
        at_most("pen movement to updated bars, median, ms", median(moves), 12, "{:.1f}".format),
        at_most("the same, 95th percentile, ms", quantiles(moves, n=20)[-1], 25, "{:.1f}".format),
        at_most("requests while drawing, of any kind", len(requests), 0, "{:.0f}".format),
        at_most("frames over 50 ms while drawing for 10 s", sum(each > 50 for each in frames) / len(frames), 0.01),
    ]


async def measure_during_training(browser: Browser, url: str, alone: float) -> Row:
    page = await open_page(browser, url)
    other = await browser.new_page()
    await other.goto(f"{url}?tab=train")
    await other.wait_for_selector("#start:enabled")  # the dataset is loaded
    await other.locator("#recipe input").click()
    await other.get_by_role("option", name="cnn", exact=True).click()
    await other.wait_for_function("document.querySelector('#recipe-summary').innerText.includes('10 passes')")  # of cnn
    await other.locator("#hyperparameters button").first.click()
    await other.locator("#field-epochs input").fill("1000")  # the training must not end
    await other.wait_for_function("document.querySelector('#recipe-summary').innerText.includes('1,000 passes')")
    await other.locator("#start").click()
    status = other.locator("#training-monitor .status")
    await other.wait_for_function("document.querySelector('#training-monitor .status').innerText.startsWith('Epoch')")
    await page.bring_to_front()
    for name in DESIGNS:
        await draw(page, design_strokes(name), rest=100)
    text = await status.inner_text()
    assert text.startswith("Epoch"), f"the training ended too soon: {text}"
    ratio = median(await page.evaluate("recorded.moves")) / alone
    return at_most("the same median while another user trains, times the above", ratio, 1.5, "{:.2f}".format)


async def measure_with_delay(browser: Browser, url: str) -> list[Row]:
    page = await open_page(browser, url)
    throttle = await page.context.new_cdp_session(page)
    network = {"offline": False, "latency": 2 * DELAY, "downloadThroughput": -1, "uploadThroughput": -1}
    await throttle.send("Network.enable")
    await throttle.send("Network.emulateNetworkConditions", network)
    for name in DESIGNS:
        await draw(page, design_strokes(name), rest=100)
    moves = await page.evaluate("recorded.moves")
    what = f"with {DELAY} ms of network delay each way"
    return [
        at_most(f"{what}: pen movement to updated bars, median, ms", median(moves), 12, "{:.1f}".format),
        at_most(f"{what}, 95th percentile, ms", quantiles(moves, n=20)[-1], 25, "{:.1f}".format),
    ]


async def measure_page_load(browser: Browser, url: str) -> list[Row]:
    ready, answer = [], []
    for _ in range(5):
        page = await open_page(browser, url)  # in a new context, whose cache is empty
        await page.wait_for_function("recorded.answer")  # of the blank pad: the model is loaded
        ready.append(await page.evaluate("recorded.ready") / 1000)
        answer.append(await page.evaluate("recorded.answer") / 1000)
    return [
        at_most("page load until ready to draw, warm server, median of 5, s", median(ready), 1.2, "{:.2f}".format),
        at_most("the same until the first possible prediction, s", median(answer), 1.5, "{:.2f}".format),
    ]


async def measure_engine(browser: Browser) -> list[Row]:
    """Measure the engine alone: strokes to probabilities of `sketch`, and its size."""
    rows = []
    for name, limit, prologue in (("WebAssembly", 3, ""), ("plain JavaScript", 25, "delete self.WebAssembly;")):
        page = await browser.new_page()
        weights = base64.b64encode(to_weights_file(Classifier.load("sketch"))).decode()
        script = {
            "script": prologue + engine_script(),
            "weights": weights,
            "drawings": list(map(design_strokes, DESIGNS)),
        }
        times = await page.evaluate(TIME_ENGINE, script)
        what = f"one prediction of `sketch` in the worker, {name}, median, ms"
        rows.append(at_most(what, median(times), limit, "{:.1f}".format))
    size = len(gzip.compress(engine_script().encode())) / 1000
    return [
        *rows,
        at_most("engine and kernel, gzip, kB", size, 15, "{:.1f}".format),
        at_most("weights of `sketch`, kB", len(base64.b64decode(weights)) / 1000, 650, "{:.0f}".format),
    ]


async def open_page(browser: Browser, url: str) -> Page:
    for context in browser.contexts:
        await context.close()
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    await page.add_init_script(RECORD)
    await page.goto(url)
    await page.wait_for_function("recorded.ready")
    await page.wait_for_timeout(500)
    return page


async def draw(page: Page, strokes: Strokes, rest: int) -> None:
    """Draw a design as fast as people do, wait for `rest` ms, clear the pad, and wait again."""
    box = await page.locator("#pad canvas").bounding_box()
    assert box
    for stroke in strokes:
        path = resample(np.array(stroke), SPEED) / 200 + 0.25
        points = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in path]
        await page.mouse.move(*points[0])
        await page.mouse.down()
        # Chromium confirms a move at its next frame. Waiting for that would synchronize the pen with the screen, so the
        # moves are sent by the clock.
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
