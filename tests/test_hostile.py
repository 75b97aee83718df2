"""What somebody who means harm may send, to every endpoint, and what must never come back."""

import json
import math
import random
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from mnist_demo.my_digits import FORMAT, VERSION
from mnist_demo.recipes import find_recipe
from mnist_demo.ui import GRADIO_REMEMBERS
from mnist_demo.ui.events import LONGEST_NAME
from mnist_demo.ui.gate import OTHERS
from mnist_demo.ui.memory import GIVE_BACK_SECONDS
from mnist_demo.ui.recipe_fields import values_of
from mnist_demo.ui.unheard import LOOK_SECONDS
from tests.conftest import ROOT, served
from tests.wire import JOIN, NEWS, READ, SERVER_FUNCTION, Wire, find_server, half_a_request


@dataclass(frozen=True)
class Server:
    """An app of its own, which may be maltreated."""

    address: str
    process: psutil.Process
    uploads: Path


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    uploads = tmp_path_factory.mktemp("hostile") / "deep" / "uploads"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        patch.setenv("MNIST_DEMO_TRAIN_SECONDS", "20")
        with served("practice", may_complain=True) as address:
            yield Server(address, find_server(address), uploads)


FUZZ = "fuzz"  # the page that sends strange bodies
UPLOAD = "/tmp/gradio/x/y.safetensors"  # what it says it uploaded
MOST_MEMORY = 1_500 * 2**20  # of the server, with data, trainings, and what visits may keep


STRANGE: list[Any] = [
    *(None, True, 0, -1, 1e308, math.nan, math.inf, 2**70, "", "ß𝟟\u202e\x00", "../../etc/passwd", "${7*7}", "{{7*7}}"),
    *("<img src=x onerror=alert(1)>", "x" * 5000, [], {}, [[]], [[[]]], [[[0, 0]]], [[[1e300, -1e300]]], [[["a", {}]]]),
    *({"__proto__": 1}, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, [[[0, 0]] * 300]),
    {"strokes": [[[i, i % 7] for i in range(300)]], "model": "sketch"},
]


def strange(rng: random.Random, depth: int = 0) -> Any:
    """Something of any kind."""
    kind = rng.random()
    if depth < 4 and kind < 0.15:
        return [strange(rng, depth + 1) for _ in range(rng.randrange(6))]
    if depth < 4 and kind < 0.3:
        return {str(strange(rng, 9))[:20]: strange(rng, depth + 1) for _ in range(rng.randrange(6))}
    return rng.choice(STRANGE)


def spoiled(rng: random.Random, body: Any) -> Any:
    """The body with something else in one place of it, or in all."""
    if rng.random() < 0.1 or not isinstance(body, dict | list) or not body:
        return strange(rng)
    changed = json.loads(json.dumps(body))
    key = rng.choice(list(body)) if isinstance(body, dict) else rng.randrange(len(body))
    changed[key] = spoiled(rng, body[key]) if rng.random() < 0.6 else strange(rng)
    return changed


def calls(wire: Wire) -> list[tuple[str, Any]]:
    """Every kind of request that the page makes, as it should be: path and body."""
    look = {"model": "softmax", "show": "wrong", "order": "random", "seed": "3", "page": "0", "row": "5"}
    drawing = {"strokes": [[[10, 10], [90, 10], [40, 100]]], "model": "softmax", "every": False}
    mine = json.dumps({"format": FORMAT, "version": VERSION, "digits": [{"label": 7, "strokes": drawing["strokes"]}]})
    values = list((values_of(find_recipe("softmax")) | {"epochs": 1}).values())
    upload = {"path": UPLOAD, "meta": {"_type": "gradio.FileData"}}
    files = {each["id"] for each in wire.config["components"] if each["type"] in ("image", "uploadbutton")}
    events = [
        {
            "data": [upload if number in files else "softmax" for number in each["inputs"]],
            "fn_index": each["id"],
            "session_hash": FUZZ,
            "event_data": {"key": "x/softmax, yours 1", "content": "[]"},
        }
        for each in wire.config["dependencies"]
        if each["backend_fn"]
    ]
    return [
        (READ, drawing),
        *(
            (SERVER_FUNCTION, wire.call("explorer", name, look))
            for name in ("look", "digit", "wall_file", "table_file")
        ),
        (SERVER_FUNCTION, wire.call("monitor", "download", {"key": "x/softmax, yours 1"})),
        (
            SERVER_FUNCTION,
            wire.call("why", "explain", drawing | {"what_if": {"turn": 9, "pen": 3.0, "centred": False}}),
        ),
        (SERVER_FUNCTION, wire.call("hand", "check", {"content": mine})),
        ("gradio_api/run/predict_strokes", {"data": [drawing["strokes"], "softmax"]}),
        ("gradio_api/run/predict_image", {"data": ["iVBORw0KGgo=", "softmax"]}),
        ("gradio_api/call/predict_strokes", {"data": [drawing["strokes"], "softmax"]}),
        ("gradio_api/call/v2/predict_image", {"image": "iVBORw0KGgo=", "model": "softmax"}),
        *(("gradio_api/run/predict", event) for event in events),
        *((JOIN, event) for event in events),
        (JOIN, wire.training(FUZZ, "softmax", *values)),
        ("gradio_api/cancel", {"session_hash": FUZZ, "fn_index": 1, "event_id": "x"}),
        ("gradio_api/reset", {"event_id": "x"}),
        ("gradio_api/upload", {}),
    ]


