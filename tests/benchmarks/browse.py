"""Measure latency and memory of the Browse tab: python -m tests.benchmarks.browse [--data DIR]

Needs MNIST and Chromium. Print a table of results and targets, and exit with 1 if a target is missed. Takes a minute.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser

from mnist_demo.data.mnist import DATA_FOLDER, load_mnist
from mnist_demo.evaluation import Evaluation
from mnist_demo.ui.browse_tab import BrowseTab
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.datasets import Loaded
from tests.benchmarks.rows import Row, at_most, print_rows
from tests.browser import chromium
from tests.served_app import serve_app

# Each query changes the filter, the order or the page.
QUERIES = [
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
REPEATS = 5
CLIENT = "127.0.0.1"

# Ms from a click until the new page of digits is painted.
CLICK = """(name) => new Promise((done) => {
  const since = performance.now();
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - since)));
  }).observe(document.querySelector('#digit-browser .digits'), { childList: true });
  document.querySelector('#digit-browser .' + name).click();
})"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    options = parser.parse_args()
    rows = in_process(Path(options.data))
    with serve_app(options.data) as address, chromium() as browser:
        rows += on_page(browser, address)
    return print_rows(rows)


def in_process(folder: Path) -> list[Row]:
    services = Services.create(folder)
    services.datasets.loaded = Loaded(load_mnist(folder))
    tab = BrowseTab(services)
    since = time.perf_counter()
    updates = wait(tab, {})
    seconds = time.perf_counter() - since
    for name in ("sketch", "softmax"):
        wait(tab, {"model": name})
    times, bytes_sent = [], []
    for query in QUERIES * REPEATS:
        since = time.perf_counter()
        response = tab.grid(query, CLIENT)
        times.append(1000 * (time.perf_counter() - since))
        bytes_sent.append(len(json.dumps(response)))
    names = services.models.shared_names()[:10]
    for name in names:
        wait(tab, {"model": name})
    memory = sum(size(tab.find_grid({"model": name}, CLIENT).evaluation) for name in names)
    return [
        at_most("all 10,000 predictions of `sketch`, first time, s", seconds, 3, "{:.2f}".format),
        Row("progress messages during that time", str(updates), "at least 5", updates >= 5),
        at_most("a new filter, order or page, on the server, median, ms", median(times), 50, "{:.1f}".format),
        at_most("response with up to 100 digits, largest, KB", max(bytes_sent) / 1000, 60, "{:.1f}".format),
        at_most(f"memory for the test set's predictions by {len(names)} models, MB", memory / 1e6, 5, "{:.2f}".format),
    ]


def wait(tab: BrowseTab, query: dict[str, str]) -> int:
    """Poll like the page until the result is ready. Return the number of different progress messages."""
    messages = set()
    while text := tab.grid(query, CLIENT).get("busy"):
        messages.add(text)
        time.sleep(0.05)
    return len(messages)


def size(evaluation: Evaluation) -> int:
    """Return the bytes that belong to one model; the labels belong to the test set."""
    return sum(tensor.nbytes for tensor in (evaluation.probabilities, evaluation.predictions))


def on_page(browser: Browser, address: str) -> list[Row]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}?tab=browse")
    page.wait_for_selector("#digit-browser .digits button", timeout=60_000)
    page.wait_for_timeout(1000)
    times = [page.evaluate(CLICK, name) for name in ["next-page"] * 20 + ["previous-page"] * 20]
    return [at_most("from a click to a new page of digits, median, ms", median(times), 200, "{:.0f}".format)]


if __name__ == "__main__":
    sys.exit(main())
