"""The HTTP API for programs: two endpoints, which *Use via API* at the foot of the page describes."""

import base64
import binascii
import io
import re
from collections.abc import Callable
from typing import Any

import gradio as gr

from mnist_demo.classifier import Classifier, Prediction
from mnist_demo.errors import InputError
from mnist_demo.preprocess.photo_file import open_photo
from mnist_demo.preprocess.strokes import strokes_to_image
from mnist_demo.server.clients import client_address
from mnist_demo.ui import render
from mnist_demo.ui.handlers import user_errors
from mnist_demo.ui.services import Services

MAX_PHOTO_BYTES = 10 * 2**20  # of a photo sent to /predict_image


class PredictApi:
    """The endpoints /predict_strokes and /predict_image. Their docstrings are their documentation on the page."""

    def __init__(self, services: Services):
        self.models, self.queue = services.models, services.compute_queue

    def add_endpoints(self) -> None:
        """Add the endpoints to the page; call it inside its gr.Blocks."""
        seven = [[[10, 10], [90, 10], [40, 100]]]
        _add_endpoint(self.predict_strokes, "predict_strokes", example=seven)
        _add_endpoint(self.predict_image, "predict_image", example=render.png_url(255 - strokes_to_image(seven)))

    @user_errors
    def predict_strokes(self, strokes: list[list[list[float]]], request: gr.Request, model: str = "") -> dict:
        """Predict a digit drawn with a pen. strokes: a list of strokes, each a list of points [x, y] in any unit, y
        down; a smooth curve joins them, with a corner where a point is repeated. model: a name from the page's list, or
        "" for the default. Returns digit (0 to 9, null for an empty drawing), probabilities (of the digits 0 to 9,
        their sum is 1), is_digit (false if it is not one digit), digit_probability (0 to 1, how likely it is one
        digit), is_multiple (true for several digits side by side) and the model's name."""
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
    return render.prediction(prediction) | {"model": classifier.name}


def _add_endpoint(function: Callable, name: str, example: Any) -> None:
    """Add a function to the HTTP API. *Use via API* shows the `example` of its first parameter, and its defaults."""
    endpoint = gr.api(function, api_name=name, queue=False)
    parameter: Any = gr.context.Context.root_block.blocks[endpoint["inputs"][0]]  # type: ignore[union-attr]
    parameter.example_payload = lambda: example
