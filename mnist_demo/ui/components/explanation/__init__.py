"""The explanation of a prediction: heat maps, nearest training digits, activations, and what-if variants."""

from typing import Any

from mnist_demo.preprocess.strokes import PEN_WIDTH
from mnist_demo.ui.components.base import Component, Query

POLL_MS = 500  # between two requests while the server computes the nearest digits


class Explanation(Component):
    """Explain the drawing of the pad's event `prediction` while the panel is open.

    `explain` is `ExplainPanel.explain`.
    """

    scripts = ("dom.js", "script.js")

    def __init__(self, explain: Query, **options: Any):
        super().__init__(functions=[explain], pen_width=PEN_WIDTH, poll_ms=POLL_MS, **options)