SECRETS = re.compile(rf"Traceback|site-packages|\.py\b|{re.escape(str(ROOT))}/|{re.escape(tempfile.gettempdir())}/")


@contextmanager
def hearing(address: str, page: str) -> Iterator[list[str]]:
    """What the queue tells a page while the block lasts, a line each."""
    told: list[str] = []
    has_ended = threading.Event()

    def hear() -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            while not has_ended.wait(0.1):
                with (
                    suppress(httpx.RemoteProtocolError),  # Gradio breaks it off where it does not know the page yet
                    client.stream("GET", NEWS, params={"session_hash": page}) as news,
                ):
                    for line in news.iter_lines():
                        told.append(line)
                        if has_ended.is_set():
                            return

    hearer = threading.Thread(target=hear)
    hearer.start()
    try:
        yield told
    finally:
        has_ended.set()
        hearer.join()


def hear(address: str, page: str) -> str:
    """What the queue tells a page until its events are done, or for a while."""
    told = []
    with (
        suppress(httpx.RemoteProtocolError),  # Gradio breaks it off where it does not know the page
        httpx.stream("GET", address + NEWS, params={"session_hash": page}, timeout=60) as news,
    ):
        for line in islice(news.iter_lines(), 60):
            told.append(line)
    return "".join(told)


def memory_at_rest(process: psutil.Process) -> int:
    """In bytes, after what was freed has gone back to the system."""
    time.sleep(2 * GIVE_BACK_SECONDS)
    return process.memory_info().rss


def assert_it_still_answers(address: str, wire: Wire) -> None:
    """Drawings, and events of the queue."""
    offer = {"data": ["sketch"], "fn_index": wire.event("explorer", "draw-model"), "session_hash": "the next visitor"}
    assert httpx.post(address + JOIN, json=offer, timeout=60).is_success
    told = hear(address, "the next visitor")
    assert "process_completed" in told and '"success":true' in told.replace(" ", "")
    drawing = {"strokes": [[[10, 10], [90, 10], [40, 100]]], "model": "sketch"}
    answer = httpx.post(address + READ, json=drawing).json()
    assert answer["shown"] == "7" and answer["model"] == "sketch"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        f"{ROOT}/app.py",
        f"{ROOT}/checkpoints/../app.py",
        "../app.py",
        "app.py",
        "%2e%2e/%2e%2e/etc/passwd",
        f"{tempfile.gettempdir()}/gradio/../../etc/passwd",
        "/proc/self/environ",
        "http://127.0.0.1:1/",
        "https://example.org/",
        "file:///etc/passwd",
        "",
    ],
)
def test_no_file_is_read_that_is_not_meant_to_be(address: str, path: str):
    answer = httpx.get(f"{address}gradio_api/file={path}", follow_redirects=False)
    assert answer.status_code in (403, 404) and "root:" not in answer.text


