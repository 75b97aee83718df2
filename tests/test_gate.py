import json
from collections.abc import Iterator

import httpx
import pytest

from mnist_demo.ui.gate import DRAWINGS, OTHERS

PAD, ENDPOINT = "gradio_api/component_server/", "gradio_api/run/predict_strokes"


def chunks(size: int) -> Iterator[bytes]:
    """A body that does not tell how long it is."""
    yield from (b" " * 100_000 for _ in range(size // 100_000 + 1))


@pytest.mark.parametrize(("path", "limit"), [(PAD, DRAWINGS.body), (ENDPOINT, OTHERS.body)])
@pytest.mark.parametrize("told", [True, False])
def test_what_is_too_large_is_refused(address: str, path: str, limit: int, told: bool):
    body = b" " * (limit + 1) if told else chunks(limit)
    answer = httpx.post(address + path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json() == {"error": f"What was sent is too large; at most {limit // 10**6} MB are read."}


def pad_id(address: str) -> int:
    components = httpx.get(f"{address}config").json()["components"]
    return next(one["id"] for one in components if one["props"].get("elem_id") == "pad")


def test_the_pads_function_answers_drawings_and_refuses_the_rest_in_one_line(address: str):
    def post(data: object) -> dict:
        call = {"data": data, "component_id": pad_id(address), "fn_name": "read", "session_hash": "x"}
        return httpx.post(address + PAD, content=json.dumps(call), headers={"Content-Type": "application/json"}).json()

    assert post({"strokes": [[[10, 10], [90, 10], [40, 100]]], "model": "sketch"})["shown"] == "7"
    assert post({"strokes": [[[1, "2"]]]}) == {"error": "Stroke 1 must be a list of (x, y), two numbers a point."}
    assert post([1]) == {"error": "A drawing must be an object with strokes and model; got list."}


@pytest.mark.parametrize("body", ["[" * 500_000, "nonsense", "null", "{}", b"\xff\xfe"])
def test_what_is_no_call_is_refused(address: str, body: str | bytes):
    answer = httpx.post(address + PAD, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and len(answer.text) < 200
