"""One client, however much it requests, leaves room for the others."""

import base64
import io
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest

from mnist_demo.preprocess.photo_file import MAX_PIXELS
from mnist_demo.server.middleware import MAX_OPEN
from tests.conftest import draw_photo
from tests.protocol import DRAWING, EVENTS, JOIN, PREDICT, UPLOAD, incomplete_request
from tests.server.conftest import MAX_UPLOAD_BYTES, MAX_WAITING, Server

GREEDY, OTHER = "203.0.113.1", "203.0.113.2"
REFUSED = "Your address has 20 large requests open or 50 events queued; try again later."
QUEUE_FULL = "Too many requests are waiting already; try again in a few minutes."


class Training(ExitStack):
    """A page that trains, and listens until it is closed."""

    def __init__(self, server: Server, session: str, ip: str = GREEDY, listens: bool = True):
        super().__init__()
        client = self.enter_context(server.client(ip))
        assert client.post(JOIN, json=server.protocol.training(session, "mlp-500", epochs=1000)).is_success
        if listens:
            stream = client.stream("GET", EVENTS, params={"session_hash": session})
            self._lines = self.enter_context(stream).iter_lines()

    def find(self, pattern: str) -> str:
        """Return the next match in the messages to the page."""
        return next(found[0] for line in islice(self._lines, 500) if (found := re.search(pattern, line)))


def test_requests_are_counted_by_an_address_that_the_client_cannot_choose(server: Server):
    with ExitStack() as connections, server.client(GREEDY) as greedy, server.client(OTHER) as other:
        for i in range(MAX_OPEN["request"]):
            headers = {"X-Forwarded-For": f"198.51.100.{i % 250}, {GREEDY}, 10.1.2.3"}
            connections.enter_context(incomplete_request(server.url, b'{"data": [', **headers))
        response = greedy.post(JOIN, content=b"{}")
        assert response.status_code == 429 and "400 requests open" in response.json()["error"]
        assert other.post(PREDICT, json=DRAWING).json()["data"][0]["digit"] == 7
        connections.close()
        while greedy.post(JOIN, content=b"{}").status_code == 429:
            time.sleep(0.1)


@pytest.mark.slow
def test_one_training_runs_at_a_time_and_the_greediest_client_waits_longest(server: Server):
    with ExitStack() as pages:
        greedy = []
        for number in range(MAX_WAITING + 1):
            greedy.append(pages.enter_context(Training(server, f"greedy {number}")))
            assert greedy[-1].find(r"images/s|number \d+") == (f"number {number}" if number else "images/s")
        other = pages.enter_context(Training(server, "other", OTHER))
        assert other.find(r"number \d+") == "number 1"
        assert greedy[-1].find(QUEUE_FULL) and greedy[1].find("number 2")
        greedy[0].close()
        assert other.find("images/s")


@pytest.mark.slow
def test_a_training_whose_page_does_not_listen_makes_room_for_the_next(server: Server):
    with Training(server, "first") as first:
        assert first.find("images/s")
        with Training(server, "absent", listens=False), ExitStack() as pages:
            for attempt in range(20):
                patient = pages.enter_context(Training(server, f"patient {attempt}"))
                if patient.find(r"number \d") == "number 2":
                    break  # the absent one is in the queue
                patient.close()
            first.close()
            assert patient.find("number 1")  # while the absent one trains
            assert patient.find("images/s")


@pytest.mark.slow
def test_large_photos_wait_in_a_queue_and_other_clients_pass_them(server: Server):
    side = int((MAX_PIXELS / 3) ** 0.5)  # 60 at once would take 1 GB
    file = io.BytesIO()
    draw_photo("plain 7").resize((side, side)).save(file, "PNG")
    photo = {"data": [base64.b64encode(file.getvalue()).decode(), "softmax"]}
    done: list[str] = []
    path = "gradio_api/run/predict_image"

    def send(_: int) -> None:
        with server.client(GREEDY) as client:
            response = client.post(path, json=photo, timeout=300).json()
        done.append(response.get("error") or str(response["data"][0]["digit"]))

    before = server.process.memory_info().rss
    with ThreadPoolExecutor(60) as clients:
        clients.map(send, range(60))
        while REFUSED not in done:  # until then the client may open more requests
            time.sleep(0.01)
        with server.client(OTHER) as client:
            assert client.post(PREDICT, json=DRAWING).json()["data"][0]["digit"] == 7
            assert client.post(path, json=photo).json()["data"][0]["digit"] == 7
        assert len(done) < 60  # some of those that came before still wait
        assert server.process.memory_info().rss - before < 400 * 2**20
    assert set(done) == {"7", REFUSED} and done.count("7") >= 20 and len(done) == 60


@pytest.mark.slow
def test_uploads_take_limited_space_and_the_newest_stay(server: Server):
    def total() -> int:
        try:
            return sum(path.stat().st_size for path in server.uploads.rglob("*") if path.is_file())
        except FileNotFoundError:  # deleted meanwhile
            return total()

    with server.client(GREEDY) as client:
        for _ in range(12):
            files = {"files": ("a.png", os.urandom(1_000_000), "image/png")}
            (newest,) = client.post(UPLOAD, files=files).json()
    while total() > MAX_UPLOAD_BYTES:
        time.sleep(0.1)
    assert total() == MAX_UPLOAD_BYTES and Path(newest).is_file()
