"""What a hostile client may send to each endpoint, and what must never come back."""

import base64
import io
import json
import math
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from gradio_client import Client
from PIL import Image

from mnist_demo.personalize.user_digits import FORMAT, VERSION
from mnist_demo.server.gradio_patches import MAX_SESSION_NAME
from tests.conftest import ROOT
from tests.protocol import DRAWING, EVENTS, JOIN, PREDICT, SERVER_FUNCTION, SEVEN, UPLOAD
from tests.server.conftest import MAX_STATES, Server

FUZZ = "fuzz"  # the session that sends strange bodies
MAX_MEMORY = 1_500 * 2**20  # of the server
SECRETS = re.compile(rf"Traceback|site-packages|\.py\b|{re.escape(str(ROOT))}/|{re.escape(tempfile.gettempdir())}/")
STRANGE: list[Any] = [
    *(None, True, 0, -1, 1e308, math.nan, math.inf, 2**70, "", "ß𝟟\u202e\x00", "../../etc/passwd", "${7*7}", "{{7*7}}"),
    *("<img src=x onerror=alert(1)>", "x" * 5000, [], {}, [[]], [[[]]], [[[0, 0]]], [[[1e300, -1e300]]], [[["a", {}]]]),
    *({"__proto__": 1}, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, [[[0, 0]] * 300]),
    {"strokes": [[[i, i % 7] for i in range(300)]], "model": "sketch"},
]


def strange_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.random()
    if depth < 4 and kind < 0.15:
        return [strange_value(rng, depth + 1) for _ in range(rng.randrange(6))]
    if depth < 4 and kind < 0.3:
        return {str(strange_value(rng, 9))[:20]: strange_value(rng, depth + 1) for _ in range(rng.randrange(6))}
    return rng.choice(STRANGE)


def mutate(rng: random.Random, body: Any) -> Any:
    """Return the body with a strange value in one place, or instead of it."""
    if rng.random() < 0.1 or not isinstance(body, dict | list) or not body:
        return strange_value(rng)
    changed = json.loads(json.dumps(body))
    key = rng.choice(list(body)) if isinstance(body, dict) else rng.randrange(len(body))
    changed[key] = mutate(rng, body[key]) if rng.random() < 0.6 else strange_value(rng)
    return changed


def listen(client: httpx.Client, session: str, until: threading.Event | None = None) -> Iterator[str]:
    """Yield the messages to a session until its events have ended."""
    with (
        suppress(httpx.RemoteProtocolError),  # Gradio breaks off the stream of a session without events
        client.stream("GET", EVENTS, params={"session_hash": session}) as stream,
    ):
        for line in stream.iter_lines():
            yield line
            if until and until.is_set():
                return


@contextmanager
def listening(client: httpx.Client, session: str) -> Iterator[list[str]]:
    """Collect the messages to a session while the block lasts."""
    lines: list[str] = []
    has_ended = threading.Event()

    def collect() -> None:
        while not has_ended.wait(0.1):
            lines.extend(listen(client, session, has_ended))

    with ThreadPoolExecutor(1) as thread:
        thread.submit(collect)
        try:
            yield lines
        finally:
            has_ended.set()


def run_event(client: httpx.Client, body: dict[str, Any]) -> str:
    """Send a queued event; return the messages to its session."""
    assert client.post(JOIN, json=body).is_success
    return "".join(listen(client, body["session_hash"]))


def assert_it_still_responds(server: Server) -> None:
    with server.client() as client:
        assert '"success":true' in run_event(client, server.protocol.update_choices("next client"))
        (prediction,) = client.post(PREDICT, json=DRAWING).json()["data"]
    assert prediction["digit"] == 7 and prediction["model"] == "sketch"


PRIVATE = f"""/etc/passwd {ROOT}/app.py {ROOT}/checkpoints/../app.py ../app.py app.py %2e%2e/%2e%2e/etc/passwd
{tempfile.gettempdir()}/gradio/../../etc/passwd /proc/self/environ http://127.0.0.1:1/ https://example.org/
file:///etc/passwd"""


