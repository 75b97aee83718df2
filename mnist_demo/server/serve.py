"""Launch a page of Gradio as a public server: patches, limits, periodic jobs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import gradio as gr
from anyio import to_thread
from gradio.routes import App
from starlette.middleware import Middleware
from starlette.routing import Route

from mnist_demo.server import gradio_patches, uploads
from mnist_demo.server.housekeeping import run_jobs, trim_memory
from mnist_demo.server.middleware import RequestLimits

_OPTIONS: dict[str, Any] = {
    "ssr_mode": False,
    "run_history": False,  # doubles the time of a prediction
    "pwa": False,
    "max_threads": 250,  # jobs that wait in the page's own queues occupy at most 200
    "max_file_size": "10mb",
    "state_session_capacity": 100,  # sessions' layouts, 0.1 MB each, which nothing here needs
}


def serve(blocks: gr.Blocks, *, routes: list[Route], style: dict[str, Any], head: str = "", **options: Any) -> Any:
    """Launch `blocks` with further `routes` beside Gradio's, and return what `gr.Blocks.launch` returns.

    `head` holds HTML tags for the page's head. `style` and `options` are further arguments of `launch`. Call
    `gradio_patches.apply()` before the page is built.
    """
    gradio_patches.harden(blocks)
    gradio_patches.replace_head(head)

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        jobs = [partial(to_thread.run_sync, job) for job in (uploads.clean, trim_memory)]
        running = asyncio.create_task(run_jobs(partial(gradio_patches.drop_undelivered, blocks), *jobs))
        yield
        running.cancel()

    limits = Middleware(RequestLimits, count_queued=partial(gradio_patches.count_queued, blocks))
    app_kwargs = {"middleware": [limits], "routes": routes, "lifespan": lifespan}
    return blocks.launch(app_kwargs=app_kwargs, **(_OPTIONS | style | options))
