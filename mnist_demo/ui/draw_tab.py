"""The Draw tab: a pad, a photo, a model and its prediction. Also the HTTP API for programs."""

import base64
import binascii
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from mnist_demo.classifier import BLANK, Classifier, Prediction
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.errors import DemoError, InputError
from mnist_demo.personalize.user_digits import MAX_DIGITS
from mnist_demo.preprocess.images import fit_to_mnist, photo_to_ink
from mnist_demo.preprocess.photo_file import open_photo
from mnist_demo.preprocess.strokes import PEN_WIDTH, Strokes, strokes_to_image
from mnist_demo.server.clients import client_address
from mnist_demo.ui import render
from mnist_demo.ui.components.base import Query
from mnist_demo.ui.components.explanation import Explanation
from mnist_demo.ui.components.inputs import Choice, PhotoFile
from mnist_demo.ui.components.prediction_panel import PredictionPanel
from mnist_demo.ui.components.sketchpad import PAD_SIZE, Sketchpad
from mnist_demo.ui.handlers import LONG_EVENT, PRIVATE_EVENT, user_errors
from mnist_demo.ui.predict_api import PREDICT_PATH, predict_route
from mnist_demo.ui.services import Services

EXAMPLES = ["crossed 7", "flagged 1", "open 4", "curly 2", "curly 9", "slashed 0"]  # designs of synthetic digits
NO_PHOTO = render.prediction(BLANK, blank="No photo yet")
MAX_PHOTO_BYTES = 10 * 2**20  # of a photo sent to /predict_image


class DrawTab:
    """Predict drawings and photos. `build` lays out the tab."""

    def __init__(self, services: Services):
        self.models = services.models
        self.queue = services.compute_queue
        self.route = predict_route(self.predict, self.queue)

    def build(self, explain: Query) -> None:
        """Lay out the tab; call it inside its gr.Tab. `explain` is `ExplainPanel.explain`."""
        with gr.Row(equal_height=False, elem_id="draw-row"):
            with gr.Column(min_width=300):
                examples = {name: _center_on_pad(design_strokes(name)) for name in EXAMPLES}
                self.pad = Sketchpad(
                    model=self.models.default_key(), examples=examples, predict_path=PREDICT_PATH, elem_id="pad"
                )
                with gr.Column(visible=False, elem_id="photo") as photo_side:  # created when it is first wanted
                    photo = PhotoFile(
                        sources=["upload", "clipboard", "webcam"],
                        show_label=False,
                        height="25rem",
                        elem_classes="photo-file",
                    )
                    draw_button = gr.Button("Draw instead", size="sm")
            with gr.Column(min_width=300, elem_id="draw-answer"):
                PredictionPanel(
                    render.prediction(BLANK),
                    follows_pad=True,
                    max_digits=MAX_DIGITS,
                    model_count=len(self.models.shared_names()),
                    elem_id="prediction",
                )
                photo_prediction = PredictionPanel(
                    NO_PHOTO, visible=False, follows_pad=False, model_count=0, elem_id="photo-prediction"
                )
                choices, default = self.models.described_choices(), self.models.default_key() or None
                self.model = Choice(choices, value=default, label="Model", elem_id="draw-model")
        Explanation(functions=[explain], pen_width=PEN_WIDTH, elem_id="explanation")

        self.pad.upload(None, None, [photo_side, photo_prediction], js="showPhoto", **PRIVATE_EVENT)
        draw_button.click(None, js="showPad", **PRIVATE_EVENT)
        gr.on(
            [photo.change, self.model.change],
            self.predict_photo,
            [photo, self.model],
            photo_prediction,
            trigger_mode="always_last",
            **LONG_EVENT,
        )
        seven = [[[10, 10], [90, 10], [40, 100]]]
        _add_endpoint(self.predict_strokes, "predict_strokes", example=seven)
        _add_endpoint(self.predict_image, "predict_image", example=render.png_url(255 - strokes_to_image(seven)))

    def predict(self, drawings: Sequence[Any]) -> list[dict[str, Any]]:
        """Predict drawings of pads, several at once. Never raise: {"error": text} explains a bad drawing.

        Each drawing is {"strokes": as for `predict_strokes`, "model": key}.
        """
        responses: list[dict[str, Any]] = [{} for _ in drawings]
        batches: dict[Classifier, dict[int, np.ndarray]] = {}  # images by index
        for i, drawing in enumerate(drawings):
            try:
                if not isinstance(drawing, dict):
                    raise InputError(
                        f"A drawing must be an object with strokes and model; got {type(drawing).__name__}."
                    )
                image = strokes_to_image(drawing.get("strokes"))  # type: ignore[arg-type]  # it validates
                classifier, notice = self.models.find_or_default(drawing.get("model"))
                batches.setdefault(classifier, {})[i] = image
                responses[i] = {"model": classifier.name, "notice": notice}
            except DemoError as error:
                responses[i] = {"error": str(error)}
        for classifier, images in batches.items():
            try:
                for i, prediction in zip(images, classifier.predict_batch(list(images.values())), strict=True):
                    responses[i] |= render.prediction(prediction)
            except DemoError as error:
                for i in images:
                    responses[i] = {"error": str(error)}
        return responses

    @user_errors
    def predict_photo(self, path: str | None, key: str, request: gr.Request) -> dict[str, Any]:
        """Predict a photo file; the result holds the ink that was found in it."""
        if path is None:
            return NO_PHOTO
        with Path(path).open("rb") as file, self.queue.turn(client_address(request)):
            ink = photo_to_ink(open_photo(file))
        classifier, notice = self.models.find_or_default(key)
        prediction = classifier.predict_mnist(fit_to_mnist(ink))
        return render.prediction(prediction, blank="No ink was found") | {
            "ink": render.png_url(np.rint(255 * (1 - ink))),
            "votes": render.votes(self.models.predict_with_all(prediction.image, classifier)),
            "notice": notice,
            "model": classifier.name,
        }

    @user_errors
    def predict_strokes(self, strokes: list[list[list[float]]], request: gr.Request, model: str = "") -> dict:
        """Predict a digit drawn with a pen. strokes: a list of strokes, each a list of points [x, y] in any unit, y
        down. model: a name from the page's list, or "" for the default. Returns digit (0 to 9, null for an empty
        drawing), probabilities (of the digits 0 to 9, their sum is 1), is_digit (false if it is not one digit),
        digit_probability (0 to 1, how likely it is one digit), is_multiple (true for several digits side by side) and
        the model's name."""
        classifier = self.models.find(model or self.models.default_key())
        with self.queue.turn(client_address(request)):
            return _to_json(classifier, classifier.predict_strokes(strokes))

    @user_errors
    def predict_image(self, image: str, request: gr.Request, model: str = "") -> dict:
        """Predict a photo of one digit. image: an image file (PNG, JPEG, WebP, GIF or BMP, up to 10 MB) as base64 text
        or a data: URL. model: a name from the page's list, or "" for the default. Returns digit (0 to 9, null for a
        photo without ink), probabilities (of the digits 0 to 9, their sum is 1), is_digit (false if it is not one
        digit), digit_probability (0 to 1, how likely it is one digit), is_multiple (true for several digits side by
        side) and the model's name."""
        classifier = self.models.find(model or self.models.default_key())
        with self.queue.turn(client_address(request)):
            return _to_json(classifier, classifier.predict_image(open_photo(io.BytesIO(_decode_base64(image)))))


