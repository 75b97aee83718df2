"""Base class of the page's components: a `gr.HTML` whose template, style and scripts are files.

Templates are static and scripts set text with `textContent`, because Gradio evaluates `{{value}}` and `${value}` in a
template as code.
"""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import gradio as gr

from mnist_demo.server.clients import client_address

SHARED = Path(__file__).parent / "shared"
Query = Callable[[Any, str], dict[str, Any]]  # (what the page sent, the client's address) -> the response


class Component(gr.HTML):
    """A `gr.HTML` made of template.html, style.css and scripts beside the subclass.

    `scripts` names the scripts, here or in `shared/`; they run in this order and in one scope. Gradio scopes the style,
    which starts with `shared/shared.css`, to the component.
    Values may have any type, and handlers validate those that clients send.
    """

    scripts: ClassVar[Sequence[str]] = ("script.js",)

    def __init__(self, value: Any = None, *, functions: Sequence[Query] = (), **options: Any):
        """Create the component with its initial `value`.

        `functions` become server functions, which scripts call as `server.NAME(query)`. `options` are those of
        `gr.HTML`, and values that scripts read from `props`.
        """
        super().__init__(
            value=value,
            html_template=self._read("template.html"),
            css_template=self._read("shared.css") + self._read("style.css"),
            js_on_load="\n".join(self._read(name) for name in self.scripts),
            server_functions=[_server_function(function) for function in functions],
            **options,
        )

    def _read(self, name: str) -> str:
        own = Path(inspect.getfile(type(self))).parent / name
        return (own if own.is_file() else SHARED / name).read_text(encoding="utf-8")


def _server_function(query: Query) -> Callable[[Any, gr.Request], dict[str, Any]]:
    """Wrap a query: Gradio sets attributes of server functions, which bound methods cannot have."""

    def call(sent: Any, request: gr.Request) -> dict[str, Any]:
        return query(sent, client_address(request))

    call.__name__ = query.__name__
    return call
