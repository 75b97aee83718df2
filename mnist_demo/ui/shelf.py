"""The models a visitor can choose: those in `checkpoints/`, shared and read-only, and those trained in this visit.

Each has a key. Those in `checkpoints/` go by their names; those of a visit have its token before the name, which nobody
else can guess, so that whoever has the key may use the model, wherever a request comes from.
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

from torch import nn

from mnist_demo.checkpoints import FOLDER, SUFFIX, Record, list_checkpoints, load_checkpoint
from mnist_demo.classifier import DEFAULT_MODEL, Classifier
from mnist_demo.errors import CheckpointError, InputError
from mnist_demo.files import remove_leftovers
from mnist_demo.models import for_reading

logger = logging.getLogger(__name__)
MAX_VISITS = 1000  # that are remembered; of those that keep no model, the one idle longest is forgotten first
MAX_TRAINED = 10  # models of a visit, about 2 MB each; the oldest is forgotten first
MAX_KEPT = 200  # models of all visits; of the address that has most, those of the visit idle longest go first
IDLE_SECONDS = 3600  # after which a visit's models are forgotten, though its page may still be open


@dataclass
class Visit:
    """What belongs to one open page."""

    address: str = ""  # where it comes from
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))  # the only secret of its models' keys
    trained: OrderedDict[str, Classifier] = field(default_factory=OrderedDict)  # by key
    origins: dict[str, str] = field(default_factory=dict)  # the keys of those that were taught: whose copies they are
    count: int = 0  # models trained so far, forgotten ones included
    stop: threading.Event = field(default_factory=threading.Event)  # set to end the training under way
    is_training: bool = False  # or waits to: one at a time
    used: float = field(default_factory=time.monotonic)  # when last

    @contextmanager
    def training(self) -> Iterator[None]:
        """While the block lasts, the visit trains, or waits to. Raises InputError where it does so already."""
        if self.is_training:
            raise InputError("A training of yours is under way already; stop it, or wait for its end.")
        self.is_training = True
        self.stop = threading.Event()  # a run that has not quite ended keeps its own
        try:
            yield
        finally:  # also where the page is closed and Gradio drops the generator that holds this
            self.is_training = False

    def keep(self, model: nn.Module, record: Record, remark: str = "") -> str:
        """Keep a network under a name of its own, which tells of data that are not MNIST, and give its key."""
        self.count += 1
        remark = remark or (record.data_source if record.data_source != "MNIST" else "")
        name = f"{record.recipe.name[:40]}, yours {self.count}" + (f" ({remark})" if remark else "")
        key = f"{self.token}/{name}"
        self.trained[key] = Classifier(name, model, record)
        self.used = time.monotonic()
        while len(self.trained) > MAX_TRAINED:
            self.origins.pop(self.trained.popitem(last=False)[0], None)
        return key


class Shelf:
    """Classifiers by key."""

    def __init__(self, folder: Path = FOLDER):
        remove_leftovers(folder)
        self._folder = folder
        self._lock = threading.Lock()
        self._shipped: dict[str, Classifier] = {}
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def shipped(self) -> list[str]:
        """The names, which are the keys too, of the models that everybody can use."""
        return list_checkpoints(self._folder)

    def choices(self, session: str = "") -> list[tuple[str, str]]:
        """Names and keys to choose from, a visit's own first."""
        with self._lock:
            own = list(self._visits[session].trained.items())[::-1] if session in self._visits else []
        return [(classifier.name, key) for key, classifier in own] + [(name, name) for name in self.shipped()]

    def default(self) -> str:
        """The key of the model to start with, empty where there is none."""
        names = self.shipped()
        return DEFAULT_MODEL if DEFAULT_MODEL in names else next(iter(names), "")

    def find(self, key: str) -> Classifier:
        """A classifier by key. Raises InputError where it is not to be had."""
        if not isinstance(key, str):  # it may come from anywhere
            key = type(key).__name__
        with self._lock:
            if known := self._shipped.get(key) or self._find_own(key):
                return known
        names = self.shipped()
        if not names:
            raise InputError("There is no model yet; train one in the Train tab.")
        if key not in names:
            name = key.rpartition("/")[2][:60]
            raise InputError(f"The model {name!r} is not here (any more); choose from: {', '.join(names)}.")
        model, record = self._load(key)
        with self._lock:
            return self._shipped.setdefault(key, Classifier(key, for_reading(model), record))

    def _load(self, name: str) -> tuple[nn.Sequential, Record]:
        try:
            return load_checkpoint(self._folder / f"{name}{SUFFIX}")
        except CheckpointError as error:  # which names the file, and where it is
            logger.warning("%s", error)
            raise InputError(f"The model {name[:60]!r} cannot be loaded; the server's log says why.") from None

    def copy(self, key: str) -> tuple[nn.Sequential, Record]:
        """A copy of a network to train on, as its recipe builds it, and its record. Raises InputError as `find`."""
        classifier = self.find(key)
        if key in self._shipped:  # which is prepared for reading alone
            return self._load(key)
        assert classifier.record and isinstance(classifier.model, nn.Sequential)
        return copy.deepcopy(classifier.model), classifier.record

    def find_or_default(self, key: Any) -> tuple[Classifier, str]:
        """The classifier, or else the default and a notice of that: one trained in a visit that has ended is gone."""
        try:
            return self.find(key), ""
        except InputError as error:
            classifier = self.find(self.default())
            return classifier, f"{str(error).partition(';')[0]}: {classifier.name} answers instead."

    def all_shipped(self) -> list[Classifier]:
        """What everybody can use, but for what cannot be loaded."""
        classifiers = []
        for name in self.shipped():
            with suppress(InputError):
                classifiers.append(self.find(name))
        return classifiers

    def _find_own(self, key: str) -> Classifier | None:
        for session, visit in self._visits.items():
            if own := visit.trained.get(key):
                self._touch(session, visit)
                return own
        return None

    def visit(self, session: str, address: str = "") -> Visit:
        """A visit's things, made when they are first asked for; kept by none where the session has no name. It counts
        as from the address that asked first."""
        if not session:
            return Visit(address)
        with self._lock:
            visit = self._visits.setdefault(session, Visit(address))
            self._touch(session, visit)
            while len(self._visits) > MAX_VISITS and self._forget_oldest(lambda visit: not visit.trained):
                pass
            while self._make_room():
                pass
            return visit

    def _make_room(self) -> bool:
        """Where too many models are kept, forget a visit's; whether that was so, and there was one."""
        kept: Counter[str] = Counter()
        for visit in self._visits.values():
            kept[visit.address] += len(visit.trained)
        if kept.total() <= MAX_KEPT:
            return False
        most = max(kept, key=kept.__getitem__)
        return self._forget_oldest(lambda visit: bool(visit.trained) and visit.address == most) or self._forget_oldest(
            lambda visit: bool(visit.trained)
        )

    def stop(self, session: str) -> None:
        """End a visit's training, or its wait for one."""
        with self._lock:
            visit = self._visits.get(session)
        if visit:
            visit.stop.set()

    def _touch(self, session: str, visit: Visit) -> None:
        """Note that a visit is in use, and forget those that have not been for long."""
        visit.used = time.monotonic()
        self._visits.move_to_end(session)
        while self._forget_oldest(lambda other: other.used < visit.used - IDLE_SECONDS):
            pass

    def _forget_oldest(self, of: Callable[[Visit], bool]) -> bool:
        """Forget the visit that was used longest ago, `of` those, but none that trains and never the newest; whether
        there was one."""
        for session, visit in list(self._visits.items())[:-1]:
            if not visit.is_training and of(visit):
                del self._visits[session]
                return True
        return False

    def end(self, session: str) -> None:
        """Forget a visit whose page has closed, and end its training."""
        with self._lock:
            visit = self._visits.pop(session, None)
        if visit:
            visit.stop.set()
