"""Patches for Gradio 6.31: behavior that is unsafe on a public server. Each has a test, since Gradio is pinned."""

import asyncio
import os
import re
import time
from collections import defaultdict
from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils, queueing, routes
from gradio.blocks import BlockFunction
from gradio.components.api_component import Api
from gradio.routes import file_upload_statuses
from gradio.state_holder import SessionState, StateHolder
from jinja2 import ChoiceLoader, DictLoader
from starlette.exceptions import HTTPException

from mnist_demo.server.clients import client_address

MAX_WAITING = 400  # events of all clients in the queue
MAX_UPLOADS = 2000  # whose progress is kept
MAX_SESSION_NAME = 64  # characters; those of Gradio's page have 11
UNDELIVERED_SECONDS = 120.0  # long enough for a phone that sleeps
_get_state, _validate_inputs = StateHolder.__getitem__, gr.Blocks.validate_inputs


class Messages(asyncio.Queue):
    """A session's messages, with the time at which the last was delivered or the first arrived."""

    since = 0.0

    def _put(self, item: Any) -> None:
        self.since = self.since if self.qsize() else time.monotonic()
        super()._put(item)

    def _get(self) -> Any:
        self.since = time.monotonic()
        return super()._get()


def _get_short_state(states: StateHolder, session: str) -> SessionState:
    if len(session) > MAX_SESSION_NAME:
        raise HTTPException(400, f"A session's name has at most {MAX_SESSION_NAME} characters.")
    return _get_state(states, session)


def _add_defaults(blocks: gr.Blocks, function: BlockFunction, inputs: list[Any]) -> None:
    """Append the defaults of an API function's parameters that a request leaves out, then validate."""
    for each in function.inputs[len(inputs) :]:
        if isinstance(each, Api):
            if each.value is None:
                raise gr.Error("A value without a default is missing; see 'Use via API'.", print_exception=False)
            inputs.append(each.value)
    _validate_inputs(blocks, function, inputs)


async def _refuse_download(url: str, cache_dir: str) -> NoReturn:
    raise gr.Error("Upload the file; this server downloads none from other hosts.", print_exception=False)


def apply() -> None:
    """Patch Gradio's modules. Call it before the page is built."""
    # Gradio computes statistics after each event, in 7 to 20 ms, for a dashboard that is off.
    os.environ |= {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000"}
    # Gradio downloads any URL that stands where a file is expected.
    processing_utils.async_ssrf_protected_download = _refuse_download
    # Gradio keeps session names of any length.
    StateHolder.__getitem__ = _get_short_state  # type: ignore[method-assign]
    # Gradio keeps each value that a session sent, for links to a page's state.
    SessionState._update_value_in_config = lambda *_: None  # type: ignore[assignment, method-assign]
    # Gradio documents defaults of API functions, but only its own clients apply them.
    gr.Blocks.validate_inputs = _add_defaults  # type: ignore[assignment, method-assign]
    # Gradio keeps messages and jobs forever if a client never connects; see drop_undelivered.
    queueing.AsyncQueue = Messages  # type: ignore[misc]


def replace_head(tags: str) -> None:
    """Put HTML tags into the page's head in place of Gradio's, which describe Gradio and link a missing manifest."""
    env, pages = routes.templates.env, {}
    assert env.loader
    for name in ("frontend/index.html", "frontend/share.html"):
        source = env.loader.get_source(env, name)[0]
        source = re.sub(r'<meta\s+(property="og:|name="twitter:)[^>]*>|<link rel="manifest"[^>]*>', "", source)
        pages[name] = source.replace("</head>", f"{tags}</head>", 1)
    env.loader = ChoiceLoader([DictLoader(pages), env.loader])


def harden(blocks: gr.Blocks) -> None:
    """Patch a page that is built, before it is launched."""
    blocks.queue(api_open=False, max_size=MAX_WAITING)  # by default, the API bypasses the queue, which is unbounded
    # Gradio keeps 2,000 sessions, and stops the queue when one that is dropped or without a name gets a message.
    blocks._queue.pending_messages_per_session = defaultdict(Messages)  # type: ignore[assignment]


def count_queued(blocks: gr.Blocks, address: str) -> int:
    """Return how many events from a client address wait in the queue."""
    events = (event for queue in blocks._queue.event_queue_per_concurrency_id.values() for event in queue.queue)
    return sum(client_address(event.request) == address for event in events)


async def drop_undelivered(blocks: gr.Blocks) -> None:
    """Forget sessions without delivery for UNDELIVERED_SECONDS: their messages and jobs. Also limit MAX_UPLOADS."""
    queue, oldest = blocks._queue, time.monotonic() - UNDELIVERED_SECONDS
    for session, messages in list(queue.pending_messages_per_session.items()):
        if messages.since < oldest:  # a page that listens gets a heartbeat every 15 s
            queue.pending_messages_per_session.pop(session, None)
            await queue.clean_events(session_hash=session)
    for session in queue.pending_event_ids_session.keys() - queue.pending_messages_per_session.keys():
        del queue.pending_event_ids_session[session]
    if len(file_upload_statuses._signals) > MAX_UPLOADS:
        file_upload_statuses.__init__()  # type: ignore[misc]
