"""The server's jobs in the background: load modules early, return freed memory, run the jobs of other modules."""

import asyncio
import ctypes
import gc
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import torch
from anyio import to_thread

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0  # between two runs of all jobs
PRELOAD_SECONDS = 3.0  # after the start, in which the first client may open the page


async def run_jobs(*jobs: Callable[[], Awaitable[None]]) -> None:
    """Preload, then run the jobs again and again. Log their errors and go on."""
    await asyncio.sleep(PRELOAD_SECONDS)
    await to_thread.run_sync(preload)
    while True:
        for error in await asyncio.gather(*(job() for job in jobs), return_exceptions=True):
            if error:
                logger.error("A periodic job failed", exc_info=error)
        await asyncio.sleep(PAUSE_SECONDS)


def preload() -> None:
    """Load what Gradio and PyTorch would load at their first use."""
    import matplotlib.pyplot  # noqa: F401  # Gradio imports it at the first event, and blocks the server for 0.4 s

    torch.optim.SGD([torch.zeros(1)])  # loads PyTorch's compiler, which takes 1.7 s and 150 MB
    gc.freeze()  # what was loaded stays; the garbage collector need not visit it


def trim_memory() -> None:
    """Return freed memory to the system. glibc keeps it, in a pool for each thread, so that a server grows."""
    with suppress(AttributeError, OSError, TypeError):  # other C libraries have no such function, and no pools
        ctypes.CDLL(None).malloc_trim(0)
