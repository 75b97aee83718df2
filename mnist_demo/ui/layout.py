"""Has the page laid out for one visitor at a time, in turns that are fair to addresses: Gradio does so anew for whoever
asks, in 25 ms of a thread each."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_demo.ui.events import client_address
from mnist_demo.ui.line import FairQueue, Ticket

_LAID_OUT = re.compile(r"/(config/?)?")


class LayoutInTurn:
    """ASGI middleware in which those who ask for the page wait for each other until their answers begin; all else goes
    on meanwhile. Who has gone away while they waited has their turn all the same."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self._queue = FairQueue()
        self._turns: dict[Ticket, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if not _LAID_OUT.fullmatch(path):
            return await self.app(scope, receive, send)

        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._take(client_address(scope.get("client"))))

            async def send_on(message: Message) -> None:
                await turn.aclose()
                await send(message)

            await self.app(scope, receive, send_on)

    @asynccontextmanager
    async def _take(self, address: str) -> AsyncIterator[None]:
        """One's turn, waited for, until the end of the block."""
        ticket = self._queue.enter(address)
        self._turns[ticket] = turn = asyncio.Event()
        self._move()
        try:
            await turn.wait()
            yield
        finally:
            self._queue.leave(ticket)
            del self._turns[ticket]
            self._move()

    def _move(self) -> None:
        if self._queue.waiting() and not self._queue.count_turns():
            self._turns[self._queue.give_turn()].set()
