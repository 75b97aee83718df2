"""The Train tab: choose a recipe, watch its loss fall, and draw with the network that comes of it."""

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import gradio as gr
import pandas as pd  # what gr.LinePlot takes, and brought along by Gradio
from gradio.events import Dependency

from mnist_demo.data import Data
from mnist_demo.evaluation import evaluate
from mnist_demo.hardware import ALL_CORES, threads
from mnist_demo.models import count_parameters
from mnist_demo.recipes import RECIPES, Recipe, find_recipe
from mnist_demo.reports import describe_training, percent, table
from mnist_demo.training import Progress, train
from mnist_demo.ui.events import PRIVATE, friendly, session
from mnist_demo.ui.explorer import Explorer
from mnist_demo.ui.shared_data import SharedData
from mnist_demo.ui.shelf import Shelf, Visit

UPDATE_SECONDS = 0.25  # between two updates of the page
MAX_SECONDS = 900  # of one run, after which it is stopped
POINTS = 200  # of the loss curve, each the mean of as many steps as it takes
QUICK = [name for name, recipe in RECIPES.items() if not recipe.writers]  # need MNIST alone, and a minute or two
RUNS_AT_ONCE = 2  # of all visitors; the others wait
NOTHING_LEARNED = "Stopped before the first step; nothing was learned."


@friendly
def describe(name: str) -> str:
    """A recipe in words."""
    recipe = find_recipe(name)
    size = count_parameters(recipe.build())
    return f"**{recipe.network}**, {size:,} parameters. {describe_training(recipe)}. From tutorial {recipe.source}."


@dataclass
class Run:
    """What a training has come to so far, for the chart and the table."""

    losses: list[float] = field(default_factory=list)  # of each step
    epochs: list[tuple[str, ...]] = field(default_factory=list)  # rows of the table
    last: Progress | None = None

    def add(self, progress: Progress) -> None:
        self.last = progress
        self.losses.append(progress.loss)
        if result := progress.result:
            accuracy = percent(result.test_accuracy)
            self.epochs.append((str(progress.epoch), f"{result.train_loss:.4f}", f"{result.test_loss:.4f}", accuracy))

    def curve(self) -> pd.DataFrame:
        """The losses thinned to at most POINTS means."""
        width = -(-len(self.losses) // POINTS) or 1
        starts = range(0, len(self.losses), width)
        means = [sum(part := self.losses[i : i + width]) / len(part) for i in starts]
        return pd.DataFrame({"step": [min(i + width, len(self.losses)) for i in starts], "loss": means})

    def table(self) -> str:
        return table(["epoch", "loss", "test loss", "test accuracy"], self.epochs) if self.epochs else ""


@dataclass(frozen=True)
class Handlers:
    """What the Train tab does with what it is given."""

    shelf: Shelf
    data: SharedData
    _places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(RUNS_AT_ONCE))

    @friendly
    def prepare(self, request: gr.Request) -> Iterator[tuple]:
        """Status, Start, Stop: fetch the data, and say so."""
        self.shelf.visit(session(request)).stop.clear()
        yield "Preparing…", gr.Button(interactive=False), gr.Button(interactive=True)
        for status in self.data.follow():
            yield status, gr.skip(), gr.skip()

    @friendly
    def run(self, name: str, request: gr.Request) -> Generator[tuple, None, None]:
        """Status, curve and table, about four times a second, from the wait for a place to the outcome."""
        recipe, data = find_recipe(name), self.data.get()
        visit = self.shelf.visit(session(request))
        while not self._places.acquire(timeout=UPDATE_SECONDS):
            if visit.stop.is_set():
                break
            yield "Waiting until another visitor's training has ended…", None, ""
        else:
            try:
                yield from self._train(recipe, data, visit)
            finally:  # also where the page is closed and Gradio drops this generator
                self._places.release()
            return
        yield NOTHING_LEARNED, None, ""

    def _train(self, recipe: Recipe, data: Data, visit: Visit) -> Iterator[tuple]:
        yield f"Preparing {recipe.name}…", None, ""
        run, model = Run(), recipe.build()
        started = shown = time.monotonic()
        with closing(train(model, data, recipe)) as training:
            while not visit.stop.is_set() and time.monotonic() - started < MAX_SECONDS:
                with threads(ALL_CORES):  # in each step: Gradio may ask for the next one from another thread
                    progress = next(training, None)
                if progress is None:
                    break
                run.add(progress)
                if time.monotonic() - shown >= UPDATE_SECONDS:
                    yield _say_progress(recipe, progress), run.curve(), run.table()
                    shown = time.monotonic()
        if run.last is None:
            yield NOTHING_LEARNED, None, ""
            return
        with threads(ALL_CORES):
            accuracy = evaluate(model, data.test).accuracy
        name = visit.keep(recipe, data, model).name
        yield _say_outcome(run.last, accuracy, name), run.curve(), run.table()

    def stop(self, request: gr.Request) -> None:
        self.shelf.visit(session(request)).stop.set()

    def offer(self, chosen: str, request: gr.Request) -> tuple[gr.Dropdown, list]:
        """For Draw and for Browse, the models there are now; what was chosen stays, unless it had to make room."""
        choices = self.shelf.choices(session(request))
        stays = chosen in (key for _, key in choices)
        return gr.Dropdown(choices, value=chosen if stays else self.shelf.default()), choices


