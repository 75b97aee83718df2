"""The server's jobs in the background: load modules early, delete uploads, return freed memory."""

import asyncio
import ctypes
import gc
import logging
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import torch
from anyio import to_thread

logger = logging.getLogger(__name__)

MAX_UPLOAD_BYTES = 1_000_000_000  # of all uploads
MAX_UPLOAD_FILES = 10_000
MAX_UPLOAD_AGE = 1200.0  # seconds
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


def clean_uploads() -> None:
    """Delete uploads over the limits, oldest first. Gradio deletes only those that a component has received."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    files = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # deleted meanwhile
            if path.is_file() and not path.is_symlink():
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
    oldest, total = time.time() - MAX_UPLOAD_AGE, 0
    for count, (modified, size, path) in enumerate(sorted(files, reverse=True), start=1):
        total += size
        if total > MAX_UPLOAD_BYTES or count > MAX_UPLOAD_FILES or modified < oldest:
            with suppress(OSError):
                path.unlink()
                path.parent.rmdir()  # fails unless it is empty
