"""The models a visitor can choose: those in `checkpoints/`, shared and read-only, and those of the visitor's session.

Each model has a key. A shared model's key is its name. A session model's key is the session's secret token and the
model's name: only those who know the key can use the model.
"""

import copy
import logging
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from mnist_demo.checkpoints import CHECKPOINT_FOLDER, CHECKPOINT_SUFFIX, Metadata, list_checkpoints, load_checkpoint
from mnist_demo.classifier import DEFAULT_MODEL, Classifier, Prediction
from mnist_demo.errors import CheckpointError, InputError
from mnist_demo.files import remove_partial_files
from mnist_demo.models import fuse_for_inference
from mnist_demo.reports import summarize_model

logger = logging.getLogger(__name__)
MAX_SESSIONS = 1000  # beyond it, the session without models that was idle longest is dropped
MAX_MODELS = 10  # of a session, about 2 MB each; beyond it, the oldest is dropped
MAX_ALL_MODELS = 200  # of all sessions; beyond it, the client with most models loses its session idle longest
IDLE_SECONDS = 3600  # after which a session's models are dropped, even if its page is still open


@dataclass
class Session:
    """The models and the training of one open page."""

    client: str = ""  # its address
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))  # the secret part of its models' keys
    models: OrderedDict[str, Classifier] = field(default_factory=OrderedDict)  # by key
    base_models: dict[str, str] = field(default_factory=dict)  # of fine-tuned models: the key of the original
    counts: Counter[str] = field(default_factory=Counter)  # models so far by the start of their names
    stop: threading.Event = field(default_factory=threading.Event)  # set to stop the current training
    is_training: bool = False  # or waits for its turn
    last_used: float = field(default_factory=time.monotonic)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Mark the session as training. Raise InputError if it is training already."""
        if self.is_training:
            raise InputError("You are training a model already; stop it, or wait until it ends.")
        self.is_training = True
        self.stop = threading.Event()  # a job that has not quite ended keeps its own
        try:
            yield
        finally:  # also when the page closes and Gradio drops the generator that holds this
            self.is_training = False

    def add(self, model: nn.Module, metadata: Metadata, remark: str = "", *, is_taught: bool = False) -> str:
        """Keep a model and return its key. Its name contains the `remark`, or the data source unless that is MNIST.

        Names are "fast #1", "fast #2 (uploaded)", "fast + your handwriting", "fast + your handwriting #2".
        """
        remark = remark or (metadata.data_source if metadata.data_source != "MNIST" else "")
        start = metadata.recipe.name[:40] + (" + your handwriting" if is_taught else "")
        self.counts[start] += 1  # never given again: results are cached by key
        name = start if is_taught and self.counts[start] == 1 else f"{start} #{self.counts[start]}"
        name += f" ({remark})" if remark and not is_taught else ""
        key = f"{self.token}/{name}"
        self.models[key] = Classifier(name, model, metadata)
        self.last_used = time.monotonic()
        while len(self.models) > MAX_MODELS:
            self.base_models.pop(self.models.popitem(last=False)[0], None)
        return key


class ModelStore:
    """Classifiers by key, thread-safe."""

    def __init__(self, folder: Path = CHECKPOINT_FOLDER):
        remove_partial_files(folder)
        self._folder = folder
        self._lock = threading.Lock()
        self._shared: dict[str, Classifier] = {}
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # used last comes last

    def shared_names(self) -> list[str]:
        """Return the names of the shared models, which are their keys too."""
        return list_checkpoints(self._folder)

    def choices(self, session_id: str = "") -> list[tuple[str, str]]:
        """Return names and keys to choose from, the session's own models first."""
        own = [(classifier.name, key) for key, classifier in self._own_models(session_id)]
        return own + [(name, name) for name in self.shared_names()]

    def described_choices(self, session_id: str = "") -> list[tuple[str, str]]:
        """Return the same choices without damaged models; the names are followed by the model's kind and accuracy."""
        models = self._own_models(session_id) + [(each.name, each) for each in self.all_shared()]
        return [(summarize_model(each.name, each.model, each.metadata), key) for key, each in models]  # type: ignore[arg-type]  # all are Sequential

    def _own_models(self, session_id: str) -> list[tuple[str, Classifier]]:
        """Return the keys and models of a session, newest first."""
        with self._lock:
            return list(self._sessions[session_id].models.items())[::-1] if session_id in self._sessions else []

    def default_key(self) -> str:
        """Return the key of the model to start with; empty if there is no model."""
        names = self.shared_names()
        return DEFAULT_MODEL if DEFAULT_MODEL in names else next(iter(names), "")

    def find(self, key: str) -> Classifier:
        """Return the classifier with that key. Raise InputError if it is not available."""
        if not isinstance(key, str):  # anybody may send anything
            key = type(key).__name__
        with self._lock:
            if known := self._shared.get(key) or self._find_own(key):
                return known
        names = self.shared_names()
        if not names:
            raise InputError("There is no model yet; train one in the Train tab.")
        if key not in names:
            name = key.rpartition("/")[2][:60]
            raise InputError(f"The model {name!r} is no longer available; choose from: {', '.join(names)}.")
        model, metadata = self._load(key)
        with self._lock:
            return self._shared.setdefault(key, Classifier(key, fuse_for_inference(model), metadata))

    def _load(self, name: str) -> tuple[nn.Sequential, Metadata]:
        try:
            return load_checkpoint(self._folder / f"{name}{CHECKPOINT_SUFFIX}")
        except CheckpointError as error:  # its message holds the path, which visitors must not see
            logger.warning("%s", error)
            raise InputError(f"The model {name[:60]!r} cannot be loaded; see the server's log.") from None

    def copy_for_training(self, key: str) -> tuple[nn.Sequential, Metadata]:
        """Return a trainable copy of a model and its metadata. Raise InputError as `find` does."""
        classifier = self.find(key)
        if key in self._shared:  # its batch normalization is fused
            return self._load(key)
        assert classifier.metadata and isinstance(classifier.model, nn.Sequential)
        return copy.deepcopy(classifier.model), classifier.metadata

    def find_or_default(self, key: Any) -> tuple[Classifier, str]:
        """Return the classifier and an empty notice, or the default classifier and a notice that it replaces it."""
        try:
            return self.find(key), ""
        except InputError as error:
            classifier = self.find(self.default_key())
            return classifier, f"{str(error).partition(';')[0]}: {classifier.name} predicts instead."

    def all_shared(self) -> list[Classifier]:
        """Return the shared models that can be loaded."""
        classifiers = []
        for name in self.shared_names():
            with suppress(InputError):
                classifiers.append(self.find(name))
        return classifiers

    def predict_with_all(self, image: np.ndarray, classifier: Classifier) -> dict[str, Prediction]:
        """Return the predictions of all shared models and of a classifier, which may be a visitor's own, by name."""
        voters = dict.fromkeys([*self.all_shared(), classifier])
        return {each.name: each.predict_mnist(image) for each in voters}

    def _find_own(self, key: str) -> Classifier | None:
        for session_id, session in self._sessions.items():
            if own := session.models.get(key):
                self._touch(session_id, session)
                return own
        return None

    def session(self, session_id: str, client: str = "") -> Session:
        """Return a session, created at its first use. Without an id it is not stored."""
        if not session_id:
            return Session(client)
        with self._lock:
            session = self._sessions.setdefault(session_id, Session(client))
            self._touch(session_id, session)
            while len(self._sessions) > MAX_SESSIONS and self._drop_oldest(lambda other: not other.models):
                pass
            while self._drop_excess_models():
                pass
            return session

    def _drop_excess_models(self) -> bool:
        """Drop a session's models if there are too many of all; return whether one was dropped."""
        counts: Counter[str] = Counter()
        for session in self._sessions.values():
            counts[session.client] += len(session.models)
        if counts.total() <= MAX_ALL_MODELS:
            return False
        greediest = max(counts, key=counts.__getitem__)
        return self._drop_oldest(lambda session: bool(session.models) and session.client == greediest) or (
            self._drop_oldest(lambda session: bool(session.models))
        )

    def stop(self, session_id: str) -> None:
        """Stop a session's training, also while it waits for its turn."""
        with self._lock:
            session = self._sessions.get(session_id)
        if session:
            session.stop.set()

    def _touch(self, session_id: str, session: Session) -> None:
        """Mark a session as used now, and drop those that were idle too long."""
        session.last_used = time.monotonic()
        self._sessions.move_to_end(session_id)
        while self._drop_oldest(lambda other: other.last_used < session.last_used - IDLE_SECONDS):
            pass

    def _drop_oldest(self, condition: Callable[[Session], bool]) -> bool:
        """Drop the session idle longest that meets the condition; never one that trains, nor the newest."""
        for session_id, session in list(self._sessions.items())[:-1]:
            if not session.is_training and condition(session):
                del self._sessions[session_id]
                return True
        return False

    def end_session(self, session_id: str) -> None:
        """Drop the session of a page that has closed, and stop its training."""
        self.stop(session_id)
        with self._lock:
            self._sessions.pop(session_id, None)
