"""How the page's events behave: the core's errors become messages in this one place, and endpoints stay private."""

import functools
import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

import gradio as gr
from starlette.requests import Request

from mnist_demo.errors import DataError, DemoError

# Options of the page's own events: not documented as endpoints, and no frame that flashes while they run.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

LONGEST_NAME = 64  # characters of a page's name; Gradio's have 11
LONGEST_MESSAGE = 500  # characters; a message may repeat what was sent, which Gradio keeps until it is asked for

asker: ContextVar[str] = ContextVar("asker", default="")  # the address that a server function answers

Handler = TypeVar("Handler", bound=Callable[..., Any])


def session(request: gr.Request) -> str:
    """The name of the open page that a request comes from; empty where it comes from none."""
    name = request.session_hash or ""
    return name if len(name) <= LONGEST_NAME else ""


def address(request: gr.Request | Request) -> str:
    """Where a request comes from; behind a proxy that does not tell it, that is the proxy."""
    return _network(request.client.host if request.client else "")


def client_address(client: Sequence[Any] | None) -> str:
    """The same of (host, port), as ASGI and uvicorn tell it."""
    return _network(client[0] if client else "")


def _network(host: str) -> str:
    """An address as visitors are counted by: of version 6, of which one visitor has 2**64, their network."""
    with suppress(ValueError):
        if (ip := ip_address(host)).version == 6:
            return str(ip.ipv4_mapped or ip_network((int(ip), 64), strict=False))
    return host


def message(error: DemoError) -> str:
    """What a visitor may read of an error: not where the server keeps its files, which a DataError's remedy tells."""
    text = error.reason if isinstance(error, DataError) else str(error)
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def server_function(handler: Callable[[Any], dict[str, Any]]) -> Callable[[Any, gr.Request], dict[str, Any]]:
    """The handler as a component's server function of its name: Gradio marks these, which it cannot do to methods.
    `asker` tells it who asks."""

    def call(query: Any, request: gr.Request) -> dict[str, Any]:
        asker.set(address(request))
        return handler(query)

    call.__name__ = handler.__name__
    return call


def friendly(handler: Handler) -> Handler:
    """A handler, or generator of a handler, whose DemoErrors show as one message, without a traceback."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from handler(*args, **kwargs)
            except DemoError as error:
                raise gr.Error(message(error), print_exception=False) from error
    else:

        @functools.wraps(handler)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                return handler(*args, **kwargs)
            except DemoError as error:
                raise gr.Error(message(error), print_exception=False) from error

    return wrapped  # type: ignore[return-value]
