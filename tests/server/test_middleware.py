import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.testclient import TestClient, WebSocketDenialResponse

from mnist_demo.server import middleware
from mnist_demo.server.middleware import MAX_KB, MAX_OPEN, MAX_PHOTO_COMMAS, MAX_QUEUED, RequestLimits
from tests.conftest import run_async
from tests.protocol import JOIN, PREDICT, SERVER_FUNCTION, UPLOAD

PHOTO_PATHS = [f"gradio_api/{name}/predict_image" for name in ("run", "call", "call/v2")] + [JOIN]
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", [PREDICT, SERVER_FUNCTION, *PHOTO_PATHS])
@pytest.mark.parametrize("has_length", [True, False])
def test_a_body_that_is_too_large_is_refused(app_url: str, path: str, has_length: bool):
    limit = 1000 * MAX_KB["photo" if path in PHOTO_PATHS else "large request"]
    body = b" " * (limit + 1) if has_length else (b" " * 10**5 for _ in range(2))
    response = httpx.post(app_url + path, content=body, headers=JSON, timeout=60)
    assert response.status_code == 413 and response.json() == {"error": middleware.TOO_LARGE}


@pytest.mark.parametrize("path", [PHOTO_PATHS[0], JOIN])
def test_a_large_body_may_be_a_photo_but_not_many_values(app_url: str, path: str):
    body = b'{"data":[' + b"[]," * MAX_PHOTO_COMMAS + b'"' + b"x" * 10**6 + b'"]}'
    assert httpx.post(app_url + path, content=body, headers=JSON).status_code != 413
    response = httpx.post(app_url + path, content=body.replace(b"[],", b"[],[],", 1), headers=JSON)
    assert response.status_code == 413 and "16 MB for one photo" in response.json()["error"]


def test_uploads_have_limits_for_a_file_and_for_all_files_of_a_request(app_url: str):
    for count, size, status in ((1, 9_000_000, 200), (1, 11_000_000, 413), (2, 9_000_000, 413)):
        files = [("files", ("a.png", bytes(size), "image/png"))] * count
        assert httpx.post(app_url + UPLOAD, files=files, timeout=60).status_code == status


def test_files_are_accepted_by_upload_only(app_url: str):
    response = httpx.post(app_url + SERVER_FUNCTION, files={"x": ("a.png", b"x", "image/png")})
    assert response.status_code == 415 and response.json() == {"error": "Send JSON."}


@pytest.mark.parametrize("query", ["page=1", "deep_link=x", "tab=browse&page=1&row=2"])
def test_a_link_opens_the_page_whatever_parameters_gradio_knows(app_url: str, query: str):
    assert "gradio_config" in httpx.get(f"{app_url}?{query}").raise_for_status().text


async def read_body(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await JSONResponse({"path": scope["path"]})(scope, receive, send)


async def hang(*_: Any) -> None:
    await asyncio.Event().wait()


async def request(
    limits: RequestLimits,
    path: str,
    client: str = "one",
    method: str = "POST",
    root_path: str = "",
    content: Any = None,
) -> httpx.Response:
    transport = httpx.ASGITransport(limits, client=(client, 1), root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        return await http.request(method, f"{root_path}/{path}", content=content)


def test_the_queued_events_of_one_client_are_limited():
    limits = RequestLimits(read_body, lambda client: {"one": MAX_QUEUED, "two": 0}[client])
    response = run_async(request(limits, JOIN))
    assert response.status_code == 429 and "events queued; try again later" in response.json()["error"]
    assert run_async(request(limits, JOIN, "two")).status_code == run_async(request(limits, PREDICT)).status_code == 200


def test_endpoints_are_found_below_a_root_path_and_web_sockets_are_refused():
    limits = RequestLimits(read_body)
    assert run_async(request(limits, PREDICT, root_path="/demo")).status_code == 200
    assert run_async(request(limits, f"demo/{PREDICT}")).status_code == 404
    with pytest.raises(WebSocketDenialResponse), TestClient(limits).websocket_connect(f"/{JOIN}"):
        pass


@pytest.mark.parametrize(
    ("kind", "path", "size"),
    [
        ("request", PREDICT, 3_000),
        ("large request", PREDICT, 1000 * MAX_KB["request"] + 1),
        ("photo", JOIN, 1000 * MAX_KB["large request"] + 1),
        ("upload", UPLOAD, 1),
    ],
)
def test_open_requests_of_one_client_are_limited(kind: str, path: str, size: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(MAX_OPEN, kind, 3)

    async def run() -> None:
        limits, clients = RequestLimits(hang), ("one",) * 4 + ("two",)
        tasks = [asyncio.create_task(request(limits, path, client, content=bytes(size))) for client in clients]
        await settle()
        assert [task.done() for task in tasks] == [False] * 3 + [True, False]
        response = tasks[3].result()
        assert response.status_code == 429 and f"3 {kind}s open" in response.json()["error"]
        for task in tasks:
            task.cancel()
        await settle()
        assert not limits._open

    run_async(run())


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["", "config", "config/"])
def test_one_page_is_built_at_a_time_while_other_requests_go_on(path: str):
    async def run() -> None:
        built: list[str] = []
        may_start = asyncio.Semaphore(0)

        async def build(scope: Any, receive: Any, send: Any) -> None:
            built.append(scope["client"][0])
            if built[-1] == "fails":
                raise ValueError
            await may_start.acquire()
            await send({"type": "http.response.start", "status": 200})
            await hang()

        async def start(client: str, path: str = path) -> asyncio.Task:
            task = asyncio.create_task(request(limits, path, client, "GET"))
            await settle()
            return task

        limits = RequestLimits(build)
        _, _, second, third, _ = [await start(client) for client in ("fails", "first", "second", "third", "fourth")]
        second.cancel()  # while it waits
        await start("other", "theme.css")
        await start("other", "assets/config")
        assert built == ["fails", "first", "other", "other"]
        for _ in range(3):
            may_start.release()
        await settle()
        assert built[4:] == ["third"]  # the first response has started, but not ended
        third.cancel()  # while its page is built
        await settle()
        assert built[5:] == ["fourth"]

    run_async(run())
