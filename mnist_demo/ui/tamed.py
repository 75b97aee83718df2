"""What Gradio does that a public page must not, undone in one place; each is tested over HTTP.

Gradio is pinned, as this knows its insides.
"""

import os
from asyncio import Queue as Messages
from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils
from gradio.queueing import Queue
from gradio.state_holder import SessionState
from gradio.utils import LRUCache

from mnist_demo.ui.events import address as address_of

PAGES_TOLD = 2000  # as many pages' messages as Gradio keeps
MAX_WAITING = 400  # events of all visitors that wait for others of their kind, each with what was sent

# Gradio's statistics of events, which nobody sees, take 7 to 20 ms of each.
_NO_STATISTICS = {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000"}


class Told(LRUCache):
    """What pages are to be told. Gradio's own fails for a page that it has forgotten, and the whole queue with it; and
    it forgets whose first event is longest ago, though they listen."""

    def __getitem__(self, page: str) -> Messages:
        messages = super().__getitem__(page)
        if page in self:
            self.move_to_end(page)
        return messages

    def __missing__(self, page: str) -> Messages:
        return Messages()  # which nobody hears

    def __delitem__(self, page: str) -> None:
        if page in self:
            super().__delitem__(page)


def count_waiting(queue: Queue, address: str) -> int:
    """How many events that came from the address wait for others of their kind."""
    waiting = (event for kind in queue.event_queue_per_concurrency_id.values() for event in kind.queue)
    return sum(address_of(event.request) == address for event in waiting)


async def _fetch_nothing(url: str, cache_dir: str) -> NoReturn:
    raise gr.Error("A file must be uploaded; this page fetches none from other hosts.", print_exception=False)


def _keep_nothing(state: SessionState, component: int, value: Any) -> None:
    """For links to a page as somebody left it, Gradio keeps every value that was ever sent of each session."""


def prepare() -> None:
    """To be called before the page is laid out."""
    os.environ |= _NO_STATISTICS
    processing_utils.async_ssrf_protected_download = _fetch_nothing
    SessionState._update_value_in_config = _keep_nothing  # type: ignore[assignment, method-assign]


def tame(page: gr.Blocks) -> None:
    """To be called when it is."""
    page.queue(api_open=False, max_size=MAX_WAITING)  # nobody goes past the queue
    page._queue.pending_messages_per_session = Told(PAGES_TOLD)
