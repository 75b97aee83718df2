import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse

from mnist_demo.ui.gate import CALLS, COMPONENTS, DRAWINGS, MOST_EVENTS, NEWS, OTHERS, Gate
from tests.conftest import run_async
from tests.wire import JOIN, READ, SERVER_FUNCTION

ENDPOINT = "gradio_api/run/predict_strokes"


def chunks(size: int) -> Iterator[bytes]:
    """A body that does not tell how long it is."""
    yield from (b" " * 100_000 for _ in range(size // 100_000 + 1))


@pytest.mark.parametrize(
    ("path", "limit"),
    [(READ, DRAWINGS.body), (SERVER_FUNCTION, COMPONENTS.body), (ENDPOINT, CALLS.body), (JOIN, OTHERS.body)],
)
@pytest.mark.parametrize("told", [True, False])
def test_what_is_too_large_is_refused(address: str, path: str, limit: int, told: bool):
    body = b" " * (limit + 1) if told else chunks(limit)
    answer = httpx.post(address + path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json() == {"error": f"What was sent is too large; at most {limit // 10**6} MB are read."}


def ask(address: str, content: str | bytes) -> httpx.Response:
    return httpx.post(address + READ, content=content, headers={"Content-Type": "application/json"})


def test_the_pads_endpoint_answers_drawings_and_refuses_the_rest_in_one_line(address: str):
    def post(drawing: object) -> dict:
        return ask(address, json.dumps(drawing)).json()

    assert post({"strokes": [[[10, 10], [90, 10], [40, 100]]], "model": "sketch"})["shown"] == "7"
    assert post({"strokes": [[[1, "2"]]]}) == {"error": "Stroke 1 must be a list of (x, y), two numbers a point."}
    for nothing in ([1], None, "sketch"):
        assert post(nothing)["error"].startswith("A drawing must be an object with strokes and model; got ")


@pytest.mark.parametrize("body", ["[" * 99_000, "nonsense", "", b"\xff\xfe"])
def test_what_is_no_json_is_refused(address: str, body: str | bytes):
    answer = ask(address, body)
    assert answer.status_code == 400 and answer.json() == {"error": "A drawing must be sent as JSON."}


@pytest.mark.parametrize("body", ["[" * 500_000, "nonsense", "null", "{}", b"\xff\xfe"])
def test_what_is_no_call_of_a_server_function_is_refused(address: str, body: str | bytes):
    answer = httpx.post(address + SERVER_FUNCTION, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and len(answer.text) < 200


@pytest.mark.parametrize(
    ("path", "most"),
    [(JOIN, 1_000_000), (READ, 100_000), ("gradio_api/run/upload", 100_000), ("gradio_api/call/upload", 100_000)],
)
def test_a_body_of_very_many_values_is_refused(address: str, path: str, most: int):
    body = b"[" + b"[]," * (most // 2) + b"[]]"
    answer = httpx.post(f"{address}{path}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413 and f"too many values; at most {most:,} are read" in answer.json()["error"]


def test_files_come_by_upload_alone(address: str):
    answer = httpx.post(address + SERVER_FUNCTION, files={"x": ("a.png", b"x", "image/png")})
    assert answer.status_code == 415 and answer.json() == {"error": "Send this as JSON."}


async def take_whole(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads its body to the end."""
    while (await receive()).get("more_body"):
        pass
    await JSONResponse({})(scope, receive, send)


def ask_gate(gate: Gate, *parts: bytes) -> tuple[int, dict]:
    return run_async(ask_from(gate, "one", *parts))


async def ask_from(gate: Gate, address: str, *parts: bytes) -> tuple[int, dict]:
    """The gate's answer to an event that comes from there in these parts, and then no more comes."""
    coming = iter(parts)
    answer = httpx.Response(500)

    async def receive() -> Any:
        for part in coming:
            return {"type": "http.request", "body": part, "more_body": True}
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status_code = message["status"]
        else:
            answer._content = message["body"]

    scope = {"type": "http", "method": "POST", "path": f"/{JOIN}", "client": (address, 1), "headers": []}
    await gate(scope, receive, send)
    return answer.status_code, answer.json()


def test_a_body_that_stops_coming_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mnist_demo.ui.gate.SILENCE_SECONDS", 0.1)
    status, told = ask_gate(Gate(take_whole), b'{"data":', b" [")
    assert status == 408 and told["error"].startswith("Nothing came for ")


def test_the_bodies_of_one_address_have_so_much_room_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mnist_demo.ui.gate.SILENCE_SECONDS", 0.5)
    monkeypatch.setattr("mnist_demo.ui.gate.MOST_BYTES", 1000)
    gate = Gate(take_whole)

    async def ask_both(first: str, second: str) -> list[int]:
        """With 600 bytes each, which never end."""
        asked = [ask_from(gate, address, b"x" * 600) for address in (first, second)]
        return [status for status, _ in await asyncio.gather(*asked)]

    assert sorted(run_async(ask_both("one", "one"))) == [408, 429]
    assert run_async(ask_both("one", "two")) == [408, 408]
    assert not gate._bytes and not gate._under_way


def test_one_address_has_so_many_events_in_the_queue():
    waiting = {"one": MOST_EVENTS}
    status, told = ask_gate(Gate(take_whole, lambda address: waiting[address]))
    assert status == 429 and "wait already" in told["error"]


def test_one_address_may_have_so_many_pages_open():
    statuses = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    async def stay_open(*_: Any) -> None:
        await asyncio.Event().wait()

    async def open_pages() -> None:
        gate = Gate(stay_open)

        def open_page(address: str) -> asyncio.Task:
            scope = {"type": "http", "method": "GET", "path": "/gradio_api/heartbeat/x", "client": (address, 1)}
            scope |= {"headers": []}
            return asyncio.create_task(gate(scope, None, send))  # type: ignore[arg-type]

        pages = [open_page(address) for address in ("one",) * (NEWS.at_once + 1) + ("two",)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [page.done() for page in pages] == [False] * NEWS.at_once + [True, False]
        for page in pages:
            page.cancel()

    run_async(open_pages())
    assert statuses[0] == 429
