"""The drawing pad: draw with a finger, mouse or pen; predictions follow while the pen moves."""

from typing import Any

from mnist_demo.preprocess.strokes import Strokes
from mnist_demo.ui.components.base import Component

PAD_SIZE = 1000  # coordinates on the pad run from 0 to this


class Sketchpad(Component):
    """Record a drawing: a list of strokes, each a list of (x, y) from 0 to 1000 on the pad, y down.

    While the pen moves, the page posts the drawing to `predict_path` and dispatches the response as an event
    `prediction` on the document. It holds a verdict, such as "Not a digit?", only once the pen has rested (`judged`).
    The event `listening` requests it again. The value changes at pen-up.
    """

    scripts = ("dom.js", "strokes.js", "predict.js", "script.js")
    # The `js` of events: show the photo's components, and show the pad instead.
    show_photo = "() => Array(2).fill({ __type__: 'update', visible: true })"
    show_pad = "() => { document.getElementById('draw-row').classList.remove('with-photo'); return []; }"

    def __init__(self, *, model: str, examples: dict[str, Strokes], predict_path: str, **options: Any):
        """Create the pad. `model` is the key of the selected model; each drawing in `examples` gets a button."""
        super().__init__(model=model, examples=examples, predict_path=predict_path, **options)

    def preprocess(self, payload: Any) -> Any:
        return payload or []  # handlers validate it: clients can send anything

    def postprocess(self, value: Any) -> Any:
        return [[list(point) for point in stroke] for stroke in value or []]

    def api_info(self) -> dict[str, Any]:
        point = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        return {"type": "array", "items": {"type": "array", "items": point}, "description": "strokes of (x, y), y down"}

    def example_payload(self) -> list:
        return [[[500, 100], [500, 900]]]
