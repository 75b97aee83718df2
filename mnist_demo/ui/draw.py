"""The Draw tab: a pad, a picture, a model, and what it reads. Also the HTTP endpoints that do the same."""

import base64
import binascii
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from starlette.routing import Route

from mnist_demo.classifier import BLANK, Classifier, Prediction
from mnist_demo.errors import DemoError, InputError
from mnist_demo.images import fit, open_picture, picture_to_ink
from mnist_demo.practice import design_strokes
from mnist_demo.strokes import Strokes, strokes_to_image
from mnist_demo.ui import figures, why
from mnist_demo.ui.answer import Answer
from mnist_demo.ui.events import PRIVATE, address, friendly
from mnist_demo.ui.insight import Insight
from mnist_demo.ui.line import Line
from mnist_demo.ui.reading import reading
from mnist_demo.ui.shared_data import SharedData
from mnist_demo.ui.shelf import Shelf
from mnist_demo.ui.sketchpad import Sketchpad
from mnist_demo.ui.unchecked import Choice, PictureFile

EXAMPLES = ["crossed 7", "flagged 1", "open 4", "curly 2", "curly 9", "slashed 0"]  # designs of practice digits
NO_PICTURE = figures.answer(BLANK, blank="No picture yet")
MAX_PICTURE_BYTES = 10 * 2**20  # of a picture sent to /predict_image


@dataclass(frozen=True)
class Handlers:
    """What the Draw tab does with what it is given."""

    shelf: Shelf
    line: Line = field(default_factory=Line)  # for what takes long: others draw meanwhile
    _decoding: Line = field(default_factory=lambda: Line(most=10))  # one large picture in memory at a time

    def read(self, drawings: list[Any]) -> list[dict[str, Any]]:
        """What pads ask while people draw, some of them at once. Never raises: {"error": text} tells what cannot be
        read.

        Each drawing: {"strokes": as for `predict_strokes`, "model": a key, "every": whether all models shall answer}.
        Gives for each what `_tell` does.
        """
        answers: list[dict[str, Any]] = [{} for _ in drawings]
        batches: dict[Classifier, list[tuple[int, np.ndarray, str]]] = {}
        for number, drawing in enumerate(drawings):
            try:
                if not isinstance(drawing, dict):
                    kind = type(drawing).__name__
                    raise InputError(f"A drawing must be an object with strokes and model; got {kind}.")
                image = strokes_to_image(drawing.get("strokes"))  # type: ignore[arg-type]  # it checks
                classifier, notice = self.shelf.find_or_default(drawing.get("model"))
                batches.setdefault(classifier, []).append((number, image, notice))
            except DemoError as error:
                answers[number] = {"error": str(error)}
        for classifier, batch in batches.items():
            try:
                predictions = classifier.predict_batch([image for _, image, _ in batch])
            except DemoError as error:
                for number, _, _ in batch:
                    answers[number] = {"error": str(error)}
                continue
            for (number, _, notice), prediction in zip(batch, predictions, strict=True):
                every = bool(drawings[number].get("every"))
                answers[number] = self._tell(classifier, prediction, every) | {"notice": notice}
        return answers

    @friendly
    def read_picture(self, path: str | None, key: str, request: gr.Request) -> dict[str, Any]:
        """The answer for a picture file, with the ink that was found in it."""
        if path is None:
            return NO_PICTURE
        with Path(path).open("rb") as file, self._decoding.take(address(request)):
            ink = picture_to_ink(open_picture(file))
        classifier, notice = self.shelf.find_or_default(key)
        answer = self._tell(classifier, classifier.predict_prepared(fit(ink)), every=True, blank="No ink was found")
        return answer | {"notice": notice, "ink": figures.png_url(np.rint(255 * (1 - ink)))}

    def _tell(self, classifier: Classifier, prediction: Prediction, every: bool, **remarks: str) -> dict[str, Any]:
        """What `figures.answer` gives, the model's name, and on demand what every model says."""
        answer = figures.answer(prediction, **remarks) | {"model": classifier.name}
        if every:
            asked = list(dict.fromkeys([*self.shelf.all_shipped(), classifier]))  # which may be a visitor's own
            answer["models"] = [figures.verdict(one.name, one.predict_prepared(prediction.image)) for one in asked]
        return answer

    @friendly
    def predict_strokes(self, strokes: list[list[list[float]]], request: gr.Request, model: str = "") -> dict:
        """Read a digit drawn with a pen. strokes: a list of strokes, each a list of points [x, y], any unit, y down.
        model: one of the names that the page lists, or "" for the default. Gives digit (0 to 9, null for an empty
        drawing), probabilities (ten, for the digits 0 to 9, summing to 1), is_digit (false for what is no single digit,
        if the model can tell), digit_score (0 to 1, on which that rests), is_several (true for several digits side by
        side) and the model's name."""
        classifier = self.shelf.find(model or self.shelf.default())
        with self.line.take(address(request)):
            return _as_json(classifier, classifier.predict_strokes(strokes))

    @friendly
    def predict_image(self, image: str, request: gr.Request, model: str = "") -> dict:
        """Read a picture of one digit. image: a picture file (PNG, JPEG, WebP, GIF or BMP, up to 10 MB) as base64 text
        or as a data: URL. model: one of the names that the page lists, or "" for the default. Gives digit (0 to 9,
        null for a picture without ink), probabilities (ten, for the digits 0 to 9, summing to 1), is_digit (false for
        what is no single digit, if the model can tell), digit_score (0 to 1, on which that rests), is_several (true for
        several digits side by side) and the model's name."""
        classifier = self.shelf.find(model or self.shelf.default())
        with self._decoding.take(address(request)):
            return _as_json(classifier, classifier.predict_image(open_picture(io.BytesIO(_decode(image)))))