def _say_progress(recipe: Recipe, progress: Progress) -> str:
    left = progress.seconds / progress.step * (progress.steps - progress.step)
    return (
        f"Epoch {progress.epoch} of {recipe.all_epochs}, step {progress.step:,} of {progress.steps:,}, "
        f"{progress.seconds:.0f} s so far, about {left:.0f} s to go"
    )


def _say_outcome(last: Progress, accuracy: float, name: str) -> str:
    outcome = "Finished" if last.step == last.steps else f"Stopped at step {last.step:,}"
    return (
        f"{outcome} after {last.seconds:.1f} s of training: test accuracy **{percent(accuracy)}**. "
        f"Choose `{name}` in Draw or Browse."
    )


def _rest() -> tuple:
    """Start and Stop as they are while nothing runs."""
    return gr.Button(interactive=True), gr.Button(interactive=False)


def build(shelf: Shelf, data: SharedData, picker: gr.Dropdown, explorer: Explorer) -> Dependency:
    """Lay out the tab and wire it; call inside its gr.Tab.

    `picker` in Draw and `explorer` in Browse will offer the trained models. Returns the event that is done
    when the data have come.
    """
    handlers = Handlers(shelf, data)

    with gr.Row():
        recipe = gr.Dropdown(QUICK, value="softmax", label="Recipe", elem_id="recipe", scale=2, min_width=320)
        start = gr.Button("Start", variant="primary", elem_id="start", min_width=120)
        stop = gr.Button("Stop", interactive=False, elem_id="stop", min_width=120)
    description = gr.Markdown(describe("softmax"))
    status = gr.Markdown(elem_id="train-status")
    curve = gr.LinePlot(x="step", y="loss", y_title="training loss", height=280, elem_id="curve")
    epochs = gr.Markdown(elem_id="epochs")

    recipe.input(describe, recipe, description, queue=False, **PRIVATE)
    data_loaded = start.click(handlers.prepare, None, [status, start, stop], concurrency_limit=None, **PRIVATE)
    training = data_loaded.success(handlers.run, recipe, [status, curve, epochs], concurrency_limit=None, **PRIVATE)
    training.then(_rest, None, [start, stop], queue=False, **PRIVATE)
    training.then(handlers.offer, picker, [picker, explorer], queue=False, **PRIVATE)
    data_loaded.failure(_rest, None, [start, stop], queue=False, **PRIVATE)
    stop.click(handlers.stop, None, None, queue=False, **PRIVATE)
    return data_loaded
