"""The models a visitor can choose: those in `checkpoints/`, shared and read-only, and those trained in this visit."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from mnist_demo.checkpoints import FOLDER, SUFFIX, list_checkpoints
from mnist_demo.classifier import DEFAULT_MODEL, Classifier
from mnist_demo.data import Data
from mnist_demo.errors import InputError
from mnist_demo.recipes import Recipe

MAX_VISITS = 100  # visits whose models are kept; the one idle longest is forgotten first
MAX_TRAINED = 5  # models of a visit, about 2 MB each; the oldest is forgotten first


@dataclass
class Visit:
    """What belongs to one open page."""

    trained: OrderedDict[str, Classifier] = field(default_factory=OrderedDict)
    count: int = 0  # models trained so far, forgotten ones included
    stop: threading.Event = field(default_factory=threading.Event)  # set to end the training under way

    def keep(self, recipe: Recipe, data: Data, model: nn.Module) -> Classifier:
        """Keep a trained network under a name of its own, which tells of data that are not MNIST."""
        self.count += 1
        name = f"{recipe.name}, yours {self.count}" + ("" if data.name == "MNIST" else f" ({data.name})")
        classifier = Classifier(name, model)
        self.trained[classifier.name] = classifier
        while len(self.trained) > MAX_TRAINED:
            self.trained.popitem(last=False)
        return classifier


class Shelf:
    """Classifiers by name. Names in `checkpoints/` mean the same to everybody; the others are a visit's own."""

    def __init__(self, folder: Path = FOLDER):
        self._folder = folder
        self._lock = threading.Lock()
        self._shipped: dict[str, Classifier] = {}
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def names(self, session: str = "") -> list[str]:
        """The names to choose from, a visit's own first."""
        own = list(self._visits[session].trained)[::-1] if session in self._visits else []
        return own + list_checkpoints(self._folder)

    def default(self) -> str:
        """The name of the model to start with, empty where there is none."""
        names = self.names()
        return DEFAULT_MODEL if DEFAULT_MODEL in names else next(iter(names), "")

    def find(self, name: str, session: str = "") -> Classifier:
        """A classifier by name. Raises InputError where it is not to be had, CheckpointError where it is damaged."""
        if session in self._visits and (own := self.visit(session).trained.get(name)):
            return own
        if name not in list_checkpoints(self._folder):
            choices = ", ".join(self.names(session))
            remedy = f"choose from: {choices}" if choices else "there is none yet, train one in the Train tab"
            raise InputError(f"The model {str(name)[:60]!r} is not here (any more); {remedy}.")
        with self._lock:
            if name not in self._shipped:
                self._shipped[name] = Classifier.load(self._folder / f"{name}{SUFFIX}")
            return self._shipped[name]

    def visit(self, session: str) -> Visit:
        """A visit's things, made when they are first asked for; kept by none where the session has no name."""
        if not session:
            return Visit()
        with self._lock:
            visit = self._visits.setdefault(session, Visit())
            self._visits.move_to_end(session)
            while len(self._visits) > MAX_VISITS:
                self._visits.popitem(last=False)[1].stop.set()
            return visit

    def end(self, session: str) -> None:
        """Forget a visit whose page has closed, and end its training."""
        with self._lock:
            visit = self._visits.pop(session, None)
        if visit:
            visit.stop.set()
