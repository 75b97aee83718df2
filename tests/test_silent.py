import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.conftest import served
from tests.wire import HEARTBEAT, READ

FILES = 100  # that a program may have open here, unless it asks for more
MOST, LOOKS_TAKE = 20, 2.0
IMPATIENT = f"""
import sys, app
from mnist_demo.ui import silent
silent.MOST, silent.PATIENCE, silent.LOOK_SECONDS = {MOST}, 4, {LOOKS_TAKE / 4}
sys.exit(app.main())
"""


@pytest.fixture(scope="module")
def impatient() -> Iterator[str]:
    """An app that soon ends connections without a request; gives its address."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, before[1]))
    try:
        with served("practice", program=["-c", IMPATIENT]) as address:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            yield address
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def connect(address: str, sent: bytes = b"") -> socket.socket:
    host, port = address.split("/")[2].split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(sent)
    return connection


def get(path: str) -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def is_open(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(10_000, socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Half"])
def test_connections_without_a_request_stop_nobody_and_are_ended(impatient: str, sent: bytes):
    drawing = {"strokes": [[[10, 10], [90, 10], [40, 100]]], "model": "sketch"}
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(impatient, sent)) for _ in range(3 * FILES)]
        assert httpx.post(impatient + READ, json=drawing).json()["shown"] == "7"
        deadline = time.monotonic() + 60
        while any(map(is_open, silent)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(map(is_open, silent))


def test_a_connection_that_was_or_is_being_answered_is_left_to_uvicorn(impatient: str):
    with connect(impatient, get("health")) as rests, connect(impatient, get(HEARTBEAT + "somebody")) as listens:
        for connection in (rests, listens):
            assert b"200 OK" in connection.recv(10_000)
        time.sleep(2 * LOOKS_TAKE)  # less than the 5 s for which uvicorn waits for another request
        assert is_open(listens)
        rests.sendall(get("health"))
        assert b"200 OK" in rests.recv(10_000)
