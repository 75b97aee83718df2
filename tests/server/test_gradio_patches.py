import asyncio
import io
import re
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio.queueing import Queue
from gradio.routes import file_upload_statuses
from gradio.state_holder import SessionState
from PIL import Image

from mnist_demo.server import gradio_patches
from mnist_demo.server.gradio_patches import MAX_UPLOADS, MAX_WAITING, Messages
from tests.conftest import run_async


async def build_page() -> tuple[gr.Blocks, gr.Textbox]:
    gradio_patches.apply()
    with gr.Blocks(analytics_enabled=False) as blocks:
        box = gr.Textbox("as built")
    gradio_patches.harden(blocks)
    return blocks, box


def test_a_page_keeps_no_values_of_sessions_and_no_statistics_and_its_queue_is_bounded():
    blocks, box = run_async(build_page())
    state = SessionState(blocks)
    state._update_value_in_config(box._id, "a secret")
    assert state.config_values[box._id]["props"]["value"] == "as built"
    queue: Queue = blocks._queue
    assert queue.max_size == MAX_WAITING and queue.ANALYTICS_MAX_EVENTS == 1
    queue.events_recorded += 1
    record: Any = {"function": "f", "status": "success", "process_time": 1.0}
    assert queue.compute_analytics_summary([record]) == {"functions": {}}


def test_a_page_keeps_its_messages_when_many_others_come():
    by_session = run_async(build_page())[0]._queue.pending_messages_per_session
    for session in ("listens", *map(str, range(3_000))):  # Gradio's own drops the first
        by_session[session] = Messages()
    assert "listens" in by_session
    by_session["unknown"].put_nowait("lost")  # Gradio's own raises KeyError


@pytest.mark.parametrize(
    ("seconds", "delivered", "is_kept"), [(119, 0, True), (121, 0, False), (300, 1, True), (300, 2, True)]
)
def test_two_minutes_without_delivery_drop_messages_and_their_jobs(seconds: int, delivered: int, is_kept: bool):
    async def run() -> Queue:
        """Send two messages a second to a page that takes `delivered` of them."""
        blocks, _ = await build_page()
        queue = blocks._queue
        messages = queue.pending_messages_per_session["x"] = Messages()
        queue.pending_event_ids_session["x"] = {"an event"}
        for _ in range(seconds):
            for _ in range(2):
                messages.put_nowait("message")
            for _ in range(delivered):
                messages.get_nowait()
            messages.since -= 1
            await gradio_patches.drop_undelivered(blocks)
        return queue

    queue = run_async(run())
    assert ("x" in queue.pending_messages_per_session) == ("x" in queue.pending_event_ids_session) == is_kept


def test_the_progress_of_uploads_that_were_never_sent_is_dropped():
    async def request_progress() -> None:
        blocks, _ = await build_page()
        for number in range(MAX_UPLOADS + 1):
            file_upload_statuses._signals[f"{number}"] = asyncio.Event()
        await gradio_patches.drop_undelivered(blocks)

    run_async(request_progress())
    assert not file_upload_statuses._signals


def test_the_head_describes_this_page_and_not_gradio(app_url: str):
    head = httpx.get(app_url).text.partition("</head>")[0]
    tags = re.findall(r'<meta\s+(?:name|property)="([^"]+)"', head)
    expected = ["description", "og:type", "og:title", "og:description", "og:image", "og:image:alt", "twitter:card"]
    assert all(tags.count(name) == 1 for name in expected) and tags.count("theme-color") == 2
    assert head.count("<title>Handwritten digits") == head.count('rel="icon"') == 1 and 'rel="manifest"' not in head
    assert not re.search(r"<meta[^>]*gradio", head, re.IGNORECASE)
    icon = httpx.get(f"{app_url}favicon.ico")
    assert icon.headers["content-type"].startswith("image/svg") and b"<svg" in icon.content
    (card,) = re.findall(r'property="og:image" content="([^"]+)"', head)
    assert f"http:{card}" == f"{app_url}card.png"  # the protocol is the page's, which a proxy may not tell
    assert Image.open(io.BytesIO(httpx.get(f"http:{card}").content)).size == (1200, 630)