def _decode_base64(image: object) -> bytes:
    if not isinstance(image, str):
        raise InputError(f"image must be an image file as base64 text; got {type(image).__name__}.")
    if len(image) > MAX_PHOTO_BYTES * 4 / 3 + 100:
        raise InputError(f"The image is too large; the limit is {MAX_PHOTO_BYTES // 2**20} MB.")
    try:
        text = re.sub(r"^data:[^,]{0,100},", "", image, flags=re.IGNORECASE)
        return base64.b64decode(text.encode().translate(None, b" \t\r\n"), validate=True)  # many encoders break lines
    except (binascii.Error, ValueError):
        raise InputError("image must be an image file as base64 text; this is not base64.") from None


def _to_json(classifier: Classifier, prediction: Prediction) -> dict[str, Any]:
    return {
        "digit": prediction.digit,
        "probabilities": prediction.probabilities,
        "is_digit": prediction.is_digit,
        "digit_probability": prediction.digit_probability,
        "is_multiple": prediction.is_multiple,
        "model": classifier.name,
    }


def _add_endpoint(function: Callable, name: str, example: Any) -> None:
    """Add a function to the HTTP API. *Use via API* shows the `example` of its first parameter, and its defaults."""
    endpoint = gr.api(function, api_name=name, queue=False)
    parameter: Any = gr.context.Context.root_block.blocks[endpoint["inputs"][0]]  # type: ignore[union-attr]
    parameter.example_payload = lambda: example


def _center_on_pad(strokes: Strokes) -> Strokes:
    """Move a design from its field of 100 units to the middle of the pad, 70% as large as the pad."""
    scale, margin = 0.7 * PAD_SIZE / 100, 0.15 * PAD_SIZE
    return [[(round(margin + scale * x), round(margin + scale * y)) for x, y in stroke] for stroke in strokes]
