"""The Browse tab: pages of test digits with a model's predictions, in green and red."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.events import Dependency

from mnist_demo.classifier import Classifier
from mnist_demo.data import Data
from mnist_demo.evaluation import Evaluation, evaluate
from mnist_demo.hardware import all_cores
from mnist_demo.reports import percent
from mnist_demo.ui import figures
from mnist_demo.ui.events import PRIVATE, friendly
from mnist_demo.ui.shared_data import SharedData
from mnist_demo.ui.shelf import Shelf

PAGE_SIZE = 100  # digits


@dataclass(frozen=True)
class Handlers:
    """What the Browse tab does with what it is given."""

    shelf: Shelf
    data: SharedData
    # A model's answers for the test set, kept for as long as the model is.
    _answers: WeakKeyDictionary[Classifier, tuple[Data, Evaluation]] = field(default_factory=WeakKeyDictionary)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @friendly
    def wait_for_data(self) -> Iterator[str]:
        yield from self.data.follow()

    @friendly
    def show(self, model: str, page: int) -> tuple:
        """Status, wall, page, its label, and whether there are pages before and after."""
        data = self.data.get()
        classifier = self.shelf.find(model)
        result = self._evaluate(classifier, data)
        pages = -(-len(data.test) // PAGE_SIZE)
        page = min(max(int(page), 0), pages - 1)
        rows = slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
        wall = figures.wall(
            data.test.images[rows, 0].numpy(), result.predictions[rows].tolist(), result.labels[rows].tolist()
        )
        right, total = int(result.right.sum()), len(result.labels)
        score = f"**{right:,} of {total:,}** test digits right: **{percent(right / total)}** ({data.name})"
        status = f"`{classifier.name}` reads {score}"
        label = f"Digits {rows.start + 1:,} to {min(rows.stop, total):,}, page {page + 1} of {pages}"
        return status, wall, page, label, gr.Button(interactive=page > 0), gr.Button(interactive=page < pages - 1)

    def show_next(self, model: str, page: int) -> tuple:
        return self.show(model, page + 1)

    def show_previous(self, model: str, page: int) -> tuple:
        return self.show(model, page - 1)

    def _evaluate(self, classifier: Classifier, data: Data) -> Evaluation:
        with self._lock, all_cores():  # one at a time: two would only halve each other's speed
            if classifier not in self._answers or self._answers[classifier][0] is not data:
                self._answers[classifier] = data, evaluate(classifier.model, data.test)
            return self._answers[classifier][1]


@dataclass(frozen=True)
class BrowseTab:
    """What other parts of the page may tie to."""

    model: gr.Dropdown
    shown: list[Dependency]  # events that are done when the wall shows what was asked for
    show: dict  # the event that shows the wall anew, as keywords of `.then()`


def build(shelf: Shelf, data: SharedData, tab: gr.Tab) -> BrowseTab:
    """Lay out the tab and wire it; call inside `tab`."""
    handlers = Handlers(shelf, data)

    with gr.Row():
        model = gr.Dropdown(
            shelf.choices(),
            value=shelf.default() or None,
            label="Model",
            elem_id="browse-model",
            scale=2,
            min_width=320,
        )
        previous = gr.Button("← Previous", interactive=False, elem_id="previous", min_width=120)
        following = gr.Button("Next →", interactive=False, elem_id="next", min_width=120)
    status = gr.Markdown(elem_id="browse-status")
    gr.Markdown("Under each digit: prediction (truth), green where right, red and crossed where wrong.")
    wall = gr.HTML(elem_id="wall")
    label = gr.Markdown(elem_id="page-label")
    page = gr.State(0)

    shown: dict[str, Any] = {"inputs": [model, page], "outputs": [status, wall, page, label, previous, following]}
    data_loaded = tab.select(handlers.wait_for_data, None, status, concurrency_limit=None, **PRIVATE)
    show = {"fn": handlers.show, **shown, **PRIVATE}
    events = [
        data_loaded.then(**show),
        model.input(**show),
        following.click(handlers.show_next, **shown, **PRIVATE),
        previous.click(handlers.show_previous, **shown, **PRIVATE),
    ]
    return BrowseTab(model, events, show)
