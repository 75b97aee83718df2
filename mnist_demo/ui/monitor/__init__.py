"""What one watches while a network learns: curves, digits that turn green, one's own drawing; and the runs so far."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.recipes import AUGMENTATIONS
from mnist_demo.reports import percent
from mnist_demo.training import count_steps
from mnist_demo.ui import figures
from mnist_demo.ui.events import server_function
from mnist_demo.ui.run import SAMPLE, Run

_HERE = Path(__file__).parent
_HTML, _CSS, _JS = (
    (_HERE / name).read_text(encoding="utf-8") for name in ("monitor.html", "monitor.css", "monitor.js")
)
_SAVE, _CHART = ((_HERE.parent / f"{name}.js").read_text(encoding="utf-8") for name in ("save", "chart"))


class Monitor(gr.HTML):
    """Its value is a run as `train.Handlers` tells of it. The page keeps those that have ended, and overlays the curves
    of any two.

    `download` is a server function that gives the file of a run by {"key"}. Fires `select` with {"key"} where a run
    is to be used in Draw.
    """

    def __init__(self, download: Callable[[Any], dict[str, Any]], **options: Any):
        super().__init__(
            value=None,
            html_template=_HTML,
            css_template=_CSS,
            js_on_load=f"{_SAVE}\n{_CHART}\n{_JS}",
            server_functions=[server_function(download)],
            **options,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}

    def example_payload(self) -> dict:
        return {}

    def example_value(self) -> dict:
        return {}


def set_scene(run: Run) -> dict[str, Any]:
    """What the monitor shows of a run that stays as it is."""
    sample = run.data.test[:SAMPLE]
    steps = count_steps(run.data, run.recipe)
    return {
        "name": run.recipe.name,
        "epochs": run.recipe.all_epochs,
        "steps_per_epoch": steps,
        "sample": {
            "sprite": figures.sprite(sample.images[:, 0].numpy()),
            "columns": figures.WALL_COLUMNS,
            "truth": sample.labels.tolist(),
        },
        "drawing": None if run.drawing is None else figures.png_url(255 - run.drawing),
    }


def tell(run: Run) -> dict[str, Any]:
    """What the monitor shows of a run now."""
    return {
        "status": say_status(run),
        "curves": run.curves(),
        "read": run.read,
        "drawing_read": run.drawing_read,
        "passed": "" if run.passed_goal is None else f"{run.passed_goal:.1f} s",
    }


def say_status(run: Run) -> str:
    last = run.last
    if last is None:
        return f"Preparing {run.recipe.name}…"
    rate = last.step * run.recipe.batch_size / max(last.seconds, 1e-9)
    if not run.has_trained:
        left = last.seconds / last.step * (last.steps - last.step)
        return (
            f"Epoch {last.epoch} of {run.recipe.all_epochs}, step {last.step:,} of {last.steps:,}: "
            f"{last.seconds:.1f} s so far, about {say_seconds(left)} to go, {rate:,.0f} images a second"
        )
    why = " (this server gives a training so long)" if run.is_over_time else ""
    outcome = "Finished" if last.step == last.steps else f"Stopped at step {last.step:,}{why}"
    if run.record is None:
        return f"{outcome} after {last.seconds:.1f} s of training; measuring its test accuracy…"
    return (
        f"{outcome} after {last.seconds:.1f} s of training: test accuracy {percent(run.record.test_accuracy)}, "
        f"{rate:,.0f} images a second."
    )


def say_seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def say_changes(changes: dict[str, Any], seed: int) -> str:
    """Such as "lr 0.1, augmentation none, seed 3", or empty."""
    texts = []
    for name, value in changes.items():
        if name == "copies":
            known = (name for name, copies in AUGMENTATIONS.items() if copies == value)
            texts.append(f"augmentation: {next(known, 'another')}")
        elif name != "then":
            texts.append(
                f"{name.replace('_', ' ')} {value:.0%}" if name == "share" else f"{name.replace('_', ' ')} {value}"
            )
    return ", ".join([*texts, *([f"seed {seed}"] if seed else [])])
