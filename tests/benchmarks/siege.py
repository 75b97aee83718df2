"""What one visitor can do to the others: python -m tests.benchmarks.siege [--seconds S]

Starts the app, and from one address sends what costs it most, over as many connections as stand in the table, each
sending again as soon as it is answered, for S seconds. Meanwhile somebody else draws, from another address. Prints how
long their drawings took, and the memory of the server afterwards; there is no aim. The attacker computes on the same
cores.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from statistics import median

import aiohttp
import httpx

from app import allow_many_connections
from mnist_demo.hardware import hardware_name
from mnist_demo.my_digits import FORMAT, VERSION
from mnist_demo.reports import table
from tests.conftest import served
from tests.wire import READ, SERVER_FUNCTION, Wire, find_server

DRAWING = {"strokes": [[[10, 10], [90, 10], [40, 100]]], "model": "sketch"}
HALF = "half"  # in place of a path: the connection is kept until it is ended
BETWEEN = 0.1  # seconds from an answer to the next drawing
HEAD = ["sent by one visitor", "connections", "another's drawings", "median, ms", "longest, ms", "memory, MB"]


def attacks(wire: Wire) -> Iterator[tuple[str, int, str, bytes]]:
    """What is sent: its name, over how many connections, to where, and the body; no body is a GET."""
    rng = random.Random(0)

    def scribble(strokes: int, points: int) -> list[list[list[int]]]:
        return [[[rng.randrange(1000), rng.randrange(1000)] for _ in range(points)] for _ in range(strokes)]

    def as_json(body: object) -> bytes:
        return json.dumps(body).encode()

    large, call = scribble(499, 40), wire.call
    digits = [{"label": i % 10, "strokes": scribble(1, 800)} for i in range(300)]
    file = json.dumps({"format": FORMAT, "version": VERSION, "digits": digits})
    wall = {"model": "softmax", "set": "practice"}
    yield "nothing", 0, READ, b"{}"
    yield "drawings", 400, READ, as_json(DRAWING)
    yield "drawings of 4,100 points", 100, READ, as_json({"strokes": scribble(1, 4100), "model": "sketch"})
    yield "drawings of 20,000 points, by the API", 100, "gradio_api/run/predict_strokes", as_json({"data": [large, ""]})
    explained = call("why", "explain", {"strokes": large, "model": "sketch"})
    yield "explanations of 20,000 points", 100, SERVER_FUNCTION, as_json(explained)
    yield "walls as files", 100, SERVER_FUNCTION, as_json(call("explorer", "wall_file", wall))
    yield "files of 300 digits, 240,000 points", 3, SERVER_FUNCTION, as_json(call("hand", "check", {"content": file}))
    picture = "aa " * 4_400_000
    yield "13 MB that are no picture", 100, "gradio_api/run/predict_image", as_json({"data": [picture, ""]})
    yield "5,000,000 empty lists", 6, "gradio_api/run/upload", b'{"data":[' + b"[]," * 5_000_000 + b"[]]}"
    yield "the page", 50, "", b""
    yield "half a request's head", 2000, HALF, b""


async def besiege(address: str, connections: int, path: str, body: bytes, seconds: float) -> list[float]:
    """How long each of another visitor's drawings took meanwhile, in ms."""
    end, answers = time.monotonic() + seconds, []

    def client(host: str) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(local_addr=(host, 0), limit=0)
        return aiohttp.ClientSession(address, connector=connector, headers={"Content-Type": "application/json"})

    async def attack(attacker: aiohttp.ClientSession) -> None:
        while time.monotonic() < end:
            with suppress(aiohttp.ClientError):  # what is refused early may be broken off
                async with attacker.request("POST" if body else "GET", f"/{path}", data=body or None) as answer:
                    await answer.read()

    async def say_half() -> None:
        url = httpx.URL(address)
        while time.monotonic() < end:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(url.host, url.port, local_addr=("127.0.0.2", 0))
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Half")
                try:
                    await reader.read()
                finally:
                    writer.close()

    async with client("127.0.0.2") as attacker, client("127.0.0.3") as visitor:
        attackers = [say_half() if path == HALF else attack(attacker) for _ in range(connections)]
        attacking = [asyncio.create_task(each) for each in attackers]
        while time.monotonic() < end:
            start = time.perf_counter()
            async with visitor.post(f"/{READ}", json=DRAWING) as answer:
                assert (await answer.json())["shown"] == "7"
            answers.append(1000 * (time.perf_counter() - start))
            await asyncio.sleep(BETWEEN)
        for task in attacking:
            task.cancel()
        await asyncio.gather(*attacking, return_exceptions=True)
    return answers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    rows = []
    allow_many_connections()  # here as well
    with served("practice", may_complain=True) as address:
        wire, server = Wire.of(address), find_server(address)
        look = wire.call("explorer", "look", {"model": "softmax", "set": "practice"})
        for _ in itertools.count():  # until the practice digits are there
            if "busy" not in httpx.post(address + SERVER_FUNCTION, json=look, timeout=60).json():
                break
            time.sleep(0.2)
        time.sleep(5)  # until what it will need is loaded
        for name, connections, path, body in attacks(wire):
            answers = asyncio.run(besiege(address, connections, path, body, options.seconds))
            memory = server.memory_info().rss / 2**20
            counted = [f"{connections}", f"{len(answers)}", f"{median(answers):.0f}", f"{max(answers):.0f}"]
            rows.append([name, *counted, f"{memory:.0f}"])
            print(*rows[-1], sep=", ", file=sys.stderr, flush=True)
            time.sleep(2)
    print(table(HEAD, rows))
    print(f"\nMeasured on {hardware_name()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
