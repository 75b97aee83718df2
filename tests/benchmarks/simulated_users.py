"""Many users of one server: each opens the page, draws, asks why now and then, and some browse."""

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

from mnist_demo.data.pen_digits import PEN_DIGITS_FILE, load_pen_digits
from mnist_demo.data.synthetic import DESIGNS, design_strokes
from mnist_demo.preprocess.strokes import resample
from tests.protocol import EVENTS, HEARTBEAT, JOIN, SERVER_FUNCTION, Protocol, find_server

DRAW_SECONDS, PAUSE_SECONDS = 1.2, 3.0
DRAWINGS_PER_WHY = 10  # a user asks why after each tenth drawing; the others are predicted in the browser
MEGABYTE = 2**20
TIMEOUT, ENDLESS = aiohttp.ClientTimeout(total=60), aiohttp.ClientTimeout(total=None)
HEAD = ["users", "drawings", "explanations", "errors", "p50, ms", "p95, ms", "p99, ms", "max, ms"]
HEAD += ["Browse p95, ms", "server CPU", "users' CPU", "memory, MB"]

Drawing = list[list[tuple[int, int]]]


@dataclass
class User:
    """One open page, and the responses to it."""

    number: int
    browses: bool
    drawings: int = 0
    explanations: list[float] = field(default_factory=list)  # seconds that each took
    grids: list[float] = field(default_factory=list)  # the same of pages of digits
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """The measurements of one run."""

    users: list[User]
    seconds: float
    cpu_seconds: float  # of the server, on all cores
    own_cpu_seconds: float  # of the simulation, on the same cores
    memory: list[float]  # of the server in MB, each second

    @property
    def explanations(self) -> list[float]:
        """Milliseconds that each explanation took."""
        return [1000 * seconds for user in self.users for seconds in user.explanations]

    @property
    def drawings(self) -> int:
        return sum(user.drawings for user in self.users)

    @property
    def errors(self) -> list[str]:
        return [error for user in self.users for error in user.errors]

    def row(self, name: str) -> list[str]:
        """Return the table's row below HEAD."""
        percentiles = quantiles(self.explanations, n=100)
        grids = [1000 * seconds for user in self.users for seconds in user.grids]
        return [
            name,
            f"{self.drawings:,}",
            f"{len(self.explanations):,}",
            f"{len(self.errors)}",
            *(f"{percentiles[index]:.0f}" for index in (49, 94, 98)),
            f"{max(self.explanations):.0f}",
            f"{quantiles(grids, n=20)[-1]:.0f}" if len(grids) > 1 else "",
            f"{self.cpu_seconds / self.seconds:.0%}",
            f"{self.own_cpu_seconds / self.seconds:.0%}",
            f"{max(self.memory):.0f}",
        ]


