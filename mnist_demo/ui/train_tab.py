"""The Train tab: choose a recipe and its hyperparameters, watch the training, and draw with the model."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency

from mnist_demo.checkpoints import CHECKPOINT_SUFFIX
from mnist_demo.data import Dataset
from mnist_demo.data.pen_digits import load_pen_digits
from mnist_demo.data.sketch_dataset import create_sketch_dataset
from mnist_demo.devices import default_device
from mnist_demo.errors import DemoError, InputError
from mnist_demo.preprocess.strokes import Strokes, strokes_to_image
from mnist_demo.recipes import RECIPES, Recipe, find_recipe
from mnist_demo.server.clients import client_address
from mnist_demo.ui import render
from mnist_demo.ui.components.inputs import Cards, Choice
from mnist_demo.ui.components.sketchpad import Sketchpad
from mnist_demo.ui.components.training_monitor import TrainingMonitor
from mnist_demo.ui.handlers import PRIVATE_EVENT, session_id, user_errors
from mnist_demo.ui.recipe_form import (
    CARDS,
    build_field,
    card,
    current_values,
    estimate,
    first_problem,
    parse_values,
    recipe_values,
    show_architecture,
    show_batch,
    summarize,
    update_field,
)
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.jobs import NOTHING_LEARNED, TrainingJob, run_in_queue
from mnist_demo.ui.services.model_store import Session
from mnist_demo.ui.services.queues import UPDATE_SECONDS
from mnist_demo.ui.services.result_cache import NotReady, Report
from mnist_demo.ui.user_models import UserModels

DEFAULT_RECIPE = "fast"
START = "▶ Train"
DRAWING_STROKES = "Drawing the pen strokes of the training set, about 20 s…"
NO_PEN_DIGITS = (
    "This recipe also trains on UCI's pen digits, which are not in the data folder; docs/accuracy.md says where to get "
    "them. Its trained model is in Draw and Browse."
)


class TrainTab:
    """Train models. `build` lays out the tab."""

    monitor: TrainingMonitor
    loaded: Dependency  # the event that ends when the dataset is loaded
    trained: Dependency  # the event that ends with a training
    refresh: dict[str, Any]  # the event that updates the form, as keywords of `.then()`

    def __init__(self, services: Services, user_models: UserModels):
        self.models, self.datasets, self.results = services.models, services.datasets, services.results
        self.compute_queue, self.training_queue = services.compute_queue, services.training_queue
        self.max_seconds = services.train_seconds
        self.user_models = user_models
        self.device = default_device()

    def build(self, tab: gr.Tab, pad: Sketchpad) -> None:
        """Lay out the tab; call it inside `tab`. Trainings predict the drawing on `pad`."""
        shared = {classifier.name: classifier for classifier in self.models.all_shared()}
        labels = [(card(name, shared.get(name)), name) for name in CARDS]
        with gr.Row(elem_id="recipes"):
            cards = Cards(labels, value=DEFAULT_RECIPE, label="Model to train", show_label=False, elem_id="cards")
            recipe = Choice(self.choices(), value=DEFAULT_RECIPE, label="More models", elem_id="recipe")
        with gr.Row(elem_id="start-row"):
            start = gr.Button(START, variant="primary", elem_id="start", interactive=False, min_width=120)
            stop = gr.Button("■ Stop", interactive=False, elem_id="stop", min_width=90)
            summary = gr.Markdown(elem_id="recipe-summary")
        with gr.Row(elem_id="train-options"):
            with gr.Accordion("Settings", open=False, elem_id="hyperparameters"):
                with gr.Row(elem_id="fields"):
                    own = recipe_values(find_recipe(DEFAULT_RECIPE))
                    fields = [build_field(name, value) for name, value in own.items()]
                    # The recipe that the fields are filled for. A gr.State would change before they do.
                    filled = gr.Textbox(DEFAULT_RECIPE, visible=False)
                batch = gr.HTML(elem_id="batch")
            with gr.Accordion("Architecture", open=False, elem_id="architecture-box"):
                architecture = gr.HTML(elem_id="architecture")
            with gr.Accordion("Load a model", open=False, elem_id="load"):
                upload = gr.UploadButton("Choose a file", file_types=[CHECKPOINT_SUFFIX], elem_id="upload")
        self.monitor = TrainingMonitor(self.user_models.download, elem_id="training-monitor")

        self.refresh = {
            "fn": self.update_form,
            "inputs": [recipe, filled, *fields],
            "outputs": [filled, *fields, summary, batch, architecture, start],
            "concurrency_limit": None,  # the compute queue limits it
            **PRIVATE_EVENT,
        }
        self.loaded = tab.select(self.load, None, summary, concurrency_limit=None, **PRIVATE_EVENT)
        self.loaded.success(**self.refresh)
        # Gradio sends each input twice; "always_last" keeps the second from resetting a field that changed meanwhile.
        gr.on([recipe.change, *(field.input for field in fields)], trigger_mode="always_last", **self.refresh)
        same: dict[str, Any] = {"fn": None, "js": "(name) => name", **PRIVATE_EVENT}
        cards.input(inputs=cards, outputs=recipe, **same)
        recipe.change(inputs=recipe, outputs=cards, **same)

        started = start.click(_disable_start, None, [start, stop], queue=False, **PRIVATE_EVENT)
        self.trained = started.then(
            self.run, [recipe, pad, filled, *fields], self.monitor, concurrency_limit=None, **PRIVATE_EVENT
        )
        self.trained.then(lambda: gr.Button(interactive=False), None, stop, queue=False, **PRIVATE_EVENT)
        self.trained.then(**self.refresh)
        stop.click(self.stop, None, None, queue=False, **PRIVATE_EVENT)
        self.uploaded = upload.upload(
            self.user_models.upload, upload, self.monitor, concurrency_limit=None, **PRIVATE_EVENT
        )

    def choices(self) -> list[tuple[str, str]]:
        """Return labels and names of the recipes; a label says if the recipe's data are missing."""
        return [(f"{name} (needs the pen digits)" if self._missing_data(name) else name, name) for name in RECIPES]

    def _missing_data(self, name: str) -> str:
        """Return why a recipe cannot be trained here; empty if it can."""
        return NO_PEN_DIGITS if RECIPES[name].pen_digit_writers and not self.datasets.has_pen_digits else ""

    @user_errors
    def load(self) -> Iterator[str]:
        """Load the dataset, and yield status messages."""
        yield from self.datasets.load()
        self.datasets.get()

    @user_errors
    def update_form(self, request: gr.Request, name: str, filled: str, *values: Any) -> list:
        """Return the recipe's name, the updated fields, its summary, a batch, its layers, and the Start button.

        The fields get the recipe's values if they were `filled` for another.
        """
        if self.datasets.loaded is None:  # Gradio also reports the first value as a change
            return [gr.skip()] * (5 + len(values))
        data, named = self.datasets.get(), current_values(name, filled, values)
        recipe, seed, problems = parse_values(name, named, data)
        fields = [
            update_field(field, problems.get(field, ""), **({"value": value} if filled != name else {}))
            for field, value in named.items()
        ]
        missing, client = self._missing_data(name), client_address(request)
        with self.compute_queue.turn(client):
            summary, label = summarize(recipe, data), START
            batch = show_batch(recipe, data, seed)
            if problem := missing or first_problem(problems):
                summary = f"**Start is off:** {problem}"
            else:
                seconds, limit = estimate(recipe, data, self.device, self.max_seconds)
                summary, label = summary + limit, f"{START}, about {seconds}"
        can_start = not (problem or self.models.session(session_id(request), client).is_training)
        button = gr.Button(label, interactive=can_start)
        return [name, *fields, summary, batch, show_architecture(recipe), button]

    @user_errors
    def run(
        self, request: gr.Request, name: str, strokes: Strokes, filled: str, *values: Any
    ) -> Iterator[dict[str, Any]]:
        """Train, and yield what the monitor shows about five times a second, from the queue to the result."""
        data = self.datasets.get()
        recipe, seed, problems = parse_values(name, current_values(name, filled, values), data)
        if problem := self._missing_data(name) or first_problem(problems):
            raise InputError(problem)
        session = self.models.session(session_id(request), client_address(request))
        with session.training():
            data, drawing = (yield from self._prepare_data(session, recipe, data)), _to_image(strokes)
            setup = render.training_setup(recipe, data, drawing)

            def start() -> TrainingJob:
                return TrainingJob(
                    stop=session.stop,
                    max_seconds=self.max_seconds,
                    recipe=recipe,
                    data=data,
                    seed=seed,
                    drawing=drawing,
                    device=self.device,
                )

            def report(job: TrainingJob) -> dict[str, Any]:
                return setup | render.training_state(job)

            job = yield from run_in_queue(self.training_queue, session, start, report)
            if job and job.metadata and job.model:
                key = session.add(job.model, job.metadata)
                epochs = job.metadata.steps / setup["steps_per_epoch"]
                yield report(job) | self.user_models.list_runs(session, key) | {"epochs": epochs}
            else:
                curves = report(job) if job and job.last else {}
                yield curves | {"status": (job.problem if job else "") or NOTHING_LEARNED}

    def _prepare_data(
        self, session: Session, recipe: Recipe, mnist: Dataset
    ) -> Generator[dict[str, Any], None, Dataset]:
        """Return what the recipe trains on; yield the status while its pen strokes are drawn."""
        key, create = f"{recipe.pen_digit_writers} {mnist.checksum}", partial(self._draw_strokes, mnist, recipe)
        while recipe.pen_digit_writers and not session.stop.is_set():
            try:
                return self.results.get(self, key, create, DRAWING_STROKES, session.client)
            except NotReady as not_ready:
                yield {"status": str(not_ready)}
                session.stop.wait(UPDATE_SECONDS)
        return mnist

    def _draw_strokes(self, mnist: Dataset, recipe: Recipe, report: Report) -> Dataset:
        assert self.datasets.folder  # otherwise the pen digits are missing
        return create_sketch_dataset(mnist, load_pen_digits(self.datasets.folder), recipe.pen_digit_writers)

    def stop(self, request: gr.Request) -> None:
        self.models.stop(session_id(request))


def _disable_start() -> tuple[gr.Button, gr.Button]:
    """Return Start and Stop as they are during a training."""
    return gr.Button(interactive=False), gr.Button(interactive=True)


def _to_image(strokes: Strokes) -> Any:
    """Return a drawing's image; None for a blank or bad drawing, which must not prevent a training."""
    with suppress(DemoError):
        image = strokes_to_image(strokes)
        return image if image.any() else None
    return None