@pytest.mark.parametrize("path", ["", *PRIVATE.split()])
def test_no_private_file_is_served(app_url: str, path: str):
    response = httpx.get(f"{app_url}gradio_api/file={path}", follow_redirects=False)
    assert response.status_code in (403, 404) and "root:" not in response.text


def test_a_link_in_the_upload_folder_is_not_followed(server: Server):
    server.uploads.mkdir(parents=True, exist_ok=True)
    link = server.uploads / "link.txt"
    link.symlink_to(ROOT / "app.py")
    assert httpx.get(f"{server.url}gradio_api/file={link}").status_code == 403
    link.unlink()


@pytest.mark.parametrize(
    "name", ["../../escaped.png", "/abs/escaped.png", "..\\escaped.png", "a/b/../../../escaped.png", "x" * 3000]
)
def test_uploads_stay_in_their_folder(server: Server, name: str):
    response = httpx.post(server.url + UPLOAD, files={"files": (name, b"content", "image/png")})
    assert response.status_code in (200, 400, 500)
    outside = [path for path in server.uploads.parents[1].rglob("*") if not path.is_relative_to(server.uploads)]
    assert outside == [server.uploads.parent]


@pytest.mark.parametrize("url", ["https://example.org/x", "http://127.0.0.1:1/x"])
def test_nothing_is_downloaded_from_other_hosts(server: Server, url: str):
    file = {"path": url, "meta": {"_type": "gradio.FileData"}}
    with server.client() as client:
        event = server.protocol.update_choices("download") | {"data": [file]}
        assert "this server downloads none from other hosts" in run_event(client, event)


@pytest.mark.parametrize("body", ["[" * 99_000, "nonsense", "", b"\xff\xfe"])
@pytest.mark.parametrize("path", [PREDICT, SERVER_FUNCTION])
def test_invalid_json_is_refused(app_url: str, path: str, body: str | bytes):
    response = httpx.post(app_url + path, content=body, headers={"Content-Type": "application/json"})
    is_own = path == SERVER_FUNCTION or str(body).startswith("[")  # Gradio answers 422 to what is no JSON at all
    assert response.status_code == (400 if is_own else 422) and len(response.text) < 200


def test_an_error_of_the_server_is_reported_as_json_without_a_traceback(server: Server):
    with server.client() as client:
        response = client.post(JOIN, json=server.protocol.update_choices("x") | {"fn_index": 9999})
    assert response.status_code == 500 and response.json() == {"error": "Internal server error."}


@pytest.mark.slow
def test_models_are_private_to_their_session_and_outlast_many_other_sessions(server: Server):
    protocol = server.protocol
    with server.client() as client:
        trained = run_event(client, protocol.training("owner", "softmax", epochs=1))
        key = re.search(r'"key":"([^"]+/softmax #1[^"]*)"', trained)[1]  # type: ignore[index]
        for i in range(MAX_STATES + 1):
            assert "yours" not in run_event(client, protocol.update_choices(f"other {i}"))
        own = run_event(client, protocol.update_choices("owner", key))
        assert '"success":true' in own and key in own

        def download(key: str) -> dict[str, Any]:
            call = protocol.call("training-monitor", "download", {"key": key})
            return client.post(SERVER_FUNCTION, json=call).json()

        name = key.partition("/")[2]
        for guess in (name, "x" + key, "/" + key, key[1:], f"owner/{name}"):
            assert "no longer available" in download(guess)["error"] and "content" not in download(guess)
            response = client.post(PREDICT, json={"data": [SEVEN, guess]}).json()
            assert "no longer available" in response["error"]
            weights = client.get(f"weights/{quote(guess)}")
            assert weights.status_code == 404 and (guess == name or "no longer available" in weights.text)
        assert "content" in download(key) and client.get(f"weights/{quote(key)}").status_code == 200


