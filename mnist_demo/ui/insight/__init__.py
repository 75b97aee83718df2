"""Why the pad's drawing is read as it is: where the network looked, what is like it, what happens inside, what if."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.strokes import PEN
from mnist_demo.ui.events import server_function

_HERE = Path(__file__).parent
_HTML, _CSS, _JS = ((_HERE / f"insight.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
ASK_AGAIN = 500  # ms between two questions of a page that waits for the nearest digits


class Insight(gr.HTML):
    """Explains the drawing of the pad's event `answer`, while it is open.

    `explain` is a server function that is given {"strokes", "model", "all", "what_if"} and gives what
    `why.Handlers.explain` does.
    """

    def __init__(self, explain: Callable[[Any], dict[str, Any]], **options: Any):
        super().__init__(
            value=None,
            html_template=_HTML,
            css_template=_CSS,
            js_on_load=_JS,
            server_functions=[server_function(explain)],
            pen=PEN,
            ask_again=ASK_AGAIN,
            **options,
        )
