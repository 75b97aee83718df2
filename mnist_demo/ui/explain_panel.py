"""The explanation of a drawing's prediction: heat maps, nearest training digits, activations, what-if variants."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mnist_demo.classifier import Classifier, Prediction
from mnist_demo.data import Dataset
from mnist_demo.devices import CPU_COUNT, run_on_all_cores
from mnist_demo.errors import InputError
from mnist_demo.explain.activations import compute_activations
from mnist_demo.explain.attribution import attribute
from mnist_demo.explain.neighbors import NeighborIndex, build_neighbor_index
from mnist_demo.preprocess.strokes import PEN_WIDTH, strokes_to_image
from mnist_demo.ui import render
from mnist_demo.ui.components.sketchpad import PAD_SIZE
from mnist_demo.ui.handlers import query_errors
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.result_cache import NotReady, Report, ResultCache

MAX_INDEXES = 3  # models whose index of training digits is kept, 16 MB each
MIN_PROBABILITY = 0.01  # of a second digit that is explained
COLUMNS = 16  # units in a row of an activation sprite


class ExplainPanel:
    """Explain the predictions of drawings."""

    def __init__(self, services: Services):
        self.models, self.datasets, self.queue = services.models, services.datasets, services.compute_queue
        self._indexes = ResultCache(max_owners=MAX_INDEXES)  # its own, as an index takes up to half a minute

    @query_errors
    def explain(self, query: Any, client: str) -> dict[str, Any]:
        """Explain a drawing's prediction. Never raise: {"error": text} explains a bad query.

        query: {"strokes", "model": key, "what_if": {"rotation", "pen_width", "centered"}, "parts": names}. Return those
        of the parts: "heat_maps" of the likeliest digits, "nearest" training digits, which may be "busy", "units",
        "variants" of the drawing, and the "network"; for a blank drawing, only the last.
        """
        if not isinstance(query, dict):
            raise InputError(f"A query must be an object with strokes and model; got {type(query).__name__}.")
        parts = query["parts"] if isinstance(query.get("parts"), list) else []
        with self.queue.turn(client):
            strokes = query.get("strokes")
            image = strokes_to_image(strokes)  # type: ignore[arg-type]  # it validates
            classifier = self.models.find(query.get("model") or self.models.default_key())
            prediction = classifier.predict_mnist(image)
            renderers: dict[str, Callable[[], Any]] = {
                "network": lambda: render.network_boxes(classifier.model),  # type: ignore[arg-type]
                "heat_maps": lambda: _render_heat_maps(classifier, prediction),
                "nearest": lambda: self._find_nearest(classifier, prediction, client),
                "units": lambda: _render_units(classifier, image),
                "variants": lambda: _render_variants(classifier, prediction, strokes, query.get("what_if")),
            }
            possible = renderers if image.any() else ["network"]
            return {name: renderers[name]() for name in possible if name in parts}

    def _find_nearest(self, classifier: Classifier, prediction: Prediction, client: str) -> dict[str, Any]:
        """Return the training digits nearest to the drawing, or the status of their index."""
        try:
            data = self.datasets.poll()
            index = self._get_index(classifier, data, client)
        except NotReady as not_ready:
            return {"busy": str(not_ready)}
        rows, _ = index.nearest(classifier.model, prediction.image)  # type: ignore[arg-type]  # all are Sequential
        digits = [
            {
                "label": int(data.train.labels[row]),
                "image": render.sprite(data.train.images[row].numpy(), 1),
                "differs": int(data.train.labels[row]) != prediction.digit,
            }
            for row in rows
        ]
        caption = f"The {len(digits)} of {len(data.train):,} training digits that look most alike to this model"
        return {"caption": caption, "digits": digits}

    def _get_index(self, classifier: Classifier, data: Dataset, client: str) -> NeighborIndex:
        """Return the model's index. Raise NotReady until it is built."""

        def build(report: Report) -> NeighborIndex:
            def show_progress(fraction: float) -> None:
                report(f"Indexing {len(data.train):,} training digits, {fraction:.0%}…")

            return run_on_all_cores(
                lambda: build_neighbor_index(classifier.model, data.train, show_progress, workers=CPU_COUNT)  # type: ignore[arg-type]
            )

        return self._indexes.get(classifier, data.checksum, build, "Indexing the training digits…", client)


def _change_drawing(strokes: Any, what_if: Any) -> np.ndarray:
    """Return the image of the drawing with the changes of `what_if`. Raise InputError for a bad value."""
    values = what_if if isinstance(what_if, dict) else {}
    rotation, pen_width = values.get("rotation", 0.0), values.get("pen_width", PEN_WIDTH)
    for name, value in (("rotation", rotation), ("pen_width", pen_width)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name} must be a number; got {type(value).__name__}.")
        if abs(value) > 1e9:  # an integer may be too long to print
            raise InputError(f"{name} is out of range.")
    pad_size = None if values.get("centered", True) else PAD_SIZE
    return strokes_to_image(strokes, rotation=rotation, pen_width=pen_width, pad_size=pad_size)


def _render_heat_maps(classifier: Classifier, prediction: Prediction) -> list[dict[str, Any]]:
    first, second = np.argsort(prediction.probabilities)[::-1][:2].tolist()
    is_likely = prediction.digit_probability * prediction.probabilities[second] >= MIN_PROBABILITY
    digits = [first, *([second] if is_likely else [])]
    maps = attribute(classifier.model, prediction.image, digits)
    scale = float(np.abs(maps).max()) or 1.0  # the same for both, so that they can be compared
    return [
        {"digit": digit, "ink": render.sprite(prediction.image[None], 1), "heat": render.heat_map(one[None], 1, scale)}
        for digit, one in zip(digits, maps, strict=True)
    ]


def _render_variants(classifier: Classifier, prediction: Prediction, strokes: Any, what_if: Any) -> list[dict]:
    changed = classifier.predict_mnist(_change_drawing(strokes, what_if))
    return [
        {"name": name, "image": render.sprite(each.image[None], 1), "prediction": render.prediction(each)}
        for name, each in (("as drawn", prediction), ("changed", changed))
    ]


def _render_units(classifier: Classifier, image: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            "caption": layer.caption,
            "sprite": render.heat_map(layer.pictures, COLUMNS),
            "columns": COLUMNS,
            "labels": [f"{unit}: {value:.1f}" for unit, value in zip(layer.units, layer.values, strict=True)],
        }
        for layer in compute_activations(classifier.model, image)  # type: ignore[arg-type]  # all are Sequential
    ]