def _decode(image: object) -> bytes:
    if not isinstance(image, str):
        raise InputError(f"image must be a picture file as base64 text; got {type(image).__name__}.")
    if len(image) > MAX_PICTURE_BYTES * 4 / 3 + 100:
        raise InputError(f"The picture is too large; at most {MAX_PICTURE_BYTES // 2**20} MB are read.")
    try:
        text = re.sub(r"^data:[^,]{0,100},", "", image, flags=re.IGNORECASE)
        return base64.b64decode(text.encode().translate(None, b" \t\r\n"), validate=True)  # many encoders break lines
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
    return [[(round(150 + 7 * x), round(150 + 7 * y)) for x, y in stroke] for stroke in strokes]


@dataclass(frozen=True)
class DrawTab:
    """What other parts of the page may tie to."""

    pad: Sketchpad
    model: gr.Dropdown
    reading: Route  # what answers the pad


def build(shelf: Shelf, data: SharedData) -> DrawTab:
    """Lay out the tab and wire it; call inside its gr.Tab."""
    handlers = Handlers(shelf)

    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            examples = {name: _on_pad(design_strokes(name)) for name in EXAMPLES}
            pad = Sketchpad(model=shelf.default(), examples=examples, elem_id="pad")
        with gr.Column(scale=6, min_width=300):
            Answer(figures.answer(BLANK), pad=True, elem_id="answer")
            model = Choice(shelf.choices(), value=shelf.default() or None, label="Model", elem_id="draw-model")
    Insight(why.Handlers(shelf, data).explain, elem_id="why")
    with gr.Accordion("A picture instead", open=False, elem_id="picture"), gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            picture = PictureFile(sources=["upload", "clipboard", "webcam"], show_label=False, height=320)
        with gr.Column(scale=6, min_width=300):
            picture_answer = Answer(NO_PICTURE, elem_id="picture-answer")

    model.change(None, model, None, js=pad.choose_model)
    pictured: dict[str, Any] = {"fn": handlers.read_picture, "inputs": [picture, model], "outputs": picture_answer}
    pictured |= {"trigger_mode": "always_last", "concurrency_limit": None, **PRIVATE}  # they have a line of their own
    picture.change(**pictured)
    model.change(**pictured)

    gr.api(handlers.predict_strokes, api_name="predict_strokes", queue=False)
    gr.api(handlers.predict_image, api_name="predict_image", queue=False)
    return DrawTab(pad, model, reading(handlers.read, handlers.line))
