"""Measure what one client can do to the others: python -m tests.benchmarks.abuse [--seconds S]

Start the app. From one address, send the most expensive requests for S seconds each, over as many connections as the
table says; each sends again when it has its response. Meanwhile, a client at another address draws. Print how long its
drawings took, and the server's memory afterwards. There is no target. Attacker and server share the cores.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from statistics import median
from typing import Any

import aiohttp
import httpx

from mnist_demo.devices import hardware_name
from mnist_demo.personalize.user_digits import FORMAT, VERSION
from mnist_demo.reports import markdown_table
from tests.protocol import DRAWING, PREDICT, SERVER_FUNCTION, UPLOAD, Protocol, find_server
from tests.served_app import serve_app

PAUSE = 0.1  # seconds from a prediction to the next drawing
HEAD = ["sent by one client", "connections", "drawings of the other", "median, ms", "longest, ms", "memory, MB"]
SYNTHETIC = {"model": "softmax", "set": "practice"}  # a query for synthetic digits


def attacks(protocol: Protocol, digits_path: str) -> Iterator[tuple[str, int, str, bytes]]:
    """Yield for each attack its name, the number of connections, the path and the body, which is empty for a GET."""
    large, call = scribble(499, 40), protocol.call

    def encode(body: object) -> bytes:
        return json.dumps(body).encode()

    yield "nothing", 0, PREDICT, b"{}"
    yield "drawings", 400, PREDICT, encode(DRAWING)
    yield "drawings of 20,000 points", 100, PREDICT, encode({"data": [large, ""]})
    query = {"strokes": large, "model": "sketch", "parts": ["heat_maps", "nearest", "variants"]}
    explain = call("explanation", "explain", query)
    yield "explanations of drawings of 20,000 points", 100, SERVER_FUNCTION, encode(explain)
    grid = call("digit-browser", "grid_file", SYNTHETIC)
    yield "pages of digits as PNG", 100, SERVER_FUNCTION, encode(grid)
    validate = call("user-digits", "validate", {"path": digits_path})
    yield "files of 300 digits with 240,000 points", 100, SERVER_FUNCTION, encode(validate)
    photo = {"data": ["aa " * 4_400_000, ""]}
    yield "13 MB that are not a photo", 100, "gradio_api/run/predict_image", encode(photo)
    yield "330,000 empty lists", 100, "gradio_api/run/predict", b'{"data":[' + b"[]," * 330_000 + b"[]]}"
    yield "the page", 50, "", b""


def scribble(strokes: int, points: int) -> list[list[list[int]]]:
    rng = random.Random(0)
    return [[[rng.randrange(1000), rng.randrange(1000)] for _ in range(points)] for _ in range(strokes)]


async def attack(url: str, connections: int, path: str, body: bytes, seconds: float) -> list[float]:
    """Return how long each drawing of another client took during the attack, in ms."""
    end, times = time.monotonic() + seconds, []

    def client(ip: str) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(local_addr=(ip, 0), limit=0)
        return aiohttp.ClientSession(url, connector=connector, headers={"Content-Type": "application/json"})

    async def send(attacker: aiohttp.ClientSession) -> None:
        while time.monotonic() < end:
            with suppress(aiohttp.ClientError):  # the server may close the connection of a refused request
                async with attacker.request("POST" if body else "GET", f"/{path}", data=body or None) as response:
                    await response.read()

    async with client("127.0.0.2") as attacker, client("127.0.0.3") as other:
        sending = [asyncio.create_task(send(attacker)) for _ in range(connections)]
        while time.monotonic() < end:
            start = time.perf_counter()
            async with other.post(f"/{PREDICT}", json=DRAWING) as response:
                assert (await response.json())["data"][0]["digit"] == 7
            times.append(1000 * (time.perf_counter() - start))
            await asyncio.sleep(PAUSE)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
    return times


def prepare(url: str, protocol: Protocol) -> str:
    """Wait until the server has the dataset; upload a file of 300 digits and return its path."""
    grid: Any = protocol.call("digit-browser", "grid", SYNTHETIC)
    while "busy" in httpx.post(url + SERVER_FUNCTION, json=grid, timeout=60).json():
        time.sleep(0.2)
    time.sleep(5)  # until the server has loaded all modules
    digits = [{"label": i % 10, "strokes": scribble(1, 800)} for i in range(300)]
    content = json.dumps({"format": FORMAT, "version": VERSION, "digits": digits})
    return httpx.post(url + UPLOAD, files={"files": ("digits.json", content)}, timeout=60).json()[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    rows = []
    with serve_app("synthetic", may_complain=True) as url:
        protocol, server = Protocol.of(url), find_server(url)
        for name, connections, path, body in attacks(protocol, prepare(url, protocol)):
            times = asyncio.run(attack(url, connections, path, body, options.seconds))
            memory = server.memory_info().rss / 2**20
            figures = [connections, len(times), round(median(times)), round(max(times)), round(memory)]
            rows.append([name, *map(str, figures)])
            print(*rows[-1], sep=", ", file=sys.stderr, flush=True)
            time.sleep(2)
    print(markdown_table(HEAD, rows))
    print(f"\nMeasured on {hardware_name()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
