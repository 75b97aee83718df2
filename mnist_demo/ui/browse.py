"""The Browse tab: sets of digits as a wall, with what a model made of them; filtered, sorted, looked at closely."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
import numpy as np
import torch
from gradio.events import Dependency
from torch import Tensor

from mnist_demo.classifier import Classifier
from mnist_demo.data import Digits, practice_data
from mnist_demo.errors import DemoError, InputError
from mnist_demo.evaluation import Evaluation, evaluate
from mnist_demo.hardware import ALL_CORES
from mnist_demo.pendigits import FILE as PEN_FILE
from mnist_demo.pendigits import load_pen_digits
from mnist_demo.reports import answers_csv, percent
from mnist_demo.selection import Selection, count_choices, count_pages, from_query, page_of, select, to_query
from mnist_demo.strokes import normalise, rasterise
from mnist_demo.ui import figures
from mnist_demo.ui.background import Background, Busy, Report
from mnist_demo.ui.events import PRIVATE, asker, friendly, message
from mnist_demo.ui.explorer import Explorer
from mnist_demo.ui.line import Line
from mnist_demo.ui.shared_data import SharedData
from mnist_demo.ui.shelf import Shelf


@dataclass(frozen=True)
class Wall:
    """What is chosen, and what the models made of it."""

    classifier: Classifier
    key: str  # of the set of digits
    name: str  # what it is called
    digits: Digits
    selection: Selection
    evaluation: Evaluation
    other: Evaluation | None  # of the model that is compared with
    notice: str = ""  # why it is not what was asked for

    @property
    def rows(self) -> Tensor:
        return select(self.selection, self.evaluation, self.other)


@dataclass(frozen=True, eq=False)
class Handlers:
    """What the page asks while somebody browses. None that gives an object raises or waits: {"busy": text} tells how
    far it is, {"error": text} why not.

    query: what is chosen, as text by name: "model" and "other" (keys), "set" (a key of `sets`), what
    `selection.from_query` takes, and for `digit` the "row", or "random" for any of those chosen.
    """

    shelf: Shelf
    data: SharedData
    _background: Background = field(default_factory=Background)
    _looks: Line = field(default_factory=lambda: Line(most=50))  # many look at once
    _files: Line = field(default_factory=Line)  # which take longer

    def sets(self) -> dict[str, str]:
        """The sets of digits to choose from, and what they are called."""
        names = {"test": "Test set", "train": "Training set", "practice": "Practice digits"}
        has_pen_digits = self.data.folder is not None and (self.data.folder / PEN_FILE).is_file()
        return names | ({"pen": "Pen digits"} if has_pen_digits else {})

    def look(self, query: Any) -> dict[str, Any]:
        """A page of the wall, counts beside each choice, and the model's score."""
        return self._answer(query, self._look, self._looks)

    def digit(self, query: Any) -> dict[str, Any]:
        """One digit of the set: its pixels, ten shares in percent, what every model says of it."""
        return self._answer(query, self._digit, self._looks)

    def wall_file(self, query: Any) -> dict[str, Any]:
        """The wall as a PNG, in base64."""
        return self._answer(query, self._wall_file, self._files)

    def table_file(self, query: Any) -> dict[str, Any]:
        """The model's answers for the whole set as CSV, in base64."""
        return self._answer(query, self._table_file, self._files)

    def _answer(self, query: Any, make: Callable[[dict[str, str]], dict[str, Any]], line: Line) -> dict[str, Any]:
        try:
            if not isinstance(query, dict):
                raise InputError(f"What is chosen must be an object; got {type(query).__name__}.")
            with line.take(asker.get()):
                return make({str(name): text for name, text in query.items() if isinstance(text, str)})
        except Busy as busy:
            return {"busy": str(busy)}
        except DemoError as error:
            return {"error": message(error)}

    def wall(self, query: dict[str, str]) -> Wall:
        """What is asked for, or every digit where it cannot be had. Raises Busy."""
        key, other_key, notice = query.get("model") or self.shelf.default(), query.get("other", ""), ""
        key_of_set = query.get("set") or "test"
        try:
            classifier = self.shelf.find(key)
            other = self.shelf.find(other_key) if other_key else None
            selection = from_query(query)
            if key_of_set not in self.sets():
                raise InputError(f"There is no set of digits {key_of_set[:40]!r}.")
        except InputError as error:  # a link from elsewhere, or a model of a visit that has ended
            notice = str(error)
            classifier, other, selection = self.shelf.find(self.shelf.default()), None, Selection()
            key_of_set = "test"
        digits, name = self._digits(key_of_set)
        evaluations = [self._evaluate(each, name, digits) for each in (classifier, other) if each]
        compared = evaluations[1] if other else None
        return Wall(classifier, key_of_set, name, digits, selection, evaluations[0], compared, notice)

    def _wall_asked_for(self, query: dict[str, str]) -> Wall:
        """The same, but InputError where it would be another."""
        wall = self.wall(query)
        if wall.notice:
            raise InputError(wall.notice)
        return wall

    def _look(self, query: dict[str, str]) -> dict[str, Any]:
        wall = self.wall(query)
        rows, evaluation, total = wall.rows, wall.evaluation, len(wall.digits)
        page = min(wall.selection.page, count_pages(rows) - 1)
        shown = page_of(rows, page)
        right = int(evaluation.right.sum())
        counts = count_choices(wall.selection, evaluation, wall.other)
        return {
            "notice": wall.notice and f"{wall.notice} Here are all digits of the test set.",
            "summary": f"{wall.classifier.name} reads {right:,} of {total:,} right: {percent(right / total)} "
            f"({wall.name}{_say_learned(wall)})",
            "found": len(rows),
            "page": page,
            "pages": count_pages(rows),
            "chosen": to_query(replace(wall.selection, page=page)),
            "counts": {
                name: {"" if c is None else str(c): n for c, n in each.items()} for name, each in counts.items()
            },
            "rows": shown.tolist(),
            "read": evaluation.predictions[shown].tolist(),
            "truth": evaluation.labels[shown].tolist(),
            "sprite": figures.sprite(wall.digits.images[shown, 0].numpy()) if len(shown) else "",
            "columns": figures.WALL_COLUMNS,
            "confusion": evaluation.confusion.tolist(),
            "per_class": evaluation.per_class,
        }

    def _digit(self, query: dict[str, str]) -> dict[str, Any]:
        wall = self._wall_asked_for(query)
        rows, total, text = wall.rows, len(wall.digits), query.get("row", "")
        if text == "random" and len(rows):
            text = str(secrets.choice(rows.tolist()))
        if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) < total):
            raise InputError(f"There is no digit {text[:20]!r}; the set has those from 0 to {total - 1:,}.")
        row = int(text)
        image = wall.digits.images[row, 0].numpy()
        place = torch.nonzero(rows == row)[:, 0].tolist()  # none where the digit is not among what is chosen
        asked = dict.fromkeys([*self.shelf.all_shipped(), wall.classifier])  # which may be a visitor's own
        return {
            "row": row,
            "read": int(wall.evaluation.predictions[row]),
            "truth": int(wall.evaluation.labels[row]),
            "shares": [round(100 * share, 1) for share in wall.evaluation.probabilities[row].tolist()],
            "image": base64.b64encode(image.tobytes()).decode(),
            "models": [figures.verdict(each.name, each.predict_prepared(image)) for each in asked],
            "previous": rows[place[0] - 1].item() if place and place[0] else None,
            "next": rows[place[0] + 1].item() if place and place[0] + 1 < len(rows) else None,
        }

    def _wall_file(self, query: dict[str, str]) -> dict[str, Any]:
        wall = self._wall_asked_for(query)
        shown = page_of(wall.rows, wall.selection.page)
        if not len(shown):
            raise InputError("There is no digit on this wall to download.")
        from mnist_demo import pictures  # matplotlib takes a third of a second

        image = pictures.wall(
            wall.digits.images[shown, 0].numpy(),
            wall.evaluation.predictions[shown].tolist(),
            wall.evaluation.labels[shown].tolist(),
        )
        return _as_file(f"{wall.classifier.name}, {wall.name}.png", "image/png", pictures.as_png(image))

    def _table_file(self, query: dict[str, str]) -> dict[str, Any]:
        wall = self._wall_asked_for(query)
        return _as_file(f"{wall.classifier.name}, {wall.name}.csv", "text/csv", answers_csv(wall.evaluation).encode())

    def _digits(self, name: str) -> tuple[Digits, str]:
        """A set of digits, and what it is called with its source. Raises Busy."""
        if name == "practice":
            practice = self._background.get(self, "practice", lambda report: practice_data(), "Making practice digits…")
            return practice.test, "practice digits"
        if name == "pen":
            return self._background.get(self, "pen", self._load_pen_digits, "Loading the pen digits…"), "pen digits"
        for status in self.data.follow():
            raise Busy(status)
        data = self.data.get()
        return (data.train, f"{data.name}, training set") if name == "train" else (data.test, f"{data.name}, test set")

    def _load_pen_digits(self, report: Report) -> Digits:
        assert self.data.folder  # or else `sets` would not offer them
        written = load_pen_digits(self.data.folder)
        images = np.empty((len(written), 1, 28, 28), dtype=np.uint8)
        for i, each in enumerate(written):
            images[i, 0] = rasterise(normalise(each.paths))
            if i % 500 == 0:
                report(f"Drawing the pen digits, {i / len(written):.0%}…")
        return Digits(torch.from_numpy(images), torch.tensor([each.digit for each in written]))

    def _evaluate(self, classifier: Classifier, name: str, digits: Digits) -> Evaluation:
        def make(report: Report) -> Evaluation:
            def tell(share: float) -> None:
                report(f"{classifier.name} reads {len(digits):,} digits, {share:.0%}…")

            return evaluate(
                classifier.model, digits, calibration=classifier.calibration, report=tell, workers=ALL_CORES
            )

        return self._background.get(
            classifier, name, make, f"{classifier.name} is about to read {len(digits):,} digits…", asker.get()
        )


