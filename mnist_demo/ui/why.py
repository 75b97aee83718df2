"""What the page tells of why a drawing is read as it is."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mnist_demo.classifier import Classifier, Prediction
from mnist_demo.data import Data
from mnist_demo.errors import DemoError, InputError
from mnist_demo.explain import attribute
from mnist_demo.hardware import ALL_CORES, on_all_cores
from mnist_demo.layers import look_inside
from mnist_demo.neighbours import Features, compute_features
from mnist_demo.strokes import PEN, strokes_to_image
from mnist_demo.ui import figures
from mnist_demo.ui.background import Background, Busy, Report
from mnist_demo.ui.events import asker
from mnist_demo.ui.line import Line
from mnist_demo.ui.shared_data import SharedData
from mnist_demo.ui.shelf import Shelf

PAD = 1000.0  # the pad's side, in the unit of its strokes
FEATURES_KEPT = 3  # networks whose training digits' features are kept, 16 MB each
COLUMNS = 16  # pictures in a row of a layer's


@dataclass(frozen=True)
class Handlers:
    """What the page asks about a drawing."""

    shelf: Shelf
    data: SharedData
    _used: OrderedDict[Classifier, None] = field(default_factory=OrderedDict)  # whose features are kept, last used last
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _line: Line = field(default_factory=Line)  # one explanation at a time: people draw meanwhile
    _background: Background = field(default_factory=Background)

    def explain(self, query: Any) -> dict[str, Any]:
        """Why a drawing is read as it is. Never raises: {"error": text} tells what cannot be.

        query: {"strokes", "model": a key, "what_if": {"turn", "pen", "centred"}, "all": whether all is wanted, or only
        what is cheap}. Gives nothing for a blank, else "ink" and "maps" of where the network looked for the likeliest
        two digits, "variants" of the drawing and, where all is wanted, "nearest" training digits, which may be "busy",
        and "layers".
        """
        try:
            if not isinstance(query, dict):
                raise InputError(f"A question must be an object with strokes and model; got {type(query).__name__}.")
            with self._line.take(asker.get()):
                strokes, what_if = query.get("strokes"), query.get("what_if") or {}
                image = strokes_to_image(strokes)  # type: ignore[arg-type]  # it checks
                if not image.any():
                    return {}
                changed = _vary(strokes, what_if)
                classifier, _ = self.shelf.find_or_default(query.get("model"))
                return self._explain(classifier, image, changed, bool(query.get("all")))
        except DemoError as error:
            return {"error": str(error)}

    def _explain(self, classifier: Classifier, image: np.ndarray, changed: np.ndarray, every: bool) -> dict[str, Any]:
        prediction, other = classifier.predict_batch([image, changed])
        variants = [_variant("as drawn", prediction), _variant("changed", other)]
        explained = _show_maps(classifier, prediction) | {"variants": variants}
        if every:
            explained |= {"nearest": self._nearest(classifier, prediction), "layers": _show_layers(classifier, image)}
        return explained

    def _nearest(self, classifier: Classifier, prediction: Prediction) -> dict[str, Any]:
        """The training digits nearest to the drawing, or how far looking at them is."""
        if status := next(self.data.follow(), ""):
            return {"busy": status}
        data = self.data.get()
        try:
            features = self._features(classifier, data)
        except Busy as busy:
            return {"busy": str(busy)}
        rows, _ = features.nearest(classifier.model, prediction.image)  # type: ignore[arg-type]  # all are Sequential
        digits = [
            {
                "label": int(data.train.labels[row]),
                "image": figures.sprite(data.train.images[row].numpy(), 1),
                "differs": int(data.train.labels[row]) != prediction.digit,
            }
            for row in rows
        ]
        where = (
            "in its last hidden layer" if features.projection or features.vectors.shape[1] < 784 else "in its pixels"
        )
        caption = f"Of {len(data.train):,} {data.name} training digits, these are likest {where} to your drawing."
        return {"caption": caption, "digits": digits}

    def _features(self, classifier: Classifier, data: Data) -> Features:
        """Kept for the networks whose features were used last. Raises Busy until they are there."""

        def make(report: Report) -> Features:
            def tell(share: float) -> None:
                report(f"Looking at {len(data.train):,} training digits, {share:.0%}…")

            features = on_all_cores(lambda: compute_features(classifier.model, data.train, tell, workers=ALL_CORES))  # type: ignore[arg-type]
            self._note_use(classifier)
            return features

        features = self._background.get(classifier, data.checksum, make, "Looking at the training digits…", asker.get())
        self._note_use(classifier)
        return features

    def _note_use(self, classifier: Classifier) -> None:
        """Of a network whose features are there."""
        with self._lock:
            self._used[classifier] = None
            self._used.move_to_end(classifier)
            forgotten = [self._used.popitem(last=False)[0] for _ in range(len(self._used) - FEATURES_KEPT)]
        for other in forgotten:
            self._background.forget(other)


def _vary(strokes: Any, what_if: Any) -> np.ndarray:
    """The drawing as it would be. Raises InputError for values that are none, or out of range."""
    values = what_if if isinstance(what_if, dict) else {}
    turn, pen = values.get("turn", 0.0), values.get("pen", PEN)
    for name, value in (("turn", turn), ("pen", pen)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name} must be a number; got {type(value).__name__}.")
        if abs(value) > 1e9:  # a whole number may be too large to be told
            raise InputError(f"{name} is a number far off.")
    field = None if values.get("centred", True) else PAD
    return strokes_to_image(strokes, turn=turn, pen=pen, field=field)


def _show_maps(classifier: Classifier, prediction: Prediction) -> dict[str, Any]:
    digits = np.argsort(prediction.probabilities)[::-1][:2].tolist()
    maps = attribute(classifier.model, prediction.image, digits)
    scale = float(np.abs(maps).max()) or 1.0  # the same for both, so that they can be compared
    return {
        "ink": figures.sprite(prediction.image[None], 1),
        "maps": [
            {
                "digit": digit,
                "share": f"{100 * prediction.probabilities[digit]:.1f} %",
                "heat": figures.heat(one[None], 1, scale),
            }
            for digit, one in zip(digits, maps, strict=True)
        ],
    }


def _variant(name: str, prediction: Prediction) -> dict[str, Any]:
    return figures.verdict(name, prediction) | {
        "name": name,
        "image": figures.sprite(prediction.image[None], 1),
        "is_digit": prediction.is_digit,
    }


def _show_layers(classifier: Classifier, image: np.ndarray) -> list[dict[str, Any]]:
    shown = []
    for layer in look_inside(classifier.model, image):  # type: ignore[arg-type]  # all are Sequential
        if layer.signed:
            sheet = figures.heat(layer.pictures, COLUMNS)
            labels = [f"{unit}: {value:.1f}" for unit, value in zip(layer.units, layer.values, strict=True)]
        else:
            strongest = max(float(layer.pictures.max()), 1e-12)
            sheet = figures.sprite(np.rint(layer.pictures * (255 / strongest)).astype(np.uint8), COLUMNS)
            labels = ["" for _ in layer.units]
        shown.append(
            {"caption": layer.caption, "sprite": sheet, "columns": COLUMNS, "labels": labels, "is_heat": layer.signed}
        )
    return shown
