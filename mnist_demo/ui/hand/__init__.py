"""A visitor's own digits, kept by the browser, and what is told while a network learns them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.my_digits import FORMAT, MAX_BYTES, MAX_DIGITS, VERSION
from mnist_demo.ui.events import server_function

_HERE = Path(__file__).parent
_HTML, _CSS, _JS = ((_HERE / f"hand.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
_MINE, _SAVE, _CHART = ((_HERE.parent / f"{name}.js").read_text(encoding="utf-8") for name in ("mine", "save", "chart"))


class Hand(gr.HTML):
    """Its value is a teaching as `teach.Handlers` tells of it; the digits themselves are the browser's.

    `check` is a server function that is given {"content"} of a file and gives {"digits"} or {"error"}. Fires `submit`
    with {"content"} where the digits are to be learned, `clear` where that is to stop, and `select` with {"key"} where
    what came of it is to be used in Draw.
    """

    def __init__(self, check: Callable[[Any], dict[str, Any]], **options: Any):
        super().__init__(
            value=None,
            html_template=_HTML,
            css_template=_CSS,
            js_on_load="\n".join([_MINE, _SAVE, _CHART, _JS]),
            server_functions=[server_function(check)],
            file_head={"format": FORMAT, "version": VERSION},
            most=MAX_DIGITS,
            most_bytes=MAX_BYTES,
            **options,
        )
