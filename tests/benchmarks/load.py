"""How many people it serves: python -m tests.benchmarks.load [--people N] [--seconds S] [--soak MINUTES] [--data DIR]

Starts the app and visits it N at a time, for S seconds each: while nobody trains, while somebody does, and four times
as many. Each person opens a page, draws digits as the pad sends them (one request on its way, the newest drawing wins;
1.2 s of drawing, then 3 s of looking) and a fifth also browse. Prints a table and exits with 1 where a row is missed.
With --soak, crowds while trainings run, for so long, and what is left of them: memory, files, threads.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import httpx

from mnist_demo.data import DATA_FOLDER
from mnist_demo.reports import table
from tests.benchmarks.crowd import HEAD, MEGABYTE, Visits
from tests.benchmarks.rows import Row, at_most, print_rows
from tests.conftest import served

SETTLES = 5.0  # seconds in which a server that answers still loads what it will need


async def measure(visits: Visits, people: int, seconds: float) -> list[Row]:
    await visits.crowd(5, 6)  # warms up, and has the walls' evaluation made
    crowds = {
        f"{people}": await visits.crowd(people, seconds),
        f"{people}, and a training": await visits.crowd(people, seconds, trains=True),
        f"{4 * people}": await visits.crowd(4 * people, seconds),
    }
    print(table(HEAD, [crowd.line(name) for name, crowd in crowds.items()]))
    print()
    alone, beside, _ = crowds.values()
    for error in sorted({error for crowd in crowds.values() for error in crowd.errors})[:5]:
        print(f"error: {error}", file=sys.stderr)
    counts = [len(person.answers) for person in alone.people]
    errors = sum(len(crowd.errors) for crowd in crowds.values())
    highest = max(max(crowd.memory) for crowd in crowds.values())
    return [
        at_most(f"{people} people: 95th percentile, ms", quantiles(alone.answers, n=20)[-1], 150, "{:.0f}".format),
        at_most("the same while somebody trains, ms", quantiles(beside.answers, n=20)[-1], 300, "{:.0f}".format),
        Row(
            "drawings of the least served, times the median person's",
            f"{min(counts) / median(counts):.2f}",
            "at least 0.50",
            min(counts) >= 0.5 * median(counts),
        ),
        at_most("errors, of any kind", errors, 0, "{:.0f}".format),
        at_most("memory of the server at most, with data and a training, MB", highest, 1500, "{:.0f}".format),
    ]


async def soak(visits: Visits, people: int, minutes: float) -> list[Row]:
    """Crowds for so long, each with a training; and what is left of them."""
    await visits.crowd(5, 6)
    start, memory, errors = time.monotonic(), [], 0
    threads, first = visits.process.num_threads(), 0.0
    while time.monotonic() < start + 60 * minutes:
        crowd = await visits.crowd(people, 28, trains=True)
        await asyncio.sleep(2)  # a page that has closed ends its training
        errors += len(crowd.errors)
        memory.append(visits.process.memory_info().rss / MEGABYTE)
        print(f"{len(crowd.answers):,} drawings, {memory[-1]:.0f} MB", file=sys.stderr, flush=True)
        if time.monotonic() < start + 75:
            first = memory[-1]
    await asyncio.sleep(5)
    left = len(visits.process.children(recursive=True))
    more = visits.process.num_threads() - threads
    return [
        at_most(
            f"memory after {minutes:g} minutes, more than after the first, MB", memory[-1] - first, 50, "{:.0f}".format
        ),
        at_most("errors, of any kind", errors, 0, "{:.0f}".format),
        at_most("processes left", left, 0, "{:.0f}".format),
        at_most("threads more than before", more, 40, "{:.0f}".format),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MNIST_DEMO_DATA") or DATA_FOLDER))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        os.environ["MNIST_DEMO_TRAIN_SECONDS"] = "3600"
        started = time.monotonic()
        with served(options.data) as address:
            httpx.get(address, timeout=60).raise_for_status()
            start = time.monotonic() - started
            visits = Visits(address, options.data)
            time.sleep(SETTLES)
            idle = visits.process.memory_info().rss / MEGABYTE
            if options.soak:
                rows = asyncio.run(soak(visits, options.people, options.soak))
                files = sum(path.is_file() for path in Path(uploads).rglob("*"))
                rows.append(at_most("files left", files, 0, "{:.0f}".format))
            else:
                rows = [
                    at_most("from `python app.py` to the page, s", start, 6, "{:.1f}".format),
                    at_most("memory of the server before anybody came, MB", idle, 1000, "{:.0f}".format),
                    *asyncio.run(measure(visits, options.people, options.seconds)),
                ]
    return print_rows(rows)


if __name__ == "__main__":
    sys.exit(main())
