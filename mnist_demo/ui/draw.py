"""The Draw tab: a pad, a model, and what it reads, while the pen moves. Also the HTTP endpoints that do the same."""

import base64
import binascii
import io
import re
import threading
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from mnist_demo.classifier import BLANK, Classifier, Prediction
from mnist_demo.errors import InputError
from mnist_demo.images import open_picture
from mnist_demo.practice import design_strokes
from mnist_demo.strokes import Strokes
from mnist_demo.ui import figures
from mnist_demo.ui.events import PRIVATE, friendly, session
from mnist_demo.ui.shelf import Shelf
from mnist_demo.ui.sketchpad import Sketchpad

EXAMPLES = ["crossed 7", "flagged 1", "open 4", "curly 2", "curly 9"]  # designs of practice digits
MAX_PICTURE_BYTES = 10 * 2**20  # of a picture sent to /predict_image


@dataclass(frozen=True)
class Handlers:
    """What the Draw tab does with what it is given."""

    shelf: Shelf
    _decoding: threading.Lock = field(default_factory=threading.Lock)  # one large picture in memory at a time

    @friendly
    def read(self, strokes: Any, model: str, request: gr.Request) -> str:
        return figures.answer(self.shelf.find(model, session(request)).predict_strokes(strokes))

    @friendly
    def predict_strokes(self, strokes: list[list[list[float]]], model: str = "") -> dict:
        """Read a digit drawn with a pen. strokes: a list of strokes, each a list of points [x, y], any unit, y down.
        model: one of the names that the page lists, or "" for the default. Gives digit (0 to 9, null for an empty
        drawing), probabilities (ten, for the digits 0 to 9, summing to 1), is_digit (false for what is no single digit,
        if the model can tell), digit_score (0 to 1, on which that rests), is_several (true for several digits side by
        side) and the model's name."""
        classifier = self.shelf.find(model or self.shelf.default())
        return _as_json(classifier, classifier.predict_strokes(strokes))

    @friendly
    def predict_image(self, image: str, model: str = "") -> dict:
        """Read a picture of one digit. image: a picture file (PNG, JPEG, WebP, GIF or BMP, up to 10 MB) as base64 text
        or as a data: URL. model: one of the names that the page lists, or "" for the default. Gives digit (0 to 9,
        null for a picture without ink), probabilities (ten, for the digits 0 to 9, summing to 1), is_digit (false for
        what is no single digit, if the model can tell), digit_score (0 to 1, on which that rests), is_several (true for
        several digits side by side) and the model's name."""
        classifier = self.shelf.find(model or self.shelf.default())
        content = _decode(image)
        with self._decoding:
            return _as_json(classifier, classifier.predict_image(open_picture(io.BytesIO(content))))


def _decode(image: object) -> bytes:
    if not isinstance(image, str):
        raise InputError(f"image must be a picture file as base64 text; got {type(image).__name__}.")
    if len(image) > MAX_PICTURE_BYTES * 4 / 3 + 100:
        raise InputError(f"The picture is too large; at most {MAX_PICTURE_BYTES // 2**20} MB are read.")
    try:
        text = re.sub(r"^data:[^,]{0,100},", "", image, flags=re.IGNORECASE)
        return base64.b64decode("".join(text.split()), validate=True)  # many encoders break lines
    except (binascii.Error, ValueError):
        raise InputError("image must be a picture file as base64 text; this is no base64.") from None


def _as_json(classifier: Classifier, prediction: Prediction) -> dict:
    return {
        "digit": prediction.digit,
        "probabilities": prediction.probabilities,
        "is_digit": prediction.is_digit,
        "digit_score": prediction.digit_score,
        "is_several": prediction.is_several,
        "model": classifier.name,
    }


def _on_pad(strokes: Strokes) -> Strokes:
    """A design, on its field 100 units wide, as the pad would have it drawn: in the middle of its 1000."""
    return [[(150 + 7 * x, 150 + 7 * y) for x, y in stroke] for stroke in strokes]


@dataclass(frozen=True)
class DrawTab:
    """What other parts of the page may tie to."""

    model: gr.Dropdown


def build(shelf: Shelf) -> DrawTab:
    """Lay out the tab and wire it; call inside its gr.Tab."""
    handlers = Handlers(shelf)

    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            pad = Sketchpad(elem_id="pad")
        with gr.Column(scale=6, min_width=300):
            answer = gr.HTML(figures.answer(BLANK), elem_id="answer")
            model = gr.Dropdown(shelf.names(), value=shelf.default() or None, label="Model", elem_id="draw-model")
            examples = [[_on_pad(design_strokes(name))] for name in EXAMPLES]
            gr.Examples(examples, pad, label="Example drawings", example_labels=EXAMPLES, api_visibility="private")

    # Every move of the pen asks; while an answer is on its way only the newest drawing waits.
    live = {"queue": False, "trigger_mode": "always_last"}
    gr.on([pad.change, model.change], handlers.read, [pad, model], answer, **live, **PRIVATE)

    gr.api(handlers.predict_strokes, api_name="predict_strokes", queue=False)
    gr.api(handlers.predict_image, api_name="predict_image", queue=False)
    return DrawTab(model)
