"""The Train tab: choose a recipe and its values, watch it learn, and draw with the network that comes of it."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr
import torch
from gradio.events import Dependency

from mnist_demo.checkpoints import SUFFIX
from mnist_demo.data import Data
from mnist_demo.errors import DemoError, InputError
from mnist_demo.handwriting import handwriting_data
from mnist_demo.hardware import default_device, on_all_cores
from mnist_demo.models import count_parameters
from mnist_demo.pendigits import FILE as PEN_FILE
from mnist_demo.pendigits import load_pen_digits
from mnist_demo.recipes import RECIPES, Recipe, find_recipe
from mnist_demo.reports import describe_network, describe_training
from mnist_demo.strokes import Strokes, strokes_to_image
from mnist_demo.training import estimate_seconds, split, with_copy
from mnist_demo.ui import figures, kept, teach
from mnist_demo.ui.background import Background, Busy, Report
from mnist_demo.ui.events import PRIVATE, address, friendly, session
from mnist_demo.ui.explorer import Explorer
from mnist_demo.ui.kept import entry
from mnist_demo.ui.line import UPDATE_SECONDS, Line, wait_for_turn
from mnist_demo.ui.monitor import Monitor, say_seconds, set_scene, tell
from mnist_demo.ui.recipe_fields import Values, build_field, read_values, update_field, values_of
from mnist_demo.ui.run import NOTHING_LEARNED, Run
from mnist_demo.ui.shared_data import SharedData
from mnist_demo.ui.shelf import Shelf, Visit
from mnist_demo.ui.sketchpad import Sketchpad
from mnist_demo.ui.unchecked import Choice

DEFAULT = "fast"  # the recipe that is offered first
BATCH_COLUMNS = 35  # digits in a row of the picture of a batch, which fits the page
BATCH_SHOWN = 400  # digits of it, at most
DRAWING = "Drawing people's pen strokes as it will learn them, about 20 s…"


@dataclass(frozen=True, eq=False)
class Handlers:
    """What the Train tab does with what it is given. Fields come and go in the order of `values_of`."""

    shelf: Shelf
    data: SharedData
    line: Line
    max_seconds: float
    device: str = "cpu"
    _background: Background = field(default_factory=Background)
    _checks: Line = field(default_factory=Line)

    def choices(self) -> list[tuple[str, str]]:
        """What the recipes are called, and their names; those whose data are absent say so."""
        return [(f"{name} (needs the pen digits)" if self._lacks(name) else name, name) for name in RECIPES]

    def _lacks(self, name: str) -> str:
        """Why a recipe cannot be trained here, empty where it can."""
        if not RECIPES[name].writers:
            return ""
        folder = self.data.folder
        if folder is not None and (folder / PEN_FILE).is_file():
            return ""
        return (
            "It learns people's pen strokes, UCI's pen digits, which are not in the data folder; the README tells "
            "where to find them. The network that came of it is in Draw and Browse."
        )

    @friendly
    def load(self) -> Iterator[str]:
        """Fetch the data, and say so."""
        yield from self.data.follow()
        self.data.get()

    @friendly
    def check(self, request: gr.Request, name: str, filled: str, *values: Any) -> list:
        """The recipe whose values stand in the fields now, a remark beside each, the recipe in words, a strip of
        digits, and whether it may start. Where another recipe was `filled` in, the fields get this one's values."""
        data, named = self.data.get(), self._named(name, filled, values)
        recipe, seed, problems = read_values(name, named, data)
        fields = [
            update_field(field, problems.get(field, ""), **({"value": value} if filled != name else {}))
            for field, value in named.items()
        ]
        lacks = self._lacks(name)
        with self._checks.take(address(request)):
            words = lacks or self._describe(recipe, data, bool(problems))
            batch = show_batch(recipe, data, seed)
        may_start = not (problems or lacks or self.shelf.visit(session(request), address(request)).is_training)
        return [name, *fields, words, batch, gr.Button(interactive=may_start)]

    def _named(self, name: str, filled: str, values: tuple) -> Values:
        """The values of the fields by name, where they are of this recipe: who is quick has chosen another than is
        filled in yet, and means that as it stands."""
        written = values_of(find_recipe(name))
        return dict(zip(written, values, strict=True)) if filled == name else written

    def _describe(self, recipe: Recipe, data: Data, has_problems: bool) -> str:
        model = recipe.build()
        source = "" if recipe.source == "ours" else f" From tutorial {recipe.source}."
        text = f"**{describe_network(model)}**: {count_parameters(model):,} parameters."
        text += f" {describe_training(recipe)}.{source}"
        if has_problems:
            return text
        seconds = on_all_cores(lambda: estimate_seconds(data, recipe, device=self.device))
        is_long = seconds > 0.7 * self.max_seconds  # which also counts what is looked at meanwhile
        limit = f"; this page stops it after {self.max_seconds:.0f} s in all" if is_long else ""
        return f"{text} About **{say_seconds(seconds)}** of training here{limit}."

    def prepare(self) -> tuple:
        """Start, Stop: as they are while a training is under way or waits."""
        return gr.Button(interactive=False), gr.Button(interactive=True)

    @friendly
    def run(
        self, request: gr.Request, name: str, strokes: Strokes, filled: str, *values: Any
    ) -> Iterator[dict[str, Any]]:
        """What the monitor shows, about five times a second, from the wait for a turn to the outcome."""
        data = self.data.get()
        recipe, seed, problems = read_values(name, self._named(name, filled, values), data)
        if problem := self._lacks(name) or next(iter(problems.values()), ""):
            raise InputError(problem)
        visit = self.shelf.visit(session(request), address(request))
        with visit.training():
            data = yield from self._prepare_data(visit, recipe, data)
            with self.line.enter(visit.address) as place:
                for status in wait_for_turn(place, visit.stop):
                    yield {"status": status}
                if visit.stop.is_set():
                    yield {"status": NOTHING_LEARNED}
                else:
                    yield from self._train(visit, recipe, data, seed, strokes)

    def _prepare_data(self, visit: Visit, recipe: Recipe, mnist: Data) -> Generator[dict[str, Any], None, Data]:
        """What the recipe learns, which is people's strokes for some."""
        make = partial(self._draw_hands, mnist, recipe)
        while recipe.writers and not visit.stop.is_set():
            try:
                return self._background.get(self, f"{recipe.writers} {mnist.checksum}", make, DRAWING, visit.address)
            except Busy as busy:
                yield {"status": str(busy)}
                visit.stop.wait(UPDATE_SECONDS)
        return mnist

    def _train(self, visit: Visit, recipe: Recipe, data: Data, seed: int, strokes: Strokes) -> Iterator[dict[str, Any]]:
        yield {"status": f"Preparing {recipe.name}…"}
        drawing = None
        with suppress(DemoError):  # a drawing that cannot be read is no reason not to train
            drawing = strokes_to_image(strokes)
        if drawing is not None and not drawing.any():
            drawing = None
        run = Run(recipe, data, seed, drawing, self.max_seconds, self.device, visit.stop)
        scene = set_scene(run)
        try:
            while not run.wait(UPDATE_SECONDS):
                yield scene | tell(run)
        except GeneratorExit:  # Gradio closes it on its event loop, where nobody may wait for the thread
            run.drop()
            raise
        if not run.record or not run.model:
            curves = scene | tell(run) if run.last else {}
            yield curves | {"status": run.problem or NOTHING_LEARNED}
            return
        key = visit.keep(run.model, run.record)
        came_to = run.record.steps / scene["steps_per_epoch"]
        yield scene | tell(run) | entry(visit, key) | {"epochs": came_to}

    def _draw_hands(self, mnist: Data, recipe: Recipe, report: Report) -> Data:
        assert self.data.folder  # or else it lacks its data
        return handwriting_data(mnist, load_pen_digits(self.data.folder), recipe.writers)

    def stop(self, request: gr.Request) -> None:
        self.shelf.stop(session(request))


