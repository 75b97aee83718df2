"""The explanation of a drawing's prediction: heat maps, nearest training digits, activations, what-if variants."""

from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from cachetools import LRUCache

from mnist_demo.classifier import Classifier, Prediction
from mnist_demo.data import Dataset
from mnist_demo.devices import CPU_COUNT, run_on_all_cores
from mnist_demo.errors import DemoError, InputError
from mnist_demo.explain.activations import compute_activations
from mnist_demo.explain.attribution import attribute
from mnist_demo.explain.neighbors import NeighborIndex, build_neighbor_index
from mnist_demo.preprocess.strokes import PEN_WIDTH, strokes_to_image
from mnist_demo.ui import render
from mnist_demo.ui.components.sketchpad import PAD_SIZE
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.result_cache import NotReady, Report, ResultCache

MAX_INDEXES = 3  # models whose index of training digits is kept, 16 MB each
COLUMNS = 16  # units in a row of an activation sprite


@dataclass(eq=False)
class _IndexOwner:
    """Keeps a model's index in the result cache for as long as it lives."""


class ExplainPanel:
    """Explain the predictions of drawings."""

    def __init__(self, services: Services):
        self.models, self.datasets, self.queue = services.models, services.datasets, services.compute_queue
        self._indexes = ResultCache()  # its own, as an index takes up to half a minute
        self._owners: WeakValueDictionary[Classifier, _IndexOwner] = WeakValueDictionary()
        self._recent: LRUCache[Classifier, _IndexOwner] = LRUCache(MAX_INDEXES)  # keeps the indexes used last
        self._lock = Lock()

    def explain(self, query: Any, client: str) -> dict[str, Any]:
        """Explain a drawing's prediction. Never raise: {"error": text} explains a bad query.

        query: {"strokes", "model": key, "what_if": {"rotation", "pen_width", "centered"}, "all": bool}. Return {} for a
        blank drawing. Otherwise return "ink", "maps" of the two likeliest digits and "variants" of the drawing. With
        "all", add "nearest" training digits, which may be "busy", and the "layers".
        """
        try:
            if not isinstance(query, dict):
                raise InputError(f"A query must be an object with strokes and model; got {type(query).__name__}.")
            with self.queue.turn(client):
                strokes = query.get("strokes")
                image = strokes_to_image(strokes)  # type: ignore[arg-type]  # it validates
                if not image.any():
                    return {}
                changed = _change_drawing(strokes, query.get("what_if"))
                classifier, _ = self.models.find_or_default(query.get("model"))
                prediction, other = classifier.predict_batch([image, changed])
                explanation = _render_maps(classifier, prediction)
                explanation["variants"] = [_render_variant("as drawn", prediction), _render_variant("changed", other)]
                if query.get("all"):
                    explanation["nearest"] = self._find_nearest(classifier, prediction, client)
                    explanation["layers"] = _render_layers(classifier, image)
                return explanation
        except DemoError as error:
            return {"error": str(error)}

    def _find_nearest(self, classifier: Classifier, prediction: Prediction, client: str) -> dict[str, Any]:
        """Return the training digits nearest to the drawing, or the status of their index."""
        if status := next(self.datasets.load(), ""):
            return {"busy": status}
        data = self.datasets.get()
        try:
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
        where = "in its last hidden layer" if index.projection or index.vectors.shape[1] < 784 else "in its pixels"
        caption = f"The nearest of {len(data.train):,} {data.name} training digits, compared {where}."
        return {"caption": caption, "digits": digits}

    def _get_index(self, classifier: Classifier, data: Dataset, client: str) -> NeighborIndex:
        """Return the model's index. Raise NotReady until it is built."""
        with self._lock:
            owner = self._owners.setdefault(classifier, _IndexOwner())

        def keep() -> None:
            with self._lock:
                self._recent[classifier] = owner

        def build(report: Report) -> NeighborIndex:
            def show_progress(fraction: float) -> None:
                report(f"Indexing {len(data.train):,} training digits, {fraction:.0%}…")

            index = run_on_all_cores(
                lambda: build_neighbor_index(classifier.model, data.train, show_progress, workers=CPU_COUNT)  # type: ignore[arg-type]
            )
            keep()  # not before: indexes that are waited for would displace each other, and no client would get one
            return index

        index = self._indexes.get(owner, data.checksum, build, "Indexing the training digits…", client)
        keep()
        return index


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


def _render_maps(classifier: Classifier, prediction: Prediction) -> dict[str, Any]:
    digits = np.argsort(prediction.probabilities)[::-1][:2].tolist()
    maps = attribute(classifier.model, prediction.image, digits)
    scale = float(np.abs(maps).max()) or 1.0  # the same for both, so that they can be compared
    return {
        "ink": render.sprite(prediction.image[None], 1),
        "maps": [
            {
                "digit": digit,
                "percentage": f"{100 * prediction.probabilities[digit]:.1f} %",
                "heat": render.heat_map(one[None], 1, scale),
            }
            for digit, one in zip(digits, maps, strict=True)
        ],
    }


def _render_variant(name: str, prediction: Prediction) -> dict[str, Any]:
    return render.model_vote(name, prediction) | {
        "name": name,
        "image": render.sprite(prediction.image[None], 1),
        "is_digit": prediction.is_digit,
    }


def _render_layers(classifier: Classifier, image: np.ndarray) -> list[dict[str, Any]]:
    layers = []
    for layer in compute_activations(classifier.model, image):  # type: ignore[arg-type]  # all are Sequential
        if layer.signed:
            sprite = render.heat_map(layer.pictures, COLUMNS)
            labels = [f"{unit}: {value:.1f}" for unit, value in zip(layer.units, layer.values, strict=True)]
        else:
            strongest = max(float(layer.pictures.max()), 1e-12)
            sprite = render.sprite(np.rint(layer.pictures * (255 / strongest)).astype(np.uint8), COLUMNS)
            labels = ["" for _ in layer.units]
        layers.append(
            {"caption": layer.caption, "sprite": sprite, "columns": COLUMNS, "labels": labels, "is_heat": layer.signed}
        )
    return layers
