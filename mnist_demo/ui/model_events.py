"""The models of a visitor's session: upload, download, the choices in Draw and Browse, and the list in Train."""

from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.checkpoints import CHECKPOINT_SUFFIX, load_checkpoint, to_bytes
from mnist_demo.classifier import Classifier
from mnist_demo.errors import CheckpointError, InputError
from mnist_demo.recipes import RECIPES
from mnist_demo.reports import format_percent
from mnist_demo.server.clients import client_address
from mnist_demo.ui import render
from mnist_demo.ui.export import to_web_page
from mnist_demo.ui.handlers import query_errors, session_id, user_errors
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.model_store import Session

MAX_UPLOAD_BYTES = 4_000_000


class ModelEvents:
    """Event handlers for the models of a session."""

    def __init__(self, services: Services):
        self.models, self.queue = services.models, services.compute_queue

    @user_errors
    def upload(self, path: str, request: gr.Request) -> dict[str, Any]:
        """Add a checkpoint file to the session, validated like any other."""
        file = Path(path)
        if file.stat().st_size > MAX_UPLOAD_BYTES:
            raise InputError(f"{file.name} is too large; a model of this project has at most 3 MB.")
        try:
            with self.queue.turn(client_address(request)):
                model, metadata = load_checkpoint(file)
        except CheckpointError as error:
            raise InputError(str(error).replace(str(file), file.name)) from None  # the path is private
        session = self.session(request)
        return self.announce(session, session.add(model, metadata, "uploaded"))

    def session(self, request: gr.Request) -> Session:
        """Return the session of the page that sent a request."""
        return self.models.session(session_id(request), client_address(request))

    @query_errors
    def download(self, query: Any, client: str) -> dict[str, Any]:
        """Return the file of a session's model, or an error."""
        classifier = self._find_own(query)
        assert classifier.metadata  # it was trained or uploaded
        content = to_bytes(classifier.model, classifier.metadata)
        return render.download(f"{classifier.name}{CHECKPOINT_SUFFIX}", "application/octet-stream", content)

    @query_errors
    def web_page(self, query: Any, client: str) -> dict[str, Any]:
        """Return a session's model as a web page that predicts drawings without a server, or an error."""
        classifier = self._find_own(query)
        return render.download(f"{classifier.name}.html", "text/html", to_web_page(classifier).encode())

    def _find_own(self, query: Any) -> Classifier:
        """Return the model of a query {"key"}. Raise InputError if it is not of a session."""
        key = query.get("key", "") if isinstance(query, dict) else ""
        classifier = self.models.find(key)
        if classifier.name == key:
            raise InputError("Only a model of this session can be downloaded here.")
        return classifier

    def update_choices(self, selected: str, request: gr.Request) -> tuple[gr.Dropdown, list]:
        """Return the model choices for Draw and for Browse; the selected one stays, unless it was dropped."""
        choices = self.models.choices(session_id(request))
        keys = [key for _, key in choices]
        default = self.models.default_key() or next(iter(keys), None)
        described = self.models.described_choices(session_id(request))
        return gr.Dropdown(described, value=selected if selected in keys else default), choices

    @user_errors
    def select(self, event: gr.EventData, request: gr.Request) -> gr.Dropdown:
        """Select a run's model in Draw."""
        key = event._data.get("key", "") if isinstance(event._data, dict) else ""
        self.models.find(key)  # raises if it was dropped
        return gr.Dropdown(self.models.described_choices(session_id(request)), value=key)

    def stop(self, request: gr.Request) -> None:
        """Stop the session's training, or leave the queue."""
        self.models.stop(session_id(request))

    def end_session(self, request: gr.Request) -> None:
        """Drop the session of a page that has closed."""
        self.models.end_session(session_id(request))

    def announce(self, session: Session, key: str) -> dict[str, Any]:
        """Return what the training monitor shows of a new model that was not trained in this tab."""
        status = f"{session.models[key].name} is ready: select it in Draw or Browse."
        return {"status": status} | self.list_runs(session, key)

    def list_runs(self, session: Session, key: str) -> dict[str, Any]:
        """Return the key of a new model, and all runs, newest first: a monitor that was not open missed the others."""
        return {"key": key, "runs": [self._describe(each, own) for each, own in reversed(session.models.items())]}

    def _describe(self, key: str, classifier: Classifier) -> dict[str, Any]:
        """Return what the list of runs shows of a model."""
        metadata = classifier.metadata
        assert metadata  # it was trained or uploaded
        original = RECIPES.get(metadata.recipe.name, metadata.recipe)
        return {
            "key": key,
            "name": classifier.name,
            "changes": render.recipe_changes(metadata.recipe, original, metadata.seed),
            "accuracy": format_percent(metadata.test_accuracy),
            "seconds": f"{metadata.seconds:.1f} s",
        }
