"""The Browse tab: a model's predictions for whole sets of digits, filtered, sorted, and one by one."""

import functools
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np
import torch

from mnist_demo import digit_query
from mnist_demo.classifier import Classifier
from mnist_demo.data import Digits
from mnist_demo.data.synthetic import synthetic_dataset
from mnist_demo.devices import CPU_COUNT
from mnist_demo.digit_query import PAGE_SIZE, DigitQuery
from mnist_demo.errors import InputError
from mnist_demo.evaluation import Evaluation, evaluate
from mnist_demo.preprocess.strokes import normalize, rasterize
from mnist_demo.reports import format_percent, predictions_csv
from mnist_demo.ui import render
from mnist_demo.ui.components.digit_browser import DigitBrowser
from mnist_demo.ui.digit_grid import Grid
from mnist_demo.ui.handlers import LONG_EVENT, query_errors, user_errors
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.result_cache import NotReady, Report

Params = dict[str, str]  # of a link to a page of digits
MAX_ADDRESS = 200  # characters of the page's address that a picture names


def _respond(compute: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Decorate a query: validate it, wait for a turn, and never raise."""

    @functools.wraps(compute)
    @query_errors
    def respond(tab: "BrowseTab", query: Any, client: str) -> dict[str, Any]:
        if not isinstance(query, dict):
            raise InputError(f"A query must be an object; got {type(query).__name__}.")
        params = {str(name): text for name, text in query.items() if isinstance(text, str)}
        try:
            with tab.queue.turn(client):
                return compute(tab, params, client)
        except NotReady as not_ready:
            return {"busy": str(not_ready)}

    return respond


class BrowseTab:
    """Answer the digit browser's queries. `build` lays out the tab.

    A query is text by name: "model" and "other" (keys), "set" (a key of `sets`), the parameters of
    `digit_query.from_params`, for `digit` the "row", or "random", and for `grid_file` the page's "address". No query
    raises or waits: {"busy": text} is the status of a computation, {"error": text} the reason of a failure.
    """

    def __init__(self, services: Services):
        self.models, self.datasets = services.models, services.datasets
        self.queue, self.results = services.compute_queue, services.results

    def build(self, tab: gr.Tab) -> None:
        """Lay out the tab; call it inside `tab`."""
        self.browser = DigitBrowser(
            self.models.choices(),
            functions=[self.grid, self.digit, self.grid_file, self.table_file],
            model=self.models.default_key(),
            sets=self.sets(),
            page_size=PAGE_SIZE,
            elem_id="digit-browser",
        )
        self.loaded = tab.select(self.load, None, None, **LONG_EVENT)

    @user_errors
    def load(self) -> None:
        self.datasets.get()

    def sets(self) -> dict[str, str]:
        """Return the names of the sets of digits by key; links contain the keys."""
        names = {"test": "Test set", "train": "Training set", "practice": "Synthetic digits"}
        return names | ({"pen": "Pen digits"} if self.datasets.has_pen_digits else {})

    @_respond
    def grid(self, params: Params, client: str) -> dict[str, Any]:
        """Return a page of digits, the count for each choice of a filter, and the confusion matrix.

        A notice says why all digits of the test set replace those of a bad query.
        """
        notice = ""
        try:
            self._parse(params)
        except InputError as error:  # a link from elsewhere, or a model of a session that has ended
            notice, params = f"{error} All digits of the test set are shown instead.", {}
        grid = self.find_grid(params, client)
        sides = [DigitQuery(compare=side) for side in digit_query.COMPARE[1:]]
        evaluation, other, shown = grid.evaluation, grid.other, digit_query.page_rows(grid.rows, grid.query.page)
        return {
            "notice": notice,
            "summary": grid.describe(),
            "details": f"{format_percent(evaluation.accuracy)} correct · {grid.full_set_name}",
            "wrong": grid.wrong_count,
            "count": len(grid.rows),
            "page": grid.query.page,
            "pages": digit_query.count_pages(grid.rows),
            "query": digit_query.to_params(grid.query),
            "counts": {
                name: {"" if choice is None else str(choice): count for choice, count in by_choice.items()}
                for name, by_choice in digit_query.count_by_filter(grid.query, evaluation, other).items()
            },
            "rows": shown.tolist(),
            "predictions": evaluation.predictions[shown].tolist(),
            "labels": evaluation.labels[shown].tolist(),
            "other_predictions": other.predictions[shown].tolist() if other else None,
            "comparison": [len(digit_query.find_rows(side, evaluation, other)) for side in sides] if other else None,
            "sprite": render.sprite(grid.digits.images[shown, 0].numpy()) if len(shown) else "",
            "columns": render.SPRITE_COLUMNS,
            "confusion": evaluation.confusion.tolist(),
        }

    @_respond
    def digit(self, params: Params, client: str) -> dict[str, Any]:
        """Return one digit: its pixels, ten percentages, and the predictions of all models."""
        grid = self.find_grid(params, client)
        rows, total, text = grid.rows, len(grid.digits), params.get("row", "")
        if text == "random" and len(rows):
            text = str(secrets.choice(rows.tolist()))
        if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) < total):
            raise InputError(f"There is no digit {text[:20]!r}; the set has digits 0 to {total - 1:,}.")
        row = int(text)
        image = grid.digits.images[row, 0].numpy()
        position = torch.nonzero(rows == row)[:, 0].tolist()  # empty if the digit does not match the query
        return {
            "row": row,
            "prediction": int(grid.evaluation.predictions[row]),
            "label": int(grid.evaluation.labels[row]),
            "percentages": [round(100 * share, 1) for share in grid.evaluation.probabilities[row].tolist()],
            "image": render.pixels(image),
            "models": render.votes(self.models.predict_with_all(image, grid.classifier)),
            "page": position[0] // PAGE_SIZE if position else None,
            "previous": rows[position[0] - 1].item() if position and position[0] else None,
            "next": rows[position[0] + 1].item() if position and position[0] + 1 < len(rows) else None,
        }

    @_respond
    def grid_file(self, params: Params, client: str) -> dict[str, Any]:
        """Return the page of digits as a PNG file."""
        grid = self.find_grid(params, client)
        shown, first = digit_query.page_rows(grid.rows, grid.query.page), PAGE_SIZE * grid.query.page
        if not len(shown):
            raise InputError("There is no digit on this page to download.")
        from mnist_demo import plots  # matplotlib takes a third of a second

        position = f"{first + 1:,} to {first + len(shown):,} of {len(grid.rows):,}"
        figure = plots.digit_grid(
            grid.digits.images[shown, 0].numpy(),
            grid.evaluation.predictions[shown].tolist(),
            grid.evaluation.labels[shown].tolist(),
            title=f"{grid.describe()} ({grid.full_set_name}), {position}",
            source=params.get("address", "")[:MAX_ADDRESS],
        )
        return render.download(f"{grid.classifier.name}, {grid.set_name}.png", "image/png", plots.to_png(figure))

    @_respond
    def table_file(self, params: Params, client: str) -> dict[str, Any]:
        """Return the model's predictions for the whole set as a CSV file."""
        grid = self.find_grid(params, client)
        name = f"{grid.classifier.name}, {grid.set_name}.csv"
        return render.download(name, "text/csv", predictions_csv(grid.evaluation).encode())

    def find_grid(self, params: Params, client: str) -> Grid:
        """Return the digits of a query; the last page replaces one beyond it. Raise InputError and NotReady."""
        classifier, other, set_key, query = self._parse(params)
        digits, set_name = self._load_set(set_key, client)
        evaluation = self._evaluate(classifier, set_name, digits, client)
        compared = self._evaluate(other, set_name, digits, client) if other else None
        rows = digit_query.find_rows(query, evaluation, compared)
        query = replace(query, page=min(query.page, digit_query.count_pages(rows) - 1))
        other_name = other.name if other else ""
        return Grid(classifier, set_key, set_name, digits, query, rows, evaluation, compared, other_name)

    def _parse(self, params: Params) -> tuple[Classifier, Classifier | None, str, DigitQuery]:
        """Return the model, the one to compare with, the key of the set, and the filters. Raise InputError."""
        classifier = self.models.find(params.get("model") or self.models.default_key())
        other = self.models.find(params["other"]) if params.get("other") else None
        set_key, query = params.get("set") or "test", digit_query.from_params(params)
        if set_key not in self.sets():
            raise InputError(f"There is no set of digits {set_key[:40]!r}.")
        return classifier, other, set_key, query

    def _load_set(self, key: str, client: str) -> tuple[Digits, str]:
        """Return a set of digits and its name with the source. Raise NotReady."""
        if key == "practice":
            data = self.results.get(self, key, lambda report: synthetic_dataset(), "Creating synthetic digits…", client)
            return data.test, "synthetic digits"
        if key == "pen":
            return self.results.get(self, key, self._draw_pen_digits, "Loading the pen digits…", client), "pen digits"
        data = self.datasets.poll()
        return (data.train, f"{data.name}, training set") if key == "train" else (data.test, f"{data.name}, test set")

    def _draw_pen_digits(self, report: Report) -> Digits:
        pen_digits = self.datasets.load_pen_digits()
        images = np.empty((len(pen_digits), 1, 28, 28), dtype=np.uint8)
        for i, digit in enumerate(pen_digits):
            images[i, 0] = rasterize(normalize(digit.paths))
            if i % 500 == 0:
                report(f"Drawing the pen digits, {i / len(pen_digits):.0%}…")
        return Digits(torch.from_numpy(images), torch.tensor([digit.digit for digit in pen_digits]))

    def _evaluate(self, classifier: Classifier, set_name: str, digits: Digits, client: str) -> Evaluation:
        status = f"{classifier.name} predicts {len(digits):,} digits"

        def compute(report: Report) -> Evaluation:
            return evaluate(
                classifier.model,
                digits,
                calibration=classifier.calibration,
                report=lambda fraction: report(f"{status}, {fraction:.0%}…"),
                workers=CPU_COUNT,
            )

        return self.results.get(classifier, set_name, compute, f"{status}…", client)
