"""What one visitor may not do to the others, however much they ask."""

import base64
import io
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import httpx
import pytest

from mnist_demo.images import MAX_PIXELS
from mnist_demo.recipes import find_recipe
from mnist_demo.ui.gate import CALLS, OTHERS
from mnist_demo.ui.recipe_fields import values_of
from tests.conftest import draw, served
from tests.wire import JOIN, NEWS, READ, Wire, find_server, half_a_request

UPLOADS = 5_000_000  # bytes that may stay
SMALLER = f"""
import sys, app
from mnist_demo.ui import unheard, uploads
unheard.PATIENCE, uploads.MOST_BYTES, uploads.LOOK_SECONDS = 3, {UPLOADS}, 0.5
sys.exit(app.main())
"""
REFUSALS = (
    "Too many wait for this already; try again in some minutes.",
    f"{CALLS.at_once} requests from your address are being answered; try again in a moment.",
)
GREEDY, OTHER = "203.0.113.1", "203.0.113.2"


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def space(uploads: Path) -> Iterator[str]:
    """An app as in a Space, whose patience and room are small; gives its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPACE_ID", "somebody/digits")
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        patch.setenv("MNIST_DEMO_TRAIN_SECONDS", "100000")
        with served("practice", program=["-c", SMALLER]) as address:
            yield address


def origin(address: str) -> dict[str, str]:
    """What a Space's proxies tell of where a request comes from; what the visitor says of it comes first."""
    return {"X-Forwarded-For": f"198.51.100.{os.urandom(1)[0]}, {address}, 10.1.2.3"}


def visitor(space: str, address: str) -> httpx.Client:
    return httpx.Client(base_url=space, headers=origin(address), timeout=60)


class Trainings:
    """Pages that train, one after the other, and listen until the block ends."""

    def __init__(self, space: str):
        self._space, self._wire = space, Wire.of(space)
        self._open: dict[str, ExitStack] = {}
        self._lines: dict[str, Iterator[str]] = {}

    def __enter__(self) -> "Trainings":
        return self

    def __exit__(self, *_: object) -> None:
        for page in list(self._open):
            self.leave(page)

    def start(self, page: str, address: str) -> None:
        values = values_of(find_recipe("mlp-500")) | {"epochs": 1000}
        client = self._open.setdefault(page, ExitStack()).enter_context(visitor(self._space, address))
        assert client.post(JOIN, json=self._wire.training(page, "mlp-500", *values.values())).is_success

    def listen(self, page: str, address: str) -> None:
        client = self._open[page].enter_context(visitor(self._space, address))
        news = self._open[page].enter_context(client.stream("GET", NEWS, params={"session_hash": page}))
        self._lines[page] = news.iter_lines()

    def told(self, page: str, words: str) -> str:
        """What it is told next that has one of those words; a status is told once, until it changes."""
        return next(found[0] for line in islice(self._lines[page], 500) if (found := re.search(words, line)))

    def leave(self, page: str) -> None:
        self._open.pop(page).close()


def test_nobody_chooses_the_address_that_they_are_counted_under(space: str):
    with ExitStack() as connections:
        for _ in range(OTHERS.at_once):
            connections.enter_context(half_a_request(space, b'{"data": [', **origin(GREEDY)))
        assert httpx.post(space + JOIN, content=b"{}", headers=origin(GREEDY)).status_code == 429
        assert httpx.post(space + JOIN, content=b"{}", headers=origin(OTHER)).status_code != 429


def test_who_trains_most_waits_longest_and_a_full_line_has_room_for_others(space: str):
    with Trainings(space) as trainings:
        for number in range(21):
            trainings.start(f"greedy {number}", GREEDY)
            trainings.listen(f"greedy {number}", GREEDY)
            told = trainings.told(f"greedy {number}", r"images a second|number \d+")
            assert told == (f"number {number}" if number else "images a second")
        trainings.start("other", OTHER)
        trainings.listen("other", OTHER)
        assert trainings.told("other", r"number \d+") == "number 1"
        assert "try again in some minutes" in trainings.told("greedy 20", "Too many wait for this already.*")
        assert trainings.told("greedy 1", "number 2")  # of whom the other is before
        trainings.leave("greedy 0")
        assert trainings.told("other", "images a second")


def test_a_training_that_nobody_hears_makes_room_for_the_next(space: str):
    with Trainings(space) as trainings:
        trainings.start("first", GREEDY)
        trainings.listen("first", GREEDY)
        assert trainings.told("first", "images a second")  # the data are there
        trainings.start("deaf", GREEDY)
        for attempt in range(20):
            patient = f"patient {attempt}"
            trainings.start(patient, GREEDY)
            trainings.listen(patient, GREEDY)
            if trainings.told(patient, r"number \d") == "number 2":
                break  # the deaf one is in the line
            trainings.leave(patient)
        trainings.leave("first")
        assert trainings.told(patient, "number 1")  # while the deaf one trains
        assert trainings.told(patient, "images a second")


def test_large_pictures_wait_in_a_line_and_others_pass_them(space: str):
    side = int(MAX_PIXELS**0.5)
    file = io.BytesIO()
    draw("plain 7").resize((side, side)).save(file, "PNG")
    picture = {"data": [base64.b64encode(file.getvalue()).decode(), "softmax"]}
    server, ask, done = find_server(space), "gradio_api/run/predict_image", []

    def send(_: int) -> str:
        with visitor(space, GREEDY) as client:
            answer = client.post(ask, json=picture).json()
        done.append(answer)
        return answer["error"] if "error" in answer else str(answer["data"][0]["digit"])

    before = server.memory_info().rss
    with ThreadPoolExecutor(60) as crowd:
        answers = [crowd.submit(send, number) for number in range(60)]
        while len(done) < 60 - 11:  # until those are told to come again who find no place
            time.sleep(0.01)
        with visitor(space, OTHER) as client:
            drawing = client.post(READ, json={"strokes": [[[10, 10], [90, 10], [40, 100]]], "model": "sketch"})
            assert drawing.json()["shown"] == "7"
            assert client.post(ask, json=picture).json()["data"][0]["digit"] == 7
        assert len(done) < 60  # some of whom came before and wait still
        assert server.memory_info().rss - before < 600 * 2**20
    told = [answer.result() for answer in answers]
    assert set(told) == {"7", *REFUSALS} and told.count("7") >= 10


def test_uploads_take_so_much_room_and_no_more(space: str, uploads: Path):
    def total() -> int:
        return sum(path.stat().st_size for path in uploads.rglob("*") if path.is_file())

    with visitor(space, GREEDY) as client:
        for _ in range(12):
            files = {"files": ("a.png", os.urandom(1_000_000), "image/png")}
            (newest,) = client.post("gradio_api/upload", files=files).json()
    while total() > UPLOADS:
        time.sleep(0.1)
    assert total() == UPLOADS and Path(newest).is_file()
