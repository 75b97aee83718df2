"""What the page's event handlers share: options of private events, errors as messages, uploaded files."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.utils import get_upload_folder

from mnist_demo.errors import DataError, DemoError, InputError

# Options of the page's own events: they are not part of the API, and no frame flashes while they run.
PRIVATE_EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
QUICK_EVENT = PRIVATE_EVENT | {"queue": False}  # takes too little time to wait in Gradio's queue
LONG_EVENT = PRIVATE_EVENT | {"concurrency_limit": None}  # limited by the queues of `Services`, not by Gradio

MAX_SESSION_ID = 64  # characters; Gradio's have 11
MAX_MESSAGE = 500  # characters; a message may repeat what was sent, and Gradio keeps it until it is delivered

Handler = TypeVar("Handler", bound=Callable[..., Any])


def session_id(request: gr.Request) -> str:
    """Return the id of the open page that sent a request; empty for other clients."""
    name = request.session_hash or ""
    return name if len(name) <= MAX_SESSION_ID else ""


def error_message(error: DemoError) -> str:
    """Return an error's text without the server's paths, which the advice of a DataError names."""
    text = error.reason if isinstance(error, DataError) else str(error)
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}…"


@contextmanager
def _as_message() -> Iterator[None]:
    try:
        yield
    except DemoError as error:
        raise gr.Error(error_message(error), print_exception=False) from error


def user_errors(handler: Handler) -> Handler:
    """Decorate a handler or generator: its DemoErrors appear on the page as one message, without a traceback."""
    if not inspect.isgeneratorfunction(handler):
        return _as_message()(handler)

    @functools.wraps(handler)
    def generate(*args: Any, **kwargs: Any) -> Any:
        with _as_message():
            yield from handler(*args, **kwargs)

    return generate  # type: ignore[return-value]


def query_errors(query: Handler) -> Handler:
    """Decorate a component's query: its DemoErrors become a response {"error": text}."""

    @functools.wraps(query)
    def respond(*args: Any) -> dict[str, Any]:
        try:
            return query(*args)
        except DemoError as error:
            return {"error": error_message(error)}

    return respond  # type: ignore[return-value]


def read_upload(path: Any, max_bytes: int) -> bytes:
    """Return the content of a file that the page uploaded. Raise InputError for another path, or if it is too large."""
    folder = Path(get_upload_folder()).resolve()
    try:
        file = Path(path).resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            raise InputError("The file is not an upload, or was deleted; upload it again.")
        if (size := file.stat().st_size) > max_bytes:
            raise InputError(f"The file has {size:,} bytes; the limit is {max_bytes:,}.")
        return file.read_bytes()
    except InputError:
        raise
    except (OSError, TypeError, ValueError):  # a path that is no text, or too long
        raise InputError("The file cannot be read; upload it again.") from None
