"""What the server does again and again while it runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

logger = logging.getLogger(__name__)


@asynccontextmanager
async def repeated(seconds: float, chore: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """While the block lasts, the chore is done with so many seconds between; if it fails, the log says so."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await chore()
            except Exception:
                logger.exception("A chore failed")

    repeating = asyncio.create_task(repeat())
    try:
        yield
    finally:
        repeating.cancel()
        with suppress(asyncio.CancelledError):
            await repeating
