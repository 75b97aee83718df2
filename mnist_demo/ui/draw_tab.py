"""The Draw tab: a pad, a photo, a model and its prediction."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from mnist_demo.classifier import BLANK, Classifier
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
from mnist_demo.ui.predict_route import PREDICT_PATH, predict_route
from mnist_demo.ui.services import Services

EXAMPLES = ["crossed 7", "1 with a long upstroke", "open 4", "curly 2", "curly 9", "0 crossed by a long slash"]
NO_PHOTO = render.prediction(BLANK, blank="No photo yet")


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
                        height="clamp(15rem, 45vw, 25rem)",  # the answer below is in view on a phone
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


def _center_on_pad(strokes: Strokes) -> Strokes:
    """Move a design from its field of 100 units to the middle of the pad, 70% as large as the pad."""
    scale, margin = 0.7 * PAD_SIZE / 100, 0.15 * PAD_SIZE
    return [[(round(margin + scale * x), round(margin + scale * y)) for x, y in stroke] for stroke in strokes]
