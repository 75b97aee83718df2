"""The Draw tab: a pad, a photo, a model and its prediction."""

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from mnist_demo.browser import engine_script
from mnist_demo.classifier import BLANK, Prediction
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.personalize.user_digits import MAX_DIGITS
from mnist_demo.preprocess.images import fit_to_mnist, photo_to_ink
from mnist_demo.preprocess.photo_file import open_photo
from mnist_demo.preprocess.strokes import PEN_WIDTH, Strokes
from mnist_demo.server.clients import client_address
from mnist_demo.ui import render
from mnist_demo.ui.components.base import Query
from mnist_demo.ui.components.explanation import Explanation
from mnist_demo.ui.components.inputs import Choice, PhotoFile
from mnist_demo.ui.components.prediction_panel import PredictionPanel
from mnist_demo.ui.components.sketchpad import PAD_SIZE, Sketchpad
from mnist_demo.ui.handlers import LONG_EVENT, PRIVATE_EVENT, user_errors
from mnist_demo.ui.services import Services
from mnist_demo.ui.weights_route import WeightsFiles

EXAMPLES = ["crossed 7", "1 with a long upstroke", "open 4", "curly 2", "curly 9", "0 crossed by a long slash"]


def _to_value(prediction: Prediction, blank: str) -> dict[str, Any]:
    """Return the value of a prediction panel; `blank` is its note if there is no ink."""
    return render.prediction(prediction) | {"image": render.pixels(prediction.image), "blank": blank}


NO_PHOTO = _to_value(BLANK, blank="No photo yet")


def create_pad(model: str, weights: dict[str, str]) -> Sketchpad:
    """Return the pad. `model` is the key of the selected model, `weights` the addresses of models' files by key."""
    examples = {name: _center_on_pad(design_strokes(name)) for name in EXAMPLES}
    return Sketchpad(model=model, engine=engine_script(), weights=weights, examples=examples, elem_id="pad")


def create_panel(model_count: int) -> PredictionPanel:
    """Return the panel that shows the predictions of the pad's drawings."""
    blank = _to_value(BLANK, blank="Draw a digit")
    return PredictionPanel(
        blank, follows_pad=True, max_digits=MAX_DIGITS, model_count=model_count, elem_id="prediction"
    )


class DrawTab:
    """Predict drawings and photos. `build` lays out the tab."""

    def __init__(self, services: Services):
        self.models = services.models
        self.queue = services.compute_queue
        self.weights = WeightsFiles(services.models)

    def build(self, explain: Query) -> None:
        """Lay out the tab; call it inside its gr.Tab. `explain` is `ExplainPanel.explain`."""
        with gr.Row(equal_height=False, elem_id="draw-row"):
            with gr.Column(min_width=300):
                self.pad = create_pad(self.models.default_key(), self.weights.addresses)
                with gr.Column(visible=False, elem_id="photo") as photo_side:  # created when it is first wanted
                    photo = PhotoFile(
                        sources=["upload", "clipboard", "webcam"],
                        show_label=False,
                        height="clamp(15rem, 45vw, 25rem)",  # the answer below is in view on a phone
                        elem_classes="photo-file",
                    )
                    draw_button = gr.Button("Draw instead", size="sm")
            with gr.Column(min_width=300, elem_id="draw-answer"):
                create_panel(model_count=len(self.models.shared_names()))
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

    @user_errors
    def predict_photo(self, path: str | None, key: str, request: gr.Request) -> dict[str, Any]:
        """Predict a photo file; the result holds the ink that was found in it."""
        if path is None:
            return NO_PHOTO
        with Path(path).open("rb") as file, self.queue.turn(client_address(request)):
            ink = photo_to_ink(open_photo(file))
        classifier, notice = self.models.find_or_default(key)
        prediction = classifier.predict_mnist(fit_to_mnist(ink))
        return _to_value(prediction, blank="No ink was found") | {
            "ink": render.png_url(np.rint(255 * (1 - ink))),
            "votes": render.votes(self.models.predict_with_all(prediction.image, classifier)),
            "notice": notice,
            "model": classifier.name,
        }


def _center_on_pad(strokes: Strokes) -> Strokes:
    """Move a design from its field of 100 units to the middle of the pad, 70% as large as the pad."""
    scale, margin = 0.7 * PAD_SIZE / 100, 0.15 * PAD_SIZE
    return [[(round(margin + scale * x), round(margin + scale * y)) for x, y in stroke] for stroke in strokes]
