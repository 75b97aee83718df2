"""Many people on one page: each opens it, draws digits as the pad sends them, looks at the answer, and some browse."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import aiohttp
import numpy as np
import psutil

from mnist_demo.pendigits import FILE as PEN_FILE
from mnist_demo.pendigits import load_pen_digits
from mnist_demo.practice import DESIGNS, design_strokes
from mnist_demo.recipes import find_recipe
from mnist_demo.strokes import resample
from mnist_demo.ui.recipe_fields import values_of
from tests.wire import HEARTBEAT, JOIN, NEWS, READ, SERVER_FUNCTION, Wire, find_server

DRAWING, LOOKING = 1.2, 3.0  # seconds
MOVES = 72  # of the pen, while one draws
MEGABYTE = 2**20
TIMEOUT, ENDLESS = aiohttp.ClientTimeout(total=60), aiohttp.ClientTimeout(total=None)

Drawing = list[list[tuple[float, float]]]


@dataclass
class Person:
    """One open page, and what its visitor met with."""

    number: int
    browses: bool
    answers: list[float] = field(default_factory=list)  # seconds that each took
    walls: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Crowd:
    """What people met with, and what they cost the server."""

    people: list[Person]
    seconds: float
    cpu: float  # seconds of all cores
    own_cpu: float  # the same of the crowd itself, which computes on the same cores
    memory: list[float]  # of the server in MB, each second

    @property
    def answers(self) -> list[float]:
        return [1000 * each for person in self.people for each in person.answers]

    @property
    def errors(self) -> list[str]:
        return [error for person in self.people for error in person.errors]

    def line(self, name: str) -> list[str]:
        marks = quantiles(self.answers, n=100)
        walls = [1000 * each for person in self.people for each in person.walls]
        return [
            name,
            f"{len(self.answers):,}",
            f"{len(self.errors)}",
            *(f"{marks[mark]:.0f}" for mark in (49, 94, 98)),
            f"{max(self.answers):.0f}",
            f"{quantiles(walls, n=20)[-1]:.0f}" if len(walls) > 1 else "",
            f"{self.cpu / self.seconds:.0%}",
            f"{self.own_cpu / self.seconds:.0%}",
            f"{max(self.memory):.0f}",
        ]


HEAD = ["people", "drawings", "errors", "p50, ms", "p95", "p99", "max", "walls p95"]
HEAD += ["server CPU", "crowd's CPU", "memory, MB"]


class Visits:
    """People who come to a page that is served."""

    def __init__(self, address: str, data: Path):
        self.address, self.wire = address, Wire.of(address)
        self.drawings = pen_drawings(data) if (data / PEN_FILE).is_file() else design_drawings()
        self.process = find_server(address)

    async def crowd(self, count: int, seconds: float, trains: bool = False) -> Crowd:
        people = [Person(number, browses=number % 5 == 4) for number in range(count)]
        memory: list[float] = []
        async with (
            aiohttp.ClientSession(self.address, connector=aiohttp.TCPConnector(limit=0), timeout=TIMEOUT) as client,
            self.training(client) if trains else nullcontext(),
        ):
            used, own, started = cpu_of(self.process), cpu_of(psutil.Process()), time.monotonic()
            watching = asyncio.create_task(self.watch(memory))
            await asyncio.gather(*(self.visit(client, person, started + seconds) for person in people))
            took = time.monotonic() - started
            watching.cancel()
            cost, own_cost = cpu_of(self.process) - used, cpu_of(psutil.Process()) - own
        return Crowd(people, took, cost, own_cost, memory)

    async def watch(self, memory: list[float]) -> None:
        while True:
            memory.append(self.process.memory_info().rss / MEGABYTE)
            await asyncio.sleep(1)

    async def visit(self, client: aiohttp.ClientSession, person: Person, end: float) -> None:
        rng = random.Random(person.number)
        page = asyncio.create_task(self.keep_open(client, f"person{person.number}-{end:.3f}"))
        await asyncio.sleep(rng.uniform(0, DRAWING + LOOKING))  # people do not come in step
        while time.monotonic() < end:
            await self.draw(client, person, rng.choice(self.drawings))
            rest = time.monotonic() + LOOKING
            if person.browses:
                wall = {
                    "show": rng.choice(["all", "right", "wrong"]),
                    "order": "random",
                    "seed": str(rng.randrange(99)),
                }
                body = self.wire.call("explorer", "look", {"model": "softmax", **wall})
                await self.ask(client, SERVER_FUNCTION, body, person, person.walls)
            await asyncio.sleep(max(0.0, rest - time.monotonic()))
        page.cancel()
        with suppress(asyncio.CancelledError):
            await page

    async def keep_open(self, client: aiohttp.ClientSession, session: str) -> None:
        """A page tells all the time that it is still there."""
        async with client.get(f"{HEARTBEAT}{session}", timeout=ENDLESS) as alive:
            await alive.read()

    async def draw(self, client: aiohttp.ClientSession, person: Person, drawing: Drawing) -> None:
        points = sum(map(len, drawing))
        started, sent = time.monotonic(), 0
        while sent < points:
            share = min(1.0, (time.monotonic() - started) / DRAWING)
            drawn = round(share * points)
            if drawn > sent:
                body = {"strokes": beginning(drawing, drawn), "model": "sketch"}
                await self.ask(client, READ, body, person, person.answers)
                sent = drawn
            else:
                await asyncio.sleep(DRAWING / MOVES)

    async def ask(
        self, client: aiohttp.ClientSession, path: str, body: dict, person: Person, times: list[float]
    ) -> None:
        started = time.monotonic()
        try:
            async with client.post(path, json=body) as answer:
                news = await answer.json()
            if answer.status != 200 or news.get("error"):
                person.errors.append(f"{answer.status}: {str(news)[:80]}")
            elif "busy" not in news:  # the wall is not there yet
                times.append(time.monotonic() - started)
        except (aiohttp.ClientError, TimeoutError) as error:
            person.errors.append(repr(error))

    @asynccontextmanager
    async def training(self, client: aiohttp.ClientSession) -> AsyncIterator[None]:
        """While this lasts, somebody trains; and somebody does, from its first step to its last line."""
        session = f"trainer{time.monotonic():.3f}"
        page = asyncio.create_task(self.keep_open(client, session))
        values = values_of(find_recipe("cnn")) | {"epochs": 1000}
        async with client.post(JOIN, json=self.wire.training(session, "cnn", *values.values())) as joined:
            joined.raise_for_status()
        async with client.get(NEWS, params={"session_hash": session}, timeout=ENDLESS) as news:
            async for line in news.content:
                if b"images a second" in line:
                    break
            following = asyncio.create_task(drain(news.content))
            yield
            assert not following.done(), "the training ended too soon"
            following.cancel()
        page.cancel()  # which ends it


async def drain(lines: aiohttp.StreamReader) -> None:
    async for line in lines:
        assert b"process_completed" not in line


def beginning(drawing: Drawing, points: int) -> Drawing:
    """The first so many points."""
    drawn = []
    for stroke in drawing:
        if points > 0:
            drawn.append(stroke[:points])
        points -= len(stroke)
    return drawn


def pen_drawings(folder: Path) -> list[Drawing]:
    """What the 30 writers wrote, on the pad's field of 1000; every tenth digit."""
    return [on_pad(written.paths, 2.0) for written in load_pen_digits(folder)[::10]]


def design_drawings() -> list[Drawing]:
    return [on_pad([resample(np.array(stroke, float), 3) for stroke in design_strokes(name)], 8.0) for name in DESIGNS]


def on_pad(paths: list[np.ndarray], scale: float) -> Drawing:
    corner = np.concatenate(paths).min(axis=0)
    return [[(round(x), round(y)) for x, y in (path - corner) * scale + 100] for path in paths]


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
