"""Forgets what Gradio has to tell pages that do not ask for it, or else whoever starts events and never hears their
answers would fill the memory: Gradio keeps these for the last 2,000 pages, however many, and trains for nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from gradio.queueing import Queue

from mnist_demo.ui.events import LONGEST_NAME

LOOK_SECONDS = 2.0  # between two looks
PATIENCE = 60  # looks at each of which something waits to be told: two minutes, for a phone that slept


@dataclass(frozen=True)
class Unheard:
    """Looks after the queue of a page's events."""

    queue: Queue
    _looks: dict[str, int] = field(default_factory=dict)  # in a row at which a page had not heard all, by its name

    async def look(self) -> None:
        """Forget the pages that have heard nothing at PATIENCE looks, and end their events; those with a name that no
        page has at once, as it may be of any length."""
        told = self.queue.pending_messages_per_session
        behind = {page for page, messages in told.items() if messages.qsize()}
        looks = {page: self._looks.get(page, 0) + 1 for page in behind}
        self._looks.clear()
        self._looks.update(looks)
        for page in list(told):
            if looks.get(page, 0) >= PATIENCE or len(page) > LONGEST_NAME:
                del told[page]
                self.queue.pending_event_ids_session.pop(page, None)
                await self.queue.clean_events(session_hash=page)

    @asynccontextmanager
    async def watched(self, app: Any) -> AsyncIterator[None]:
        """Look again and again while the app runs: its lifespan."""

        async def watch() -> None:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                await self.look()

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
