"""A pad to draw on with finger, mouse or pen, which asks the server what it is while the pen moves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from anyio import to_thread  # which Gradio brings along, and uses for the same
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mnist_demo.strokes import Strokes

ADDRESS = "/read"  # where the pad asks
_HERE = Path(__file__).parent
_HTML, _CSS, _DRAW, _ASK = (
    (_HERE / name).read_text(encoding="utf-8") for name in ("sketchpad.html", "sketchpad.css", "draw.js", "ask.js")
)


class Sketchpad(gr.HTML):
    """The drawing as strokes, each a list of (x, y) from 0 to 1000 on the pad, y down.

    While one draws, the page asks the server at ADDRESS, see `reading`; the answer becomes the detail of an event
    `answer` on the document. `model` is the key of the model to start with, `examples` are drawings by name, as buttons
    that draw them. The value follows when the pen is lifted.
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


def reading(read: Callable[[Any], dict[str, Any]]) -> Route:
    """What answers the pad: `read` is given {"strokes", "model", "every"}, or whatever else somebody sent as JSON.

    It stands beside Gradio, whose own way to a component's server function takes two thirds as long as reading does.
    """

    async def answer(request: Request) -> JSONResponse:
        try:
            drawing = await request.json()
        except (ValueError, RecursionError):
            return JSONResponse({"error": "A drawing must be sent as JSON."}, 400)
        # To wait for a thread would take a fifth as long as the reading; only what takes long goes there.
        takes_long = isinstance(drawing, dict) and drawing.get("every")
        return JSONResponse(await to_thread.run_sync(read, drawing) if takes_long else read(drawing))

    return Route(ADDRESS, answer, methods=["POST"])