def test_the_queue_cannot_be_bypassed(server: Server):
    training = server.protocol.training("bypass", "softmax")
    response = httpx.post(f"{server.url}gradio_api/run/predict", json=training)
    assert response.status_code == 404 and "join the queue" in response.json()["detail"]


def test_a_session_without_a_name_does_not_stop_the_queue(server: Server):
    with server.client() as client:
        for session in ("a", "b", "", "c"):  # while "b" waits for "a", Gradio reports the time to all
            summary = server.protocol.training(session, "softmax")
            summary |= {"fn_index": server.protocol.event("batch", "recipe", "field-seed")}
            summary["data"].pop(1)  # the drawing
            assert client.post(JOIN, json=summary).status_code in (200, 500)
        assert any("process_completed" in line for line in listen(client, "c"))
    assert_it_still_responds(server)


def test_messages_wait_for_a_page_and_a_session_name_that_is_too_long_is_refused(server: Server):
    with server.client() as client:
        assert client.post(JOIN, json=server.protocol.update_choices("slow page")).is_success
        response = client.post(JOIN, json=server.protocol.update_choices("x" * (MAX_SESSION_NAME + 1)))
        assert response.status_code == 400 and "at most 64 characters" in response.json()["detail"]
        time.sleep(1.5)
        assert any("process_completed" in line for line in listen(client, "slow page"))


def test_gradio_client_and_curl_may_send_a_photo_of_9_mb(app_url: str, tmp_path: Path):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (3000, 3000), np.uint8)).save(file, "PNG")
    assert 9_000_000 < file.tell() < 10_000_000
    photo = base64.b64encode(file.getvalue()).decode()
    assert len(Client(app_url, verbose=False).predict(photo, api_name="/predict_image")["probabilities"]) == 10

    if not shutil.which("curl"):
        pytest.skip("needs curl")
    (tmp_path / "body").write_text(json.dumps({"data": [photo, "sketch"]}))
    arguments = ["-H", "Content-Type: application/json", "-d", f"@{tmp_path / 'body'}"]
    command = ["curl", "-s", f"{app_url}gradio_api/run/predict_image", *arguments]
    response = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert len(response["data"][0]["probabilities"]) == 10


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_strange_bodies_do_no_harm(server: Server, count: int):
    process, rng, memory = server.process, random.Random(count), []
    digits = {"format": FORMAT, "version": VERSION, "digits": [{"label": 7, "strokes": SEVEN}]}
    with server.client() as client, listening(client, FUZZ) as lines:
        (path,) = client.post(UPLOAD, files={"files": ("digits.json", json.dumps(digits))}).json()
        requests = server.protocol.requests(FUZZ, path)
        for endpoint, body in requests:
            client.post(endpoint, json=body)
        for number in range(count):
            endpoint, body = rng.choice(requests)
            text = json.dumps(mutate(rng, body))
            text = text if rng.random() < 0.97 else text[: rng.randrange(1, 40)]
            response = client.post(endpoint, content=text.encode(), headers={"Content-Type": "application/json"})
            what = f"{endpoint} {text[:300]}: {response.status_code} {response.text[:300]}"
            assert response.status_code in (200, 400, 401, 403, 404, 405, 413, 422, 429, 500), what
            assert not SECRETS.search(response.text) or SECRETS.search(text), what
            if response.status_code == 500:
                assert response.json().keys() <= {"error", "detail", "title", "visible", "duration"}, what
            if number % 100 == 0:
                memory.append(process.memory_info().rss)
            if number == count // 2:
                time.sleep(2)  # until freed memory is returned
                before = process.memory_info().rss
    assert any("process_completed" in line for line in lines)
    secret = [line for line in lines if SECRETS.search(line.replace(path, ""))]
    assert not secret, secret[0]
    assert max(memory) < MAX_MEMORY
    time.sleep(2)
    assert process.memory_info().rss - before < 150 * 2**20
    assert_it_still_responds(server)