def test_a_link_in_the_upload_folder_leads_nowhere(victim: Server):
    victim.uploads.mkdir(parents=True, exist_ok=True)
    link = victim.uploads / "link.txt"
    link.symlink_to(ROOT / "app.py")
    assert httpx.get(f"{victim.address}gradio_api/file={link}").status_code == 403


@pytest.mark.parametrize(
    "name", ["../../escaped.png", "/abs/escaped.png", "..\\escaped.png", "a/b/../../../escaped.png", "x" * 3000]
)
def test_uploads_stay_in_their_folder(victim: Server, name: str):
    answer = httpx.post(f"{victim.address}gradio_api/upload", files={"files": (name, b"content", "image/png")})
    assert answer.status_code in (200, 400, 500)
    outside = [path for path in victim.uploads.parents[1].rglob("*") if not path.is_relative_to(victim.uploads)]
    assert outside == [victim.uploads.parent]


def test_no_more_trainings_run_than_there_are_slots(victim: Server):
    wire = Wire.of(victim.address)
    values = values_of(find_recipe("mlp-500")) | {"epochs": 500}
    with httpx.Client(base_url=victim.address, timeout=60) as client, ExitStack() as open_pages:
        told, pages = [], []
        for session in ("one", "two", "three"):
            assert client.post(JOIN, json=wire.training(session, "mlp-500", *values.values())).status_code == 200
            news = client.stream("GET", NEWS, params={"session_hash": session})
            pages.append(open_pages.enter_context(news).iter_lines())  # which would end, were it dropped
            told.append(next(line for line in pages[-1] if re.search(r"images a second|you are number", line)))
        assert ["images a second" in line for line in told] == [True, False, False]
        assert [re.search(r"number \d", line)[0] for line in told[1:]] == ["number 1", "number 2"]  # type: ignore[index]


def test_nobody_sees_or_uses_the_network_of_another(victim: Server):
    wire = Wire.of(victim.address)
    values = values_of(find_recipe("softmax")) | {"epochs": 1}
    with httpx.Client(base_url=victim.address, timeout=60) as client:

        def events(session: str, body: dict[str, Any]) -> str:
            assert client.post(JOIN, json=body).is_success
            return client.get(NEWS, params={"session_hash": session}).text

        trained = events("owner", wire.training("owner", "softmax", *values.values()))
        key = re.search(r'"key":\s*"([^"]+)"', trained)
        assert key and "softmax, yours 1" in key[1]
        offer = {"data": ["sketch"], "fn_index": wire.event("explorer", "draw-model")}
        assert key[1] in events("owner", offer | {"session_hash": "owner"})
        assert "yours" not in events("other", offer | {"session_hash": "other"})
        for guess in (key[1].partition("/")[2], "x" + key[1], "/" + key[1], key[1][1:], "owner/softmax, yours 1"):
            fetched = client.post(SERVER_FUNCTION, json=wire.call("monitor", "download", {"key": guess})).json()
            assert "is not here" in fetched["error"] and "content" not in fetched
            read = client.post("gradio_api/run/predict_strokes", json={"data": [[[[0, 0], [0, 9]]], guess]}).json()
            assert "is not here" in read["error"]
        assert "content" in client.post(SERVER_FUNCTION, json=wire.call("monitor", "download", {"key": key[1]})).json()


def test_a_visits_network_is_offered_after_any_number_of_other_visits(victim: Server):
    wire = Wire.of(victim.address)
    values = values_of(find_recipe("softmax")) | {"epochs": 1}
    with httpx.Client(base_url=victim.address, timeout=60) as client:

        def events(session: str, body: dict[str, Any]) -> str:
            assert client.post(JOIN, json=body | {"session_hash": session}).is_success
            return client.get(NEWS, params={"session_hash": session}).text

        key = re.search(r'"key":\s*"([^"]+)"', events("patient", wire.training("patient", "softmax", *values.values())))
        assert key
        offer = {"fn_index": wire.event("explorer", "draw-model")}
        for i in range(GRADIO_REMEMBERS + 1):
            events(f"visit {i}", offer | {"data": ["sketch"]})
        told = events("patient", offer | {"data": [key[1]]})
        assert "process_completed" in told and '"success":true' in told.replace(" ", "")