def _say_learned(wall: Wall) -> str:
    """A word of warning where the model learned from these digits: then its score tells little."""
    recipe = wall.classifier.record.recipe if wall.classifier.record else None
    if wall.key == "pen" and recipe and recipe.writers:
        return f"; it learned from {recipe.writers} of their 30 writers"
    has_learned = wall.key == "train" and (recipe is None or wall.name.startswith("MNIST"))
    return "; it learned from these" if has_learned else ""


def _as_file(name: str, kind: str, content: bytes) -> dict[str, str]:
    return {"name": name, "kind": kind, "content": base64.b64encode(content).decode()}


@dataclass(frozen=True)
class BrowseTab:
    """What other parts of the page may tie to."""

    explorer: Explorer
    shown: list[Dependency]  # events that are done when the data have come
    show: dict  # the event that looks anew, as keywords of `.then()`


def build(shelf: Shelf, data: SharedData, tab: gr.Tab) -> BrowseTab:
    """Lay out the tab and wire it; call inside `tab`."""
    handlers = Handlers(shelf, data)
    explorer = Explorer(
        [handlers.look, handlers.digit, handlers.wall_file, handlers.table_file],
        [list(choice) for choice in shelf.choices()],
        model=shelf.default(),
        sets=handlers.sets(),
        elem_id="explorer",
    )

    @friendly
    def wait() -> None:
        data.get()

    loaded = tab.select(wait, None, None, concurrency_limit=None, **PRIVATE)
    return BrowseTab(explorer, [loaded], {"fn": None, "js": Explorer.look})
