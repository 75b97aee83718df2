"""The page: four tabs, and what connects them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.responses import FileResponse
from starlette.routing import Route

from mnist_demo.data.mnist import MNIST_FILES
from mnist_demo.ui.browse_tab import BrowseTab
from mnist_demo.ui.draw_tab import DrawTab
from mnist_demo.ui.explain_panel import ExplainPanel
from mnist_demo.ui.handlers import LONG_EVENT, QUICK_EVENT
from mnist_demo.ui.model_events import ModelEvents
from mnist_demo.ui.predict_api import PredictApi
from mnist_demo.ui.services import Services
from mnist_demo.ui.teach_tab import TeachTab
from mnist_demo.ui.theme import create_theme
from mnist_demo.ui.train_tab import TrainTab

_FOLDER = Path(__file__).parent
_PROMISE = "Draw a digit and watch a neural network read it. See where it fails. Train your own in seconds."


@dataclass(frozen=True)
class Page:
    """The page, ready to be served."""

    blocks: gr.Blocks
    routes: list[Route]  # served beside Gradio's
    head: str  # HTML tags
    style: dict[str, Any]  # options of `gr.Blocks.launch`


class Banner:
    """A notice above the tabs while synthetic digits replace MNIST."""

    def __init__(self, services: Services):
        self.datasets = services.datasets

    def build(self) -> None:
        with gr.Column(visible=False, elem_id="banner") as box:
            self.text = gr.Markdown()
            self.retry_button = gr.Button("Retry", elem_id="retry", size="sm")
        outputs = [box, self.text, self.retry_button]
        self.refresh: dict[str, Any] = {"fn": self.update, "outputs": outputs, **QUICK_EVENT}
        self.retried = self.retry_button.click(self.retry, None, self.text, **LONG_EVENT)

    def update(self) -> tuple:
        """Return the banner's visibility, its text, and its Retry button."""
        loaded = self.datasets.loaded
        if loaded is None or not loaded.problem:
            return gr.Column(visible=False), "", gr.skip()
        text = "**MNIST is missing here, so these digits are computer-made.**"
        if self.datasets.folder is None:
            return gr.Column(visible=True), f"{text} {loaded.problem}", gr.Button(visible=False)
        names = ", ".join(f"`{name}`" for name in MNIST_FILES)
        text += (
            f"\n\n<details><summary>How to add MNIST</summary>\n\n{loaded.problem} Retry when that is solved, or put "
            f"MNIST's four unpacked files ({names}) into `MNIST/raw` in the data folder, then press Retry. The data "
            "folder is `data` beside `app.py`, or the one named by `--data` or `MNIST_DEMO_DATA`.\n\n</details>"
        )
        return gr.Column(visible=True), text, gr.Button(visible=True)

    def retry(self) -> Iterator[str]:
        yield from self.datasets.load(retry=True)


def build_page(services: Services) -> Page:
    """Build the page with its four tabs. The dataset is loaded when a tab first needs it."""
    for classifier in services.models.all_shared():
        classifier.predict_strokes([[(0, 0), (1, 1)]])  # the first prediction is slow
    model_events, explain = ModelEvents(services), ExplainPanel(services)
    banner, draw, browse = Banner(services), DrawTab(services), BrowseTab(services)
    train, teach = TrainTab(services, model_events), TeachTab(services, model_events)

    with gr.Blocks(title="Handwritten digits", analytics_enabled=False) as blocks:
        gr.Markdown(f"# Handwritten digits\n{_PROMISE}", elem_id="title")
        banner.build()
        with gr.Tab("Draw", id="draw", elem_id="draw-tab"):
            draw.build(explain.explain)
        with gr.Tab("Browse", id="browse", elem_id="browse-tab") as browse_tab:
            browse.build(browse_tab)
        with gr.Tab("Train", id="train", elem_id="train-tab") as train_tab:
            train.build(train_tab, draw.pad)
        with gr.Tab("Teach", id="teach", elem_id="teach-tab"):
            teach.build(train.monitor)

        # A new model becomes a choice in Draw and Browse.
        teach.finetuned.then(**train.refresh)
        for event in (train.trained, train.uploaded, teach.finetuned):
            outputs = [draw.model, browse.browser]
            event.then(model_events.update_choices, draw.model, outputs, **QUICK_EVENT)
            event.then(teach.update_choices, None, teach.panel, **QUICK_EVENT)
        # One model is selected in Draw, Browse and Teach.
        names, default = json.dumps(services.models.shared_names()), json.dumps(services.models.default_key())
        blocks.load(None, draw.model, draw.model, js=f"(selected) => readModel(selected, {names})")
        draw.model.change(None, draw.model, None, js=f"(key) => shareModel(key, {default})")
        for select in (train.monitor.select, teach.panel.select, browse.browser.select):
            select(model_events.select, None, draw.model, **QUICK_EVENT)

        # The banner follows the dataset, which another visitor's Retry may have changed.
        blocks.load(**banner.refresh)
        for event in (browse.loaded, train.loaded):
            event.then(**banner.refresh)
        banner.retried.then(**banner.refresh).then(None, js="refreshDigits").then(**train.refresh)

        PredictApi(services).add_endpoints()
        blocks.load(None, None, None, js="trackTabs")
        blocks.load(None, None, None, js="allowAnyPhotoName")
        blocks.unload(model_events.end_session)
    style = {"theme": create_theme(), "css_paths": [_FOLDER / "page.css"], "favicon_path": _FOLDER / "favicon.svg"}
    card = Route("/card.png", lambda _: FileResponse(_FOLDER / "card.png"))
    head, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("head.html", "page.js"))
    return Page(blocks, [draw.weights.route, card], f"{head}<script>\n{script}</script>\n", style)