def test_one_address_has_so_many_requests_answered_at_once(address: str):
    body = b'{"data": ['  # which never ends
    with ExitStack() as waiting:
        for _ in range(OTHERS.at_once):
            waiting.enter_context(half_a_request(address, body))
        answer = httpx.post(f"{address}{JOIN}", content=b"{}")
        assert answer.status_code == 429 and "try again in a moment" in answer.json()["error"]
        assert httpx.post(f"{address}{READ}", content=b"{}").status_code == 200  # drawings go on
    assert httpx.post(f"{address}{JOIN}", content=b"{}").status_code != 429


def test_nobody_goes_past_the_queue(victim: Server):
    wire = Wire.of(victim.address)
    values = values_of(find_recipe("softmax")).values()
    answer = httpx.post(f"{victim.address}gradio_api/run/predict", json=wire.training("past", "softmax", *values))
    assert answer.status_code == 404 and "join the queue" in answer.json()["detail"]


def test_a_page_without_a_name_does_not_stop_the_queue(victim: Server):
    wire = Wire.of(victim.address)
    with httpx.Client(base_url=victim.address, timeout=60) as client:
        for page in ("a", "b", "", "c"):  # where "b" waits for "a", its turn tells all who wait how long
            check = wire.training(page, "softmax", *values_of(find_recipe("softmax")).values())
            check |= {"fn_index": wire.event("batch", "recipe", "field-seed")}
            check["data"].pop(1)  # the drawing
            assert client.post(JOIN, json=check).status_code in (200, 500)
    assert "process_completed" in hear(victim.address, "c")
    assert_it_still_answers(victim.address, wire)


@pytest.mark.parametrize("place", ["https://example.org/x", "http://127.0.0.1:1/x"])
def test_nothing_is_fetched_from_other_hosts(victim: Server, place: str):
    wire = Wire.of(victim.address)
    offer = {"data": [{"path": place, "meta": {"_type": "gradio.FileData"}}], "session_hash": "fetch"}
    with httpx.Client(base_url=victim.address, timeout=60) as client:
        assert client.post(JOIN, json=offer | {"fn_index": wire.event("explorer", "draw-model")}).is_success
    assert "this page fetches none from other hosts" in hear(victim.address, "fetch")


def test_what_nobody_can_hear_is_forgotten(victim: Server):
    wire = Wire.of(victim.address)
    offer = {"data": ["sketch"], "fn_index": wire.event("explorer", "draw-model")}
    with httpx.Client(base_url=victim.address, timeout=60) as client:
        for page in ("a page", "x" * (LONGEST_NAME + 1)):
            assert client.post(JOIN, json=offer | {"session_hash": page}).is_success
    time.sleep(3 * LOOK_SECONDS)
    assert "process_completed" in hear(victim.address, "a page")
    assert "process_completed" not in hear(victim.address, "x" * (LONGEST_NAME + 1))


def test_ten_thousand_strange_bodies_do_no_harm(victim: Server):
    address, process = victim.address, victim.process
    wire, rng = Wire.of(address), random.Random(0)
    kinds = calls(wire)
    most = before = 0
    with hearing(address, FUZZ) as told_later, httpx.Client(base_url=address, timeout=20) as client:
        for path, body in kinds:  # so that every kind of thing has been made once
            client.post(path, json=body)
        for number in range(10_000):
            path, body = rng.choice(kinds)
            spoilt = spoiled(rng, body)
            text = json.dumps(spoilt) if rng.random() < 0.97 else json.dumps(spoilt)[: rng.randrange(1, 40)]
            answer = client.post(path, content=text.encode(), headers={"Content-Type": "application/json"})
            told = f"{path} {text[:300]}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code in (200, 400, 401, 403, 404, 405, 413, 422, 429, 500), told
            assert not SECRETS.search(answer.text) or SECRETS.search(text), told
            if answer.status_code == 500:
                assert answer.json().keys() <= {"error", "detail", "title", "visible", "duration"}, told
            if number % 100 == 0:
                most = max(most, process.memory_info().rss)
            if number == 5_000:
                before = memory_at_rest(process)
    assert any("process_completed" in line for line in told_later)
    assert not [line for line in told_later if SECRETS.search(line.replace(UPLOAD, ""))]
    assert most < MOST_MEMORY
    assert memory_at_rest(process) - before < 150 * 2**20
    assert_it_still_answers(address, wire)
