"""The page: three tabs, what ties them, and how it is launched."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.routes import App
from starlette.middleware import Middleware
from starlette.routing import Route

from mnist_demo.data import MNIST_FILES
from mnist_demo.ui import browse, draw, memory, silent, tamed, train, uploads
from mnist_demo.ui.ahead import load_ahead
from mnist_demo.ui.chores import repeated
from mnist_demo.ui.events import PRIVATE, session
from mnist_demo.ui.gate import Gate
from mnist_demo.ui.layout import LayoutInTurn
from mnist_demo.ui.shared_data import SharedData
from mnist_demo.ui.shelf import Shelf
from mnist_demo.ui.tamed import count_waiting
from mnist_demo.ui.unheard import LOOK_SECONDS, Unheard

_FONTS = ["ui-sans-serif", "system-ui", "sans-serif"]  # the system's own: nothing is fetched from other hosts
# The address names the open tab, so that a link and a reload lead back to it.
_FOLLOW_TABS = """() => {
  const tab = new URLSearchParams(location.search).get('tab');
  document.getElementById(`${tab}-tab-button`)?.click();
  document.querySelector('[role=tablist]').addEventListener('click', ({ target }) => {
    const name = target.closest('[role=tab]')?.id.replace('-tab-button', '');
    if (!name || name === new URLSearchParams(location.search).get('tab')) return;
    history.replaceState(history.state, '', `?tab=${name}`);
    setTimeout(() => document.dispatchEvent(new Event('tab'))); // when the tab is there
  });
  return [];
}"""
GRADIO_REMEMBERS = 100  # visits' layouts, 0.1 MB each; it forgets none by itself, and nothing here needs them
UPLOADS_KEPT = (600, 600)  # seconds between two looks at uploaded files, and from what age they are deleted
_LAUNCH: dict[str, Any] = {
    "theme": gr.themes.Default(primary_hue="indigo", font=_FONTS, font_mono=["ui-monospace", "monospace"]),
    "css_paths": [Path(__file__).parent / "page.css"],
    "ssr_mode": False,
    "run_history": False,  # doubles the time of a prediction
    "show_error": False,
    "enable_monitoring": False,
    "pwa": False,
    "max_threads": 250,  # of which those who wait in our lines take 200 at most
    "max_file_size": "10mb",
    "state_session_capacity": GRADIO_REMEMBERS,
}


@dataclass(frozen=True)
class Page:
    """The page, to be served once."""

    blocks: gr.Blocks
    reading: Route  # what answers the pad, beside Gradio

    def launch(self, **options: Any) -> Any:
        """As `gr.Blocks.launch`, whose `options` say where."""
        queue = self.blocks._queue
        gate = Middleware(Gate, count_waiting=lambda address: count_waiting(queue, address))
        beside = {"middleware": [gate, Middleware(LayoutInTurn)], "routes": [self.reading], "lifespan": self._lifespan}
        return self.blocks.launch(app_kwargs=beside, **_LAUNCH, **options)

    @asynccontextmanager
    async def _lifespan(self, app: App) -> AsyncIterator[None]:
        load_ahead()
        unheard = Unheard(self.blocks._queue, app.state_holder)
        async with (
            repeated(LOOK_SECONDS, unheard.look),
            repeated(silent.LOOK_SECONDS, silent.Silent(self.blocks).look),
            repeated(uploads.LOOK_SECONDS, uploads.look),
            repeated(memory.GIVE_BACK_SECONDS, memory.give_back),
        ):
            yield


@dataclass(frozen=True)
class Handlers:
    """What the page does besides its tabs: the banner while practice digits stand in for MNIST, a visit's end."""

    shelf: Shelf
    data: SharedData

    def show_banner(self) -> tuple:
        """Whether there is a banner, what it says, and whether it has a Retry button."""
        loaded = self.data.loaded
        if loaded is None or not loaded.problem:
            return gr.Column(visible=False), "", gr.skip()
        text = (
            "**These are practice digits, not MNIST.** Browse and Train work on digits that this project makes itself "
            f"from pen strokes. {loaded.problem}"
        )
        if self.data.can_retry:
            names = ", ".join(f"`{name}`" for name in MNIST_FILES)
            text += (
                f"\n\n<details><summary>To place MNIST by hand</summary>\n\nPut its four unpacked files ({names}) "
                "into `MNIST/raw` in the data folder: `data` beside `app.py`, or the one named by `--data` or "
                "`MNIST_DEMO_DATA`. Then press Retry.\n\n</details>"
            )
        return gr.Column(visible=True), text, gr.Button(visible=self.data.can_retry)

    def retry(self) -> Iterator[str]:
        yield from self.data.follow(again=True)

    def end_visit(self, request: gr.Request) -> None:
        self.shelf.end(session(request))


def build_app(
    data: SharedData, shelf: Shelf | None = None, *, train_slots: int = 1, train_seconds: float = 120
) -> Page:
    """The page, to be launched. The data are loaded when somebody first needs them.

    So many trainings run at once, each for at most `train_seconds`.
    """
    shelf = shelf or Shelf()
    for classifier in shelf.all_shipped():
        classifier.predict_strokes([[(0, 0), (1, 1)]])  # the first answer is slow
    handlers = Handlers(shelf, data)
    tamed.prepare()
    uploads.choose_folder()

    with gr.Blocks(title="Handwritten digits", analytics_enabled=False, delete_cache=UPLOADS_KEPT) as page:
        gr.Markdown(
            "# Handwritten digits\nDraw one, browse a network's mistakes, train one of your own.", elem_id="title"
        )
        with gr.Column(visible=False, elem_id="banner") as box:
            notice = gr.Markdown()
            retry = gr.Button("Retry", elem_id="retry", size="sm")
        with gr.Tab("Draw", id="draw", elem_id="draw-tab"):
            drawing = draw.build(shelf, data)
        with gr.Tab("Browse", id="browse", elem_id="browse-tab") as tab:
            browsing = browse.build(shelf, data, tab)
        with gr.Tab("Train", id="train", elem_id="train-tab") as tab:
            training = train.build(
                shelf,
                data,
                tab,
                drawing.pad,
                drawing.model,
                browsing.explorer,
                slots=train_slots,
                max_seconds=train_seconds,
            )

        show_banner: dict[str, Any] = {
            "fn": handlers.show_banner,
            "outputs": [box, notice, retry],
            "queue": False,
            **PRIVATE,
        }
        page.load(**show_banner)
        page.load(None, None, None, js=_FOLLOW_TABS)
        for event in (*browsing.shown, training.loaded):  # another visitor's Retry may have changed the data meanwhile
            event.then(**show_banner)
        retried = retry.click(handlers.retry, None, notice, concurrency_limit=None, **PRIVATE)
        retried.then(**show_banner).then(**browsing.show).then(**training.check)
        page.unload(handlers.end_visit)
    tamed.tame(page)
    return Page(page, drawing.reading)
