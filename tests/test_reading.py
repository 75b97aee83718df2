import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from mnist_demo.ui.line import Line
from mnist_demo.ui.reading import ADDRESS, AT_ONCE, LONG_BYTES, reading
from tests.conftest import run_async


class Reader:
    """Tells each drawing back, and remembers which were read together."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []

    def __call__(self, drawings: list[Any]) -> list[dict[str, Any]]:
        self.batches.append(drawings)
        if "bad" in drawings:
            raise ValueError("this should not happen")
        return [{"read": drawing} for drawing in drawings]


def ask(read: Callable, drawings: list[Any], others: Sequence[Any] = ()) -> list[Any]:
    """All drawings at the same time, `others` from another address; the answers in their order, or what went wrong."""

    async def ask_all() -> list[Any]:
        app = Starlette(routes=[reading(read, Line())])
        one, another = (httpx.ASGITransport(app, client=(host, 1)) for host in ("192.0.2.1", "192.0.2.2"))
        async with (
            httpx.AsyncClient(transport=one, base_url="http://pad") as client,
            httpx.AsyncClient(transport=another, base_url="http://pad") as other,
        ):
            requests = [client.post(ADDRESS, json=drawing) for drawing in drawings]
            requests += [other.post(ADDRESS, json=drawing) for drawing in others]
            return await asyncio.gather(*requests, return_exceptions=True)

    return run_async(ask_all())


def test_drawings_that_come_together_are_read_together_and_answered_apart():
    read, drawings = Reader(), list(range(3 * AT_ONCE + 1))
    assert [answer.json() for answer in ask(read, drawings)] == [{"read": drawing} for drawing in drawings]
    assert [drawing for batch in read.batches for drawing in batch] == drawings and len(read.batches) < len(drawings)
    assert all(len(batch) <= AT_ONCE for batch in read.batches)


def test_who_draws_once_is_read_before_who_asks_for_much():
    read, many = Reader(), list(range(9 * AT_ONCE))
    answers = ask(read, many, ["once"])
    assert [answer.json()["read"] for answer in answers] == [*many, "once"]
    place = [drawing for batch in read.batches for drawing in batch].index("once")
    assert place <= 2 * AT_ONCE  # what was being read when it came, and what is read with it


def test_what_takes_long_is_read_alone_and_by_another_thread():
    read, drawings = Reader(), [{"every": True}, "x" * LONG_BYTES, {"every": True}, ["x" * LONG_BYTES]]
    assert [answer.json()["read"] for answer in ask(read, drawings)] == drawings
    assert [len(batch) for batch in read.batches] == [1, 1, 1, 1]


def test_nobody_waits_for_ever_where_reading_fails():
    with pytest.raises(ValueError, match="this should not happen"):
        raise ask(Reader(), ["bad"])[0]
    answers = ask(Reader(), ["bad", 1, 2])
    assert len(answers) == 3 and isinstance(answers[0], ValueError)
