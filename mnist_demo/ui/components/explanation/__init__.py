"""The explanation of a prediction: heat maps, activations, what-if variants, all models, and what a network is."""

from typing import Any

from mnist_demo.preprocess.strokes import PEN_WIDTH
from mnist_demo.ui.components.base import Component, Query

POLL_MS = 500  # between two requests while the server computes the nearest digits
HINT = "Draw a digit: this is what happens between your ink and the answer."


class Explanation(Component):
    """Explain the drawing of the pad's event `prediction` once the pen has rested.

    `explain` is `ExplainPanel.explain`. The page dispatches its response as an event `explanation` on the document.
    """

    scripts = ("dom.js", "script.js")

    def __init__(self, explain: Query, **options: Any):
        super().__init__(functions=[explain], pen_width=PEN_WIDTH, poll_ms=POLL_MS, hint=HINT, **options)
