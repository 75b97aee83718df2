"""Export a model as a web page: one HTML file with the pad of the Draw tab, which needs no server and no other file."""

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

from mnist_demo.browser import to_weights_file
from mnist_demo.classifier import Classifier
from mnist_demo.models import count_parameters
from mnist_demo.reports import format_percent
from mnist_demo.ui.components.base import Component
from mnist_demo.ui.draw_tab import create_pad, create_panel
from mnist_demo.ui.theme import create_theme

_FOLDER = Path(__file__).parent


def to_web_page(classifier: Classifier) -> str:
    """Return the HTML of a page that predicts drawings with a model in the browser."""
    weights = base64.b64encode(to_weights_file(classifier)).decode()
    pad = create_pad(classifier.name, {classifier.name: f"data:application/octet-stream;base64,{weights}"})
    panel = create_panel(model_count=1)
    page_style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    parts = {
        "TITLE": html.escape(f"Draw a digit: {classifier.name}"),
        "ABOUT": html.escape(_describe(classifier)),
        "STYLE": "\n".join([create_theme()._get_theme_css(), page_style, _style(pad), _style(panel)]),
        "PAD": pad.html_template,
        "PAD_PROPS": _props(pad),
        "PAD_SCRIPT": pad.js_on_load,
        "PANEL": panel.html_template,
        "PANEL_PROPS": _props(panel),
        "PANEL_SCRIPT": panel.js_on_load,
    }
    page = (_FOLDER / "export.html").read_text(encoding="utf-8")
    return re.sub(r"{{(\w+)}}", lambda match: str(parts[match[1]]), page)


def _describe(classifier: Classifier) -> str:
    weights = f"{count_parameters(classifier.model):,} weights"
    tested = (
        f", {format_percent(classifier.metadata.test_accuracy)} of the test digits correct"
        if classifier.metadata
        else ""
    )
    return (
        f"The model {classifier.name} ({weights}{tested}) predicts your drawing in this page. Nothing is sent anywhere."
    )


def _style(component: Component) -> str:
    """Return the component's style, scoped as Gradio does."""
    return f"#{component.elem_id} {{\n{component.css_template}\n}}"


def _props(component: Component) -> str:
    """Return what the component's script reads, as JSON in a script."""
    values: dict[str, Any] = {"value": component.value, **component.props}
    return json.dumps(values).replace("<", "\\u003c")  # no tag in the script
