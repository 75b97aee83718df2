"""A pad to draw on with finger, mouse or pen. Its value is the strokes, never a picture."""

from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.strokes import Strokes

_HERE = Path(__file__).parent
_HTML, _CSS, _JS = ((_HERE / f"sketchpad.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))


class Sketchpad(gr.HTML):
    """The drawing as strokes, each a list of (x, y) from 0 to 1000 on the pad, y down; it changes with each move."""

    def __init__(self, value: Strokes | None = None, **options: Any):
        super().__init__(value=value, html_template=_HTML, css_template=_CSS, js_on_load=_JS, **options)

    def preprocess(self, payload: Any) -> Any:
        return payload or []  # the classifier checks strokes, whoever sends them

    def postprocess(self, value: Any) -> Any:
        return [[list(point) for point in stroke] for stroke in value or []]

    def api_info(self) -> dict[str, Any]:
        point = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        return {"type": "array", "items": {"type": "array", "items": point}, "description": "strokes of (x, y), y down"}

    def example_payload(self) -> list:
        return [[[500, 100], [500, 900]]]

    def example_value(self) -> list:
        return self.example_payload()
