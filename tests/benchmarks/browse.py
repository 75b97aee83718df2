"""How quickly the Browse tab answers, and what it keeps: python -m tests.benchmarks.browse

Needs MNIST and a Chromium. Prints a table and exits with 1 where a row is missed. About a minute.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser

from mnist_demo.data import DATA_FOLDER, load_mnist
from mnist_demo.evaluation import Evaluation
from mnist_demo.ui.browse import Handlers
from mnist_demo.ui.shared_data import Loaded, SharedData
from mnist_demo.ui.shelf import Shelf
from tests.benchmarks.rows import Row, at_most, print_rows
from tests.browser import chromium
from tests.conftest import served

# Each differs from the one before in a filter, the order, or the page.
WALLS = [
    {},
    {"show": "wrong"},
    {"show": "wrong", "order": "confident"},
    {"truth": "7"},
    {"truth": "7", "read": "2"},
    {"order": "unsure"},
    {"order": "unsure", "page": "40"},
    {"order": "random", "seed": "7"},
    {"order": "random", "seed": "7", "page": "99"},
    {"show": "right", "order": "confident", "page": "3"},
    {"other": "softmax", "compare": "only this one"},
]
ROUNDS = 5

# Ms from a click until the new wall is painted.
CLICK = """(name) => new Promise((done) => {
  const since = performance.now();
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - since)));
  }).observe(document.querySelector('.wall'), { childList: true });
  document.querySelector('#explorer .' + name).click();
})"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    options = parser.parse_args()
    rows = in_process(Path(options.data))
    with served(options.data) as address, chromium() as browser:
        rows += on_page(browser, address)
    return print_rows(rows)


def in_process(folder: Path) -> list[Row]:
    data = SharedData(folder)
    data.loaded = Loaded(load_mnist(folder))
    handlers = Handlers(Shelf(), data)
    since = time.perf_counter()
    seen = wait(handlers, {})
    seconds = time.perf_counter() - since
    for name in ("sketch", "softmax"):
        wait(handlers, {"model": name})
    times, bytes_sent = [], []
    for query in WALLS * ROUNDS:
        since = time.perf_counter()
        answer = handlers.look(query)
        times.append(1000 * (time.perf_counter() - since))
        bytes_sent.append(len(json.dumps(answer)))
    names = handlers.shelf.shipped()[:10]
    for name in names:
        wait(handlers, {"model": name})
    kept = sum(size(handlers.wall({"model": name}).evaluation) for name in names)
    return [
        at_most("all 10,000 predictions of sketch, first time, s", seconds, 3, "{:.2f}".format),
        Row("how often its progress was told meanwhile", str(seen), "at least 5", seen >= 5),
        at_most("a filter, an order or a page, server side, median, ms", median(times), 50, "{:.1f}".format),
        at_most("a page of up to 100 digits over the wire, largest, KB", max(bytes_sent) / 1000, 60, "{:.1f}".format),
        at_most(f"kept for {len(names)} models' answers for the test set, MB", kept / 1e6, 5, "{:.2f}".format),
    ]


def wait(handlers: Handlers, query: dict[str, str]) -> int:
    """Ask as the page does until the wall is there; how many different words were told of the progress."""
    told = set()
    while text := handlers.look(query).get("busy"):
        told.add(text)
        time.sleep(0.05)
    return len(told)


def size(evaluation: Evaluation) -> int:
    """Bytes of what belongs to one model; the labels are the set's."""
    return sum(tensor.nbytes for tensor in (evaluation.probabilities, evaluation.predictions))


def on_page(browser: Browser, address: str) -> list[Row]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}?tab=browse")
    page.wait_for_selector(".wall button", timeout=60_000)
    page.wait_for_timeout(1000)
    times = [page.evaluate(CLICK, name) for name in ["on"] * 20 + ["back"] * 20]
    return [at_most("click to a new wall on the page, median, ms", median(times), 200, "{:.0f}".format)]


if __name__ == "__main__":
    sys.exit(main())
