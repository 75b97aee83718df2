"""The training monitor: live curves, predictions of test digits and of the user's drawing, and a list of runs."""

from mnist_demo.ui.components.base import Component


class TrainingMonitor(Component):
    """Show the state of a training, the component's value, as `TrainTab.run` yields it, and list the finished runs.

    The functions `download` and `web_page` take {"key"} and return a run's file. The event `select` with {"key"}
    chooses its model for Draw.
    """

    scripts = ("dom.js", "download.js", "line_chart.js", "script.js")