def show_batch(recipe: Recipe, data: Data, seed: int) -> str:
    """One batch as the network will see it, as a picture. Where half of a batch are changed copies, these come last, of
    the very digits that come first; in training, chance mixes them."""
    generator = torch.Generator().manual_seed(seed)
    learned, _ = split(data.train, recipe)
    shown = min(recipe.batch_size, BATCH_SHOWN)
    is_mixed = bool(recipe.copies) and recipe.originals
    chosen = learned[torch.randperm(len(learned), generator=generator)[: -(-shown // 2) if is_mixed else shown]]
    seen = with_copy(chosen, recipe, generator).images[:shown, 0].numpy()
    of = "A batch" if shown == recipe.batch_size else f"The first {shown} of a batch"
    kinds = ", half of them changed copies of the others" if is_mixed else ""
    kinds += "; people's pen strokes, which it learns too, are drawn after Start" if recipe.writers else ""
    caption = f"{of} as the network will see it: {recipe.batch_size:,} training digits{kinds}"
    picture = figures.sprite(seen, min(BATCH_COLUMNS, len(chosen)))
    return f'<figure><figcaption>{caption}</figcaption><img src="{picture}" alt=""></figure>'


@dataclass(frozen=True)
class TrainTab:
    """What other parts of the page may tie to."""

    loaded: Dependency  # the event that is done when the data have come
    check: dict  # the event that looks at the recipe anew, as keywords of `.then()`


def build(
    shelf: Shelf,
    data: SharedData,
    tab: gr.Tab,
    pad: Sketchpad,
    picker: gr.Dropdown,
    explorer: Explorer,
    *,
    slots: int,
    max_seconds: float,
) -> TrainTab:
    """Lay out the tab and wire it; call inside `tab`.

    The drawing on `pad` is read as training goes on; `picker` in Draw and `explorer` in Browse will offer the trained
    models. `slots` trainings run at once, each for at most `max_seconds`.
    """
    line, networks = Line(slots), kept.Handlers(shelf)
    handlers = Handlers(shelf, data, line, max_seconds, default_device())

    recipe = Choice(handlers.choices(), value=DEFAULT, label="Recipe", elem_id="recipe")
    words = gr.Markdown(elem_id="recipe-words")
    with gr.Accordion("Its values", open=False, elem_id="values"), gr.Row():
        fields = [build_field(name, value) for name, value in values_of(find_recipe(DEFAULT)).items()]
        # The recipe whose values stand in the fields; kept beside them, as a gr.State changes before they do.
        filled = gr.Textbox(DEFAULT, visible=False)
    batch = gr.HTML(elem_id="batch")
    with gr.Row():
        start = gr.Button("Start", variant="primary", elem_id="start", interactive=False, min_width=120)
        stop = gr.Button("Stop", interactive=False, elem_id="stop", min_width=120)
        upload = gr.UploadButton("Upload a network", file_types=[SUFFIX], elem_id="upload", min_width=160)
    monitor = Monitor(networks.download, elem_id="monitor")

    check: dict[str, Any] = {
        "fn": handlers.check,
        "inputs": [recipe, filled, *fields],
        "outputs": [filled, *fields, words, batch, start],
        "concurrency_limit": None,  # it has a line of its own
        **PRIVATE,
    }
    loaded = tab.select(handlers.load, None, words, concurrency_limit=None, **PRIVATE)
    loaded.success(**check)
    # Gradio tells of an input twice, which would set back a field that was filled meanwhile.
    gr.on([recipe.select, *(each.input for each in fields)], trigger_mode="always_last", **check)

    prepared = start.click(handlers.prepare, None, [start, stop], queue=False, **PRIVATE)
    training = prepared.then(handlers.run, [recipe, pad, filled, *fields], monitor, concurrency_limit=None, **PRIVATE)
    training.then(lambda: gr.Button(interactive=False), None, stop, queue=False, **PRIVATE)
    training.then(**check)
    training.then(networks.offer, picker, [picker, explorer], queue=False, **PRIVATE)
    stop.click(handlers.stop, None, None, queue=False, **PRIVATE)
    uploaded = upload.upload(networks.upload, upload, monitor, concurrency_limit=None, **PRIVATE)
    uploaded.then(networks.offer, picker, [picker, explorer], queue=False, **PRIVATE)
    monitor.select(networks.use, None, picker, queue=False, **PRIVATE)
    teaching = teach.Handlers(shelf, data, line, max_seconds)
    teach.build(teaching, picker, monitor, networks, [picker, explorer]).then(**check)
    return TrainTab(loaded, check)
