"""Measure how many users a server has room for: python -m tests.benchmarks.load [--users N] [--seconds S] [--data DIR]

Start the app with N users for S seconds: alone, with a training, and with four times as many users. Each draws for
1.2 s, which costs the server nothing, and pauses for 3 s. They ask why after a tenth of the drawings, and a fifth of
them browse. Print a table of the explanations and exit with 1 if a target is missed. `--soak MINUTES` runs users and
trainings for long, and measures what is left of them: memory, files, threads.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

import httpx

from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.reports import markdown_table
from tests.benchmarks.rows import Row, at_most, print_rows
from tests.benchmarks.simulated_users import HEAD, MEGABYTE, SimulatedUsers
from tests.served_app import serve_app

PRELOAD_SECONDS = 5.0  # in which a server that responds still loads modules


async def measure(users: SimulatedUsers, count: int, seconds: float) -> list[Row]:
    await users.run(5, 6)  # warms up, and evaluates the model for Browse
    results = {
        f"{count}": await users.run(count, seconds),
        f"{count}, and a training": await users.run(count, seconds, with_training=True),
        f"{4 * count}": await users.run(4 * count, seconds),
    }
    print(markdown_table(HEAD, [result.row(name) for name, result in results.items()]))
    print()
    alone, with_training, _ = results.values()
    for error in sorted({error for result in results.values() for error in result.errors})[:5]:
        print(f"error: {error}", file=sys.stderr)
    memory = max(max(result.memory) for result in results.values())
    p95, p95_with_training = (quantiles(result.explanations, n=20)[-1] for result in (alone, with_training))
    return [
        at_most(f"{count} users: an explanation, 95th percentile, ms", p95, 500, "{:.0f}".format),
        at_most("the same during a training, ms", p95_with_training, 1000, "{:.0f}".format),
        at_most("errors of any kind", sum(len(result.errors) for result in results.values()), 0, "{:.0f}".format),
        at_most("memory of the server at most, with data and a training, MB", memory, 1500, "{:.0f}".format),
    ]


async def soak(users: SimulatedUsers, count: int, minutes: float) -> list[Row]:
    """Run users for that long, always with a training, and measure what is left of them."""
    await users.run(5, 6)
    start, memory, errors = time.monotonic(), [], 0
    threads, first = users.server.num_threads(), 0.0
    while time.monotonic() < start + 60 * minutes:
        result = await users.run(count, 28, with_training=True)
        await asyncio.sleep(2)  # a page that has closed ends its training
        errors += len(result.errors)
        memory.append(users.server.memory_info().rss / MEGABYTE)
        print(f"{result.drawings:,} drawings, {memory[-1]:.0f} MB", file=sys.stderr, flush=True)
        if time.monotonic() < start + 75:
            first = memory[-1]
    await asyncio.sleep(5)
    processes = len(users.server.children(recursive=True))
    threads = users.server.num_threads() - threads
    what = f"memory after {minutes:g} minutes, more than after the first, MB"
    return [
        at_most(what, memory[-1] - first, 50, "{:.0f}".format),
        at_most("errors of any kind", errors, 0, "{:.0f}".format),
        at_most("processes left", processes, 0, "{:.0f}".format),
        at_most("threads more than before", threads, 40, "{:.0f}".format),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MNIST_DEMO_DATA") or DATA_FOLDER))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        os.environ["MNIST_DEMO_TRAIN_SECONDS"] = "3600"
        start = time.monotonic()
        with serve_app(options.data) as url:
            httpx.get(url, timeout=60).raise_for_status()
            seconds_to_page = time.monotonic() - start
            users = SimulatedUsers(url, options.data)
            time.sleep(PRELOAD_SECONDS)
            idle = users.server.memory_info().rss / MEGABYTE
            if options.soak:
                rows = asyncio.run(soak(users, options.users, options.soak))
                files = sum(path.is_file() for path in Path(uploads).rglob("*"))
                rows.append(at_most("files left", files, 0, "{:.0f}".format))
            else:
                rows = [
                    at_most("from `python app.py` to the page, s", seconds_to_page, 6, "{:.1f}".format),
                    at_most("memory of the server before the first user, MB", idle, 1000, "{:.0f}".format),
                    *asyncio.run(measure(users, options.users, options.seconds)),
                ]
    return print_rows(rows)


if __name__ == "__main__":
    sys.exit(main())
