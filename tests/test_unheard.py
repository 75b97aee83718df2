from asyncio import Queue as Messages
from typing import Any

import gradio as gr
import pytest
from gradio.queueing import Queue
from gradio.server_messages import ProcessStartsMessage
from gradio.state_holder import StateHolder

from mnist_demo.ui.tamed import tame
from mnist_demo.ui.unheard import PATIENCE, Unheard
from tests.conftest import run_async


def looked(looks: int, *pages: str, hears: int = 0) -> Queue:
    """A queue after so many looks, before each of which there are two more news for each of those pages, of which
    these hear so many."""

    async def run() -> Queue:
        with gr.Blocks(analytics_enabled=False) as blocks:
            pass
        tame(blocks)
        queue = blocks._queue
        unheard = Unheard(queue, StateHolder())
        for page in pages:
            queue.pending_messages_per_session[page] = Messages()
            queue.pending_event_ids_session[page] = {"an event"}
        for _ in range(looks):
            for page in pages:
                messages: Any = queue.pending_messages_per_session.get(page, Messages())
                for _ in range(2):
                    messages.put_nowait(ProcessStartsMessage())
                for _ in range(hears):
                    messages.get_nowait()
            await unheard.look()
        return queue

    return run_async(run())


def test_what_a_page_has_not_heard_for_long_is_forgotten():
    assert list(looked(PATIENCE - 1, "asleep").pending_messages_per_session) == ["asleep"]
    queue = looked(PATIENCE, "asleep")
    assert not queue.pending_messages_per_session and not queue.pending_event_ids_session


@pytest.mark.parametrize("hears", [1, 2])
def test_who_listens_however_slowly_is_never_forgotten(hears: int):
    queue = looked(3 * PATIENCE, "awake", hears=hears)
    assert queue.pending_messages_per_session and queue.pending_event_ids_session


def test_a_name_that_no_page_has_is_forgotten_at_once():
    assert list(looked(1, "x" * 65, "2zp1k4rdq3m").pending_messages_per_session) == ["2zp1k4rdq3m"]