class SimulatedUsers:
    """Users of the server at `url`, who draw digits of the data folder, or synthetic ones if it has none."""

    def __init__(self, url: str, data: Path):
        self.url, self.protocol = url, Protocol.of(url)
        self.drawings = load_drawings(data) if (data / PEN_DIGITS_FILE).is_file() else synthetic_drawings()
        self.server = find_server(url)

    async def run(self, count: int, seconds: float, with_training: bool = False) -> Result:
        users = [User(number, browses=number % 5 == 4) for number in range(count)]
        memory: list[float] = []
        async with (
            aiohttp.ClientSession(
                self.url, connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=2), timeout=TIMEOUT
            ) as client,
            self._training(client) if with_training else nullcontext(),
        ):
            cpu, own_cpu, start = cpu_seconds(self.server), cpu_seconds(psutil.Process()), time.monotonic()
            watching = asyncio.create_task(self._watch(memory))
            await asyncio.gather(*(self._use(client, user, start + seconds) for user in users))
            duration = time.monotonic() - start
            watching.cancel()
            cpu, own_cpu = cpu_seconds(self.server) - cpu, cpu_seconds(psutil.Process()) - own_cpu
        return Result(users, duration, cpu, own_cpu, memory)

    async def _watch(self, memory: list[float]) -> None:
        while True:
            memory.append(self.server.memory_info().rss / MEGABYTE)
            await asyncio.sleep(1)

    async def _use(self, client: aiohttp.ClientSession, user: User, end: float) -> None:
        rng = random.Random(user.number)
        page = asyncio.create_task(self._keep_open(client, f"user{user.number}-{end:.3f}"))
        async with client.get("weights/sketch") as weights:
            await weights.read()
        await asyncio.sleep(rng.uniform(0, DRAW_SECONDS + PAUSE_SECONDS))  # users do not start at the same time
        while time.monotonic() < end:
            await asyncio.sleep(DRAW_SECONDS)
            rest = time.monotonic() + PAUSE_SECONDS
            user.drawings += 1
            if rng.randrange(DRAWINGS_PER_WHY) == 0:
                query = {
                    "strokes": rng.choice(self.drawings),
                    "model": "sketch",
                    "parts": ["heat_maps", "nearest", "units"],
                }
                body = self.protocol.call("explanation", "explain", query)
                await self._request(client, SERVER_FUNCTION, body, user, user.explanations)
            if user.browses:
                query = {
                    "show": rng.choice(["all", "right", "wrong"]),
                    "order": "random",
                    "seed": f"{rng.randrange(99)}",
                }
                body = self.protocol.call("digit-browser", "grid", {"model": "softmax", **query})
                await self._request(client, SERVER_FUNCTION, body, user, user.grids)
            await asyncio.sleep(max(0.0, rest - time.monotonic()))
        page.cancel()
        with suppress(asyncio.CancelledError):
            await page

    async def _keep_open(self, client: aiohttp.ClientSession, session: str) -> None:
        """Keep a page's heartbeat open."""
        async with client.get(f"{HEARTBEAT}{session}", timeout=ENDLESS) as alive:
            await alive.read()

    async def _request(
        self, client: aiohttp.ClientSession, path: str, body: dict, user: User, times: list[float]
    ) -> None:
        start = time.monotonic()
        try:
            async with client.post(path, json=body) as response:
                content = await response.json()
            if response.status != 200 or content.get("error"):
                user.errors.append(f"{response.status}: {str(content)[:80]}")
            elif "busy" not in content:
                times.append(time.monotonic() - start)
        except (aiohttp.ClientError, TimeoutError) as error:
            user.errors.append(repr(error))

    @asynccontextmanager
    async def _training(self, client: aiohttp.ClientSession) -> AsyncIterator[None]:
        """Train on a page of its own until the block ends, and wait until the training runs."""
        session = f"trainer{time.monotonic():.3f}"
        page = asyncio.create_task(self._keep_open(client, session))
        async with client.post(JOIN, json=self.protocol.training(session, "cnn", epochs=1000)) as joined:
            joined.raise_for_status()
        async with client.get(EVENTS, params={"session_hash": session}, timeout=ENDLESS) as events:
            async for line in events.content:
                if b"images/s" in line:
                    break
            following = asyncio.create_task(drain(events.content))
            yield
            assert not following.done(), "the training ended too soon"
            following.cancel()
        page.cancel()


async def drain(lines: aiohttp.StreamReader) -> None:
    async for line in lines:
        assert b"process_completed" not in line


def load_drawings(folder: Path) -> list[Drawing]:
    """Return every tenth pen digit of the 30 writers, on the pad's field of 1000."""
    return [place_on_pad(digit.paths, 2.0) for digit in load_pen_digits(folder)[::10]]


def synthetic_drawings() -> list[Drawing]:
    paths = [[resample(np.array(stroke, float), 3) for stroke in design_strokes(name)] for name in DESIGNS]
    return [place_on_pad(each, 8.0) for each in paths]


def place_on_pad(paths: list[np.ndarray], scale: float) -> Drawing:
    corner = np.concatenate(paths).min(axis=0)
    return [[(round(x), round(y)) for x, y in (path - corner) * scale + 100] for path in paths]


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
