"""The prediction panel: the digit, its bars, the 28x28 image, similar training digits, and the votes of all models."""

from mnist_demo.ui.components.base import Component


class PredictionPanel(Component):
    """Show what `render.prediction` returns, the component's value, and in "blank" the note if there is no ink.

    With the option `follows_pad`, show the details of the pad's events `prediction` and `votes` and of the event
    `explanation` instead, and let users label up to `max_digits` drawings. `model_count` is the number of votes for
    which to reserve space.
    """

    scripts = ("dom.js", "strokes.js", "user_digits.js", "prediction.js", "script.js")
