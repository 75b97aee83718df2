import asyncio
from typing import Any

import pytest

from mnist_demo.ui.layout import LayoutInTurn
from tests.conftest import run_async


class Page:
    """A page behind the middleware, which visitors ask for; it is laid out, and its answer begins, when it is told."""

    def __init__(self) -> None:
        self.laid_out: list[str] = []  # for whom
        self.may_go_on = asyncio.Semaphore(0)
        self.may_end = asyncio.Event()
        self.in_turn = LayoutInTurn(self._answer)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.laid_out.append(scope["client"][0])
        await self.may_go_on.acquire()
        await send({"type": "http.response.start"})
        await self.may_end.wait()

    async def ask(self, visitor: str, path: str = "/") -> asyncio.Task:
        async def send(message: Any) -> None: ...

        scope = {"type": "http", "path": path, "client": (visitor, 1)}
        task = asyncio.create_task(self.in_turn(scope, None, send))  # type: ignore[arg-type]
        await settle()
        return task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def go_on(page: Page) -> list[str]:
    page.may_go_on.release()
    await settle()
    return page.laid_out


@pytest.mark.parametrize("path", ["/", "/config", "/config/"])
def test_the_page_is_laid_out_for_one_at_a_time_in_rounds(path: str):
    async def visit() -> None:
        page = Page()
        for visitor in ("greedy", "greedy", "greedy", "other"):
            await page.ask(visitor, path)
        assert page.laid_out == ["greedy"]
        assert await go_on(page) == ["greedy", "other"]  # where the first answer has begun, however long it takes
        assert await go_on(page) == ["greedy", "other", "greedy"]

    run_async(visit())


def test_all_else_goes_on_meanwhile():
    async def visit() -> None:
        page = Page()
        await page.ask("one")
        for path in ("/read", "/configure", "/assets/config"):
            await page.ask("two", path)
        assert page.laid_out == ["one", "two", "two", "two"]

    run_async(visit())


def test_a_turn_that_is_given_up_keeps_nobody_waiting():
    async def visit() -> None:
        page = Page()
        first, second, _ = [await page.ask(visitor) for visitor in ("one", "two", "three")]
        second.cancel()
        await settle()
        assert page.laid_out == ["one"]
        first.cancel()
        await settle()
        assert page.laid_out == ["one", "three"]

    run_async(visit())


def test_what_fails_keeps_nobody_waiting():
    async def visit() -> None:
        page = Page()

        async def fail(*_: Any) -> None:
            raise ValueError

        page.in_turn.app, working = fail, page.in_turn.app
        with pytest.raises(ValueError):
            await (await page.ask("one"))
        page.in_turn.app = working
        await page.ask("two")
        assert page.laid_out == ["two"]

    run_async(visit())
