"""The Train tab: choose a recipe and its hyperparameters, watch the training, and draw with the model."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import gradio as gr

from mnist_demo.checkpoints import CHECKPOINT_SUFFIX
from mnist_demo.data import Dataset
from mnist_demo.data.sketch_dataset import create_sketch_dataset
from mnist_demo.devices import default_device
from mnist_demo.errors import DemoError, InputError
from mnist_demo.preprocess.strokes import Strokes, strokes_to_image
from mnist_demo.recipes import RECIPES, Recipe, find_recipe
from mnist_demo.server.clients import client_address
from mnist_demo.ui import recipe_form, render
from mnist_demo.ui.components.inputs import Cards, Choice
from mnist_demo.ui.components.sketchpad import Sketchpad
from mnist_demo.ui.components.training_monitor import TrainingMonitor
from mnist_demo.ui.handlers import LONG_EVENT, PRIVATE_EVENT, QUICK_EVENT, user_errors
from mnist_demo.ui.model_events import ModelEvents
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.jobs import NOTHING_LEARNED, TrainingJob, run_in_queue
from mnist_demo.ui.services.model_store import Session
from mnist_demo.ui.services.queues import UPDATE_SECONDS
from mnist_demo.ui.services.result_cache import NotReady, Report

DEFAULT_RECIPE = "fast"
START = "▶ Train"
DRAWING_STROKES = "Drawing the pen strokes of the training set, 20 s to 2 minutes…"
NO_STROKES = (
    "This recipe also trains on people's pen strokes, which are not in the data folder; docs/pen_strokes.md says where "
    "to get them. Its trained model is in Draw and Browse."
)


class TrainTab:
    """Train models. `build` lays out the tab."""

    def __init__(self, services: Services, model_events: ModelEvents):
        self.models, self.datasets, self.results = services.models, services.datasets, services.results
        self.compute_queue, self.training_queue = services.compute_queue, services.training_queue
        self.max_seconds = services.train_seconds
        self.model_events = model_events
        self.device = default_device()

    def build(self, tab: gr.Tab, pad: Sketchpad) -> None:
        """Lay out the tab; call it inside `tab`. Trainings predict the drawing on `pad`."""
        shared = {classifier.name: classifier for classifier in self.models.all_shared()}
        labels = [(recipe_form.card(name, shared.get(name)), name) for name in recipe_form.CARDS]
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
                    own = recipe_form.recipe_values(find_recipe(DEFAULT_RECIPE))
                    fields = [recipe_form.build_field(name, value) for name, value in own.items()]
                    # The recipe that the fields are filled for. A gr.State would change before they do.
                    filled = gr.Textbox(DEFAULT_RECIPE, visible=False)
                batch = gr.HTML(elem_id="batch")
            with gr.Accordion("Architecture", open=False, elem_id="architecture-box"):
                architecture = gr.HTML(elem_id="architecture")
            with gr.Accordion("Load a model", open=False, elem_id="load"):
                upload = gr.UploadButton("Choose a file", file_types=[CHECKPOINT_SUFFIX], elem_id="upload")
        self.monitor = TrainingMonitor(
            functions=[self.model_events.download, self.model_events.web_page], elem_id="training-monitor"
        )

        self.refresh: dict[str, Any] = {  # the event that updates the form, as keywords of `.then()`
            "fn": self.update_form,
            "inputs": [recipe, filled, *fields],
            "outputs": [filled, *fields, summary, batch, architecture, start],
            **LONG_EVENT,
        }
        self.loaded = tab.select(self.load, None, summary, **LONG_EVENT)
        self.loaded.success(**self.refresh)
        # Gradio sends each input twice; "always_last" keeps the second from resetting a field that changed meanwhile.
        gr.on([recipe.change, *(field.input for field in fields)], trigger_mode="always_last", **self.refresh)
        same: dict[str, Any] = {"fn": None, "js": "(name) => name", **PRIVATE_EVENT}
        cards.input(inputs=cards, outputs=recipe, **same)
        recipe.change(inputs=recipe, outputs=cards, **same)

        started = start.click(_disable_start, None, [start, stop], **QUICK_EVENT)
        self.trained = started.then(self.run, [recipe, pad, filled, *fields], self.monitor, **LONG_EVENT)
        self.trained.then(lambda: gr.Button(interactive=False), None, stop, **QUICK_EVENT)
        self.trained.then(**self.refresh)
        stop.click(self.model_events.stop, None, None, **QUICK_EVENT)
        self.uploaded = upload.upload(self.model_events.upload, upload, self.monitor, **LONG_EVENT)

    def choices(self) -> list[tuple[str, str]]:
        """Return labels and names of the recipes; a label says if the recipe's data are missing."""
        return [(f"{name} (needs pen strokes)" if self._missing_data(name) else name, name) for name in RECIPES]

    def _missing_data(self, name: str) -> str:
        """Return why a recipe cannot be trained here; empty if it can."""
        return "" if self.datasets.has_pen_strokes(RECIPES[name]) else NO_STROKES

    @user_errors
    def load(self) -> Iterator[str]:
        """Load the dataset, and yield status messages."""
        yield from self.datasets.load()

    @user_errors
    def update_form(self, request: gr.Request, name: str, filled: str, *values: Any) -> list:
        """Return the recipe's name, the updated fields, its summary, a batch, its layers, and the Start button.

        The fields get the recipe's values if they were `filled` for another.
        """
        if self.datasets.loaded is None:  # Gradio also reports the first value as a change
            return [gr.skip()] * (5 + len(values))
        data, named = self.datasets.get(), recipe_form.current_values(name, filled, values)
        recipe, seed, problems = recipe_form.parse_values(name, named, data)
        fields = [
            recipe_form.update_field(field, problems.get(field, ""), **({"value": value} if filled != name else {}))
            for field, value in named.items()
        ]
        with self.compute_queue.turn(client_address(request)):
            summary, label = recipe_form.summarize(recipe, data), START
            batch = recipe_form.show_batch(recipe, data, seed)
            if problem := self._missing_data(name) or recipe_form.first_problem(problems):
                summary = f"**Start is off:** {problem}"
            else:
                seconds, limit = recipe_form.estimate(recipe, data, self.device, self.max_seconds)
                summary, label = summary + limit, f"{START}, about {seconds}"
        can_start = not (problem or self.model_events.session(request).is_training)
        architecture, start = recipe_form.show_architecture(recipe), gr.Button(label, interactive=can_start)
        return [name, *fields, summary, batch, architecture, start]

    @user_errors
    def run(
        self, request: gr.Request, name: str, strokes: Strokes, filled: str, *values: Any
    ) -> Iterator[dict[str, Any]]:
        """Train, and yield what the monitor shows about five times a second, from the queue to the result."""
        data = self.datasets.get()
        recipe, seed, problems = recipe_form.parse_values(name, recipe_form.current_values(name, filled, values), data)
        if problem := self._missing_data(name) or recipe_form.first_problem(problems):
            raise InputError(problem)
        session = self.model_events.session(request)
        with session.training():
            data, drawing = (yield from self._prepare_data(session, recipe, data)), _to_image(strokes)
            setup = render.training_setup(recipe, data, drawing)

            start = partial(
                TrainingJob,
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
                yield report(job) | self.model_events.list_runs(session, key) | {"epochs": epochs}
            else:
                curves = report(job) if job and job.last else {}
                yield curves | {"status": (job.problem if job else "") or NOTHING_LEARNED}

    def _prepare_data(
        self, session: Session, recipe: Recipe, mnist: Dataset
    ) -> Generator[dict[str, Any], None, Dataset]:
        """Return what the recipe trains on; yield the status while its pen strokes are drawn."""

        def create(report: Report) -> Dataset:
            return create_sketch_dataset(mnist, self.datasets.load_pen_strokes(recipe))

        key = f"{recipe.pen_writers} {mnist.checksum}"
        while recipe.pen_writers and not session.stop.is_set():
            try:
                return self.results.get(self, key, create, DRAWING_STROKES, session.client)
            except NotReady as not_ready:
                yield {"status": str(not_ready)}
                session.stop.wait(UPDATE_SECONDS)
        return mnist


def _disable_start() -> tuple[gr.Button, gr.Button]:
    """Return Start and Stop as they are during a training."""
    return gr.Button(interactive=False), gr.Button(interactive=True)


def _to_image(strokes: Strokes) -> Any:
    """Return a drawing's image; None for a blank or bad drawing, which must not prevent a training."""
    with suppress(DemoError):
        image = strokes_to_image(strokes)
        return image if image.any() else None
    return None
