"""How the page's events behave: the core's errors become messages in this one place, and endpoints stay private."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from mnist_demo.errors import DataError, DemoError

# Options of the page's own events: not documented as endpoints, and no frame that flashes while they run.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

Handler = TypeVar("Handler", bound=Callable[..., Any])


def session(request: gr.Request) -> str:
    """The name of the open page that a request comes from; empty where it comes from none."""
    return request.session_hash or ""


def message(error: DemoError) -> str:
    """What a visitor may read of an error: not where the server keeps its files, which a DataError's remedy tells."""
    return error.reason if isinstance(error, DataError) else str(error)


def server_function(handler: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """The handler as a component's server function of its name: Gradio marks these, which it cannot do to methods."""

    def call(query: Any) -> dict[str, Any]:
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
