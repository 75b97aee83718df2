"""The prediction panel: the digit, its bars, the 28x28 image, similar training digits, and the votes of all models."""

from typing import Any

from mnist_demo.personalize.user_digits import MAX_DIGITS
from mnist_demo.ui.components.base import Component


class PredictionPanel(Component):
    """Show what `render.prediction` returns, the component's value.

    With `follows_pad`, show the details of the pad's event `prediction` and of the event `explanation` instead, and let
    users label their drawings. `model_count` is the number of votes for which to reserve space.
    """

    scripts = ("dom.js", "strokes.js", "user_digits.js", "script.js")

    def __init__(self, value: dict[str, Any], *, follows_pad: bool = False, model_count: int = 0, **options: Any):
        super().__init__(value, follows_pad=follows_pad, model_count=model_count, max_digits=MAX_DIGITS, **options)
