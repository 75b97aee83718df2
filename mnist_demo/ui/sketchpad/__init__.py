"""A pad to draw on with finger, mouse or pen, which asks the server what it is while the pen moves."""

from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.strokes import Strokes
from mnist_demo.ui.reading import ADDRESS

_HERE = Path(__file__).parent
_HTML, _CSS, _DRAW, _ASK = (
    (_HERE / name).read_text(encoding="utf-8") for name in ("sketchpad.html", "sketchpad.css", "draw.js", "ask.js")
)


class Sketchpad(gr.HTML):
    """The drawing as strokes, each a list of (x, y) from 0 to 1000 on the pad, y down.

    While one draws, the page asks the server, see reading.py; the answer becomes the detail of an event
    `answer` on the document, once more where somebody sends an event `listening`. `model` is the key of the model to
    start with, `examples` are drawings by name, as buttons that draw them. The value follows when the pen is lifted.
    """

    # As the `js` of an event: tells the pad which model shall answer.
    choose_model = "key => { document.dispatchEvent(new CustomEvent('model', { detail: key })); return [key]; }"

    def __init__(
        self,
        value: Strokes | None = None,
        *,
        model: str = "",
        examples: dict[str, Strokes] | None = None,
        **options: Any,
    ):
        super().__init__(
            value=value,
            html_template=_HTML,
            css_template=_CSS,
            js_on_load=f"{_DRAW}\n{_ASK}",
            address=ADDRESS,
            model=model,
            examples=examples or {},
            **options,
        )

    def preprocess(self, payload: Any) -> Any:
        return payload or []  # who uses strokes checks them, whoever sends them

    def postprocess(self, value: Any) -> Any:
        return [[list(point) for point in stroke] for stroke in value or []]

    def api_info(self) -> dict[str, Any]:
        point = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        return {"type": "array", "items": {"type": "array", "items": point}, "description": "strokes of (x, y), y down"}

    def example_payload(self) -> list:
        return [[[500, 100], [500, 900]]]

    def example_value(self) -> list:
        return self.example_payload()
