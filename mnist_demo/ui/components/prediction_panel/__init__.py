"""The prediction panel: the digit, ten bars, the 28x28 image, and the predictions of all models."""

from typing import Any

from mnist_demo.personalize.user_digits import MAX_DIGITS
from mnist_demo.ui.components.base import Component


class PredictionPanel(Component):
    """Show what `render.prediction` returns, the component's value.

    With `follows_pad`, show the detail of the pad's event `prediction` instead, and let users label their drawings.
    """

    scripts = ("dom.js", "strokes.js", "user_digits.js", "script.js")

    def __init__(self, value: dict[str, Any], *, follows_pad: bool = False, **options: Any):
        super().__init__(value, follows_pad=follows_pad, max_digits=MAX_DIGITS, **options)
