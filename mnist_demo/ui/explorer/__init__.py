"""A wall of digits to filter, sort, page through and look at closely, with what a model made of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.selection import PAGE
from mnist_demo.ui.events import server_function

_HERE = Path(__file__).parent
_HTML, _CSS, _JS = (
    (_HERE / name).read_text(encoding="utf-8") for name in ("explorer.html", "explorer.css", "explorer.js")
)
_SAVE = (_HERE.parent / "save.js").read_text(encoding="utf-8")
Handler = Callable[[Any], dict[str, Any]]
ASK_AGAIN = 200  # ms between two questions of a page that waits for what is being made


class Explorer(gr.HTML):
    """Its value is the models to choose from, a list of [name, key].

    What is chosen stands in the page's address. `handlers` are server functions: `look` for a wall, `digit` for
    one digit of it, `wall_file` and `table_file` for downloads; each takes what is chosen, as text by name, and gives
    an object, with "busy" or "error" in place of what cannot be had (yet).
    """

    # As the `js` of an event: looks (again).
    look = "() => { document.dispatchEvent(new Event('browse')); return []; }"

    def __init__(
        self,
        handlers: list[Handler],
        value: list | None = None,
        *,
        model: str = "",
        sets: dict[str, str] | None = None,
        **options: Any,
    ):
        super().__init__(
            value=value,
            html_template=_HTML,
            css_template=_CSS,
            js_on_load=f"{_SAVE}\n{_JS}",
            server_functions=[server_function(handler) for handler in handlers],
            model=model,
            sets=sets or {},
            page_size=PAGE,
            ask_again=ASK_AGAIN,
            **options,
        )

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return [list(choice) for choice in value or []]

    def api_info(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}

    def example_payload(self) -> list:
        return [["sketch", "sketch"]]

    def example_value(self) -> list:
        return self.example_payload()
