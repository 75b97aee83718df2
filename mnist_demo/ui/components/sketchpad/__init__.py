"""The drawing pad: draw with a finger, mouse or pen; predictions follow while the pen moves."""

from mnist_demo.ui.components.base import Component

PAD_SIZE = 1000  # coordinates on the pad run from 0 to this


class Sketchpad(Component):
    """Record a drawing: a list of strokes, each a list of (x, y) from 0 to 1000 on the pad, y down.

    The browser predicts the drawing while the pen moves, and dispatches the result as an event `prediction` on the
    document. It holds a verdict, such as "Not a digit?", only once the pen has rested (`judged`). The event `listening`
    requests it again, and `ask-all` the predictions of all models, which follow as events `votes`. The value changes
    at pen-up. It is None before the first drawing.
    Options: `engine` is `browser.engine_script()`, `model` the key of the selected model, and `weights` the addresses
    of the shared models by name. Each drawing in `examples`, by name, gets a button.
    """

    scripts = ("dom.js", "strokes.js", "prediction.js", "engine.js", "predict.js", "script.js")
