import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from mnist_demo.ui.predict_route import LONG_BYTES, MAX_BATCH, PREDICT_PATH, predict_route
from mnist_demo.ui.services.queues import WorkQueue
from tests.conftest import run_async


class Model:
    """Returns each drawing as its prediction, and records the batches and their threads."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.threads: set[str] = set()

    def __call__(self, drawings: list[Any]) -> list[dict[str, Any]]:
        self.batches.append(drawings)
        self.threads.add(threading.current_thread().name)
        if "bad" in drawings:
            raise ValueError("this should not happen")
        return [{"prediction": drawing} for drawing in drawings]


def post(predict: Callable, drawings: list[Any], others: Sequence[Any] = ()) -> list[Any]:
    """Post all drawings at the same time, `others` from another address. Return responses or exceptions in order."""

    async def post_all() -> list[Any]:
        app = Starlette(routes=[predict_route(predict, WorkQueue())])
        one, another = (httpx.ASGITransport(app, client=(host, 1)) for host in ("192.0.2.1", "192.0.2.2"))
        async with (
            httpx.AsyncClient(transport=one, base_url="http://pad") as client,
            httpx.AsyncClient(transport=another, base_url="http://pad") as other,
        ):
            requests = [client.post(PREDICT_PATH, json=drawing) for drawing in drawings]
            requests += [other.post(PREDICT_PATH, json=drawing) for drawing in others]
            return await asyncio.gather(*requests, return_exceptions=True)

    return run_async(post_all())


def test_drawings_that_arrive_together_are_predicted_in_batches():
    model, drawings = Model(), list(range(3 * MAX_BATCH + 1))
    responses = post(model, drawings)
    assert [response.json() for response in responses] == [{"prediction": drawing} for drawing in drawings]
    assert [drawing for batch in model.batches for drawing in batch] == drawings
    assert len(model.batches) < len(drawings)
    assert all(len(batch) <= MAX_BATCH for batch in model.batches)


def test_a_single_drawing_is_predicted_before_most_of_a_busy_client():
    model, many = Model(), list(range(9 * MAX_BATCH))
    responses = post(model, many, ["once"])
    assert [response.json()["prediction"] for response in responses] == [*many, "once"]
    position = [drawing for batch in model.batches for drawing in batch].index("once")
    assert position <= 2 * MAX_BATCH  # the batch that was running when it arrived, and its own


def test_long_work_is_predicted_alone_in_another_thread():
    drawings = ["x" * LONG_BYTES, ["x" * LONG_BYTES]]
    model = Model()
    assert [response.json()["prediction"] for response in post(model, drawings)] == drawings
    assert [len(batch) for batch in model.batches] == [1, 1] and model.threads == {"AnyIO worker thread"}


def test_every_request_ends_if_the_prediction_fails():
    with pytest.raises(ValueError, match="this should not happen"):
        raise post(Model(), ["bad"])[0]
    responses = post(Model(), ["bad", 1, 2])
    assert len(responses) == 3 and isinstance(responses[0], ValueError)
