"""What a visit keeps of its trainings: how Draw and Browse come to offer it, and how its files go and come back."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.checkpoints import SUFFIX, load_checkpoint, to_bytes
from mnist_demo.errors import CheckpointError, InputError
from mnist_demo.recipes import RECIPES
from mnist_demo.reports import percent
from mnist_demo.ui.events import address, friendly, session
from mnist_demo.ui.line import Line
from mnist_demo.ui.monitor import say_changes
from mnist_demo.ui.shelf import Shelf, Visit

MAX_UPLOAD_BYTES = 4_000_000


@dataclass(frozen=True)
class Handlers:
    """What the page asks about the networks of a visit."""

    shelf: Shelf
    _uploads: Line = field(default_factory=Line)

    @friendly
    def upload(self, path: str, request: gr.Request) -> dict[str, Any]:
        """Take a checkpoint into the visit's list, checked as any."""
        file = Path(path)
        if file.stat().st_size > MAX_UPLOAD_BYTES:
            raise InputError(f"{file.name} is too large; a network of this project has at most 3 MB.")
        try:
            with self._uploads.take(address(request)):
                model, record = load_checkpoint(file)
        except CheckpointError as error:
            raise InputError(str(error).replace(str(file), file.name)) from None  # its place is nobody's business
        visit = self.shelf.visit(session(request), address(request))
        key = visit.keep(model, record, "uploaded")
        status = f"{visit.trained[key].name} is here: choose it in Draw or Browse."
        return {"status": status, "passed": ""} | entry(visit, key)

    def download(self, query: Any) -> dict[str, Any]:
        """The file of a visit's network, in base64, or an error."""
        try:
            key = query.get("key") if isinstance(query, dict) else None
            classifier = self.shelf.find(key or "")
            if classifier.name == key or classifier.record is None:
                raise InputError("Only a network of this visit can be downloaded here.")
        except InputError as error:
            return {"error": str(error)}
        content = base64.b64encode(to_bytes(classifier.model, classifier.record)).decode()
        return {"name": f"{classifier.name}{SUFFIX}", "kind": "application/octet-stream", "content": content}

    def offer(self, chosen: str, request: gr.Request) -> tuple[gr.Dropdown, list]:
        """For Draw and for Browse, the models there are now; what was chosen stays, unless it had to make room."""
        choices = self.shelf.choices(session(request))
        keys = [key for _, key in choices]
        default = self.shelf.default() or next(iter(keys), None)
        return gr.Dropdown(choices, value=chosen if chosen in keys else default), choices

    @friendly
    def use(self, event: gr.EventData, request: gr.Request) -> gr.Dropdown:
        """Choose a run's network in Draw."""
        key = event._data.get("key", "") if isinstance(event._data, dict) else ""
        self.shelf.find(key)  # raises where it is gone
        return gr.Dropdown(self.shelf.choices(session(request)), value=key)


def entry(visit: Visit, key: str) -> dict[str, Any]:
    """What the monitor's list says of a network of the visit."""
    classifier = visit.trained[key]
    record = classifier.record
    assert record  # it was trained or uploaded
    changes = record.recipe.changes(RECIPES[record.recipe.name]) if record.recipe.name in RECIPES else {}
    return {
        "key": key,
        "kept": list(visit.trained),
        "name": classifier.name,
        "changes": say_changes(changes, record.seed),
        "accuracy": percent(record.test_accuracy),
        "seconds": f"{record.seconds:.1f}",
    }
