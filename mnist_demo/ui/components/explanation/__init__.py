"""The explanation of a prediction: heat maps, activations, what-if variants, all models, and what a network is."""

from mnist_demo.ui.components.base import Component


class Explanation(Component):
    """Explain the drawing of the pad's event `prediction` when the event `ask-why` on the document wants that.

    Until then, the drawing stays in the browser. `functions` has `ExplainPanel.explain`. The page dispatches its
    response as an event `explanation` on the document.
    Option: `pen_width` is that of an unchanged drawing, in pixels.
    """

    scripts = ("dom.js", "prediction.js", "script.js")
