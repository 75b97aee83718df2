import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import psutil
import pytest

from app import MOST_FILES
from tests.conftest import served
from tests.wire import HEARTBEAT, READ, find_server

ROOM = 2048  # bytes that the system keeps of what one side has sent, or the other not yet taken
FILES = 100  # that the app may have open, unless it asks for more
PATIENCE = 1.0  # seconds
IMPATIENT = f"""
import resource, socket, sys
import app
from mnist_demo.ui import silent
from uvicorn.protocols.http.auto import AutoHTTPProtocol as Connection

def connection_made(self, transport, made=Connection.connection_made):
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, {ROOM})
    made(self, transport)

Connection.connection_made = connection_made
resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
silent.MOST, silent.PATIENCE, silent.LOOK_SECONDS = 20, 4, {PATIENCE / 4}
sys.exit(app.main())
"""


@pytest.fixture(scope="module")
def impatient() -> Iterator[str]:
    """An app that soon ends connections without a request; gives its address."""
    with served("practice", program=["-c", IMPATIENT]) as address:
        yield address


def connect(address: str, sent: bytes = b"") -> socket.socket:
    host, port = address.split("/")[2].split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    connection.settimeout(60)
    connection.connect((host, int(port)))
    connection.sendall(sent)
    return connection


def get(path: str, **headers: str) -> bytes:
    lines = [f"GET /{path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def read_until(connection: socket.socket, end: bytes) -> bytes:
    text = b""
    while end not in text:
        part = connection.recv(10_000)
        assert part, text
        text += part
    return text


def is_open(connection: socket.socket) -> bool:
    """Of one to which nothing is sent any more."""
    try:
        return not select.select([connection], [], [], 0)[0] or bool(connection.recv(10_000))
    except ConnectionResetError:
        return False


def wait_until_ended(connections: list[socket.socket]) -> None:
    deadline = time.monotonic() + 60
    while any(map(is_open, connections)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_app_may_have_as_many_files_as_the_system_lets_it(impatient: str):
    now, most = find_server(impatient).rlimit(psutil.RLIMIT_NOFILE)
    assert now == min(most, MOST_FILES) > FILES


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Half"])
def test_connections_without_a_request_stop_nobody_and_are_ended(impatient: str, sent: bytes):
    drawing = {"strokes": [[[10, 10], [90, 10], [40, 100]]], "model": "sketch"}
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(impatient, sent)) for _ in range(3 * FILES)]
        assert httpx.post(impatient + READ, json=drawing, timeout=60).json()["shown"] == "7"
        wait_until_ended(silent)


def test_a_connection_that_is_being_answered_is_left_alone(impatient: str):
    with connect(impatient, get(HEARTBEAT + "somebody")) as listens:
        read_until(listens, b"ALIVE")
        time.sleep(2 * PATIENCE)
        assert is_open(listens)


def test_a_connection_that_was_answered_is_left_to_uvicorn(impatient: str):
    with connect(impatient, get("health")) as rests:
        read_until(rests, b"ok")
        time.sleep(2 * PATIENCE)  # less than the 5 s for which uvicorn waits
        rests.sendall(get("health"))
        read_until(rests, b"ok")


def read_answer(connection: socket.socket, pause: float = 0) -> tuple[int, int]:
    """How long an answer is, as it says, and how much of it comes until the connection ends."""
    text = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(10_000):
            text += part
            time.sleep(pause)
    head, _, body = text.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length
    return int(length[1]), len(body)


def test_an_answer_that_is_taken_slowly_comes_whole(impatient: str):
    with connect(impatient, get("config", Connection="close")) as slow:
        length, came = read_answer(slow, PATIENCE / 20)
    assert came == length


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}])
def test_an_answer_that_nobody_takes_is_given_up(impatient: str, headers: dict[str, str]):
    with connect(impatient, get("config", **headers)) as deaf:
        time.sleep(5 + 3 * PATIENCE)  # uvicorn waits for so long
        length, came = read_answer(deaf)
    assert came < length
