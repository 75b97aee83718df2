"""What takes seconds is made once, in the background; who asks for it meanwhile hears how far it is."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from mnist_demo.ui.line import FairQueue, Ticket

Made = TypeVar("Made")
Report = Callable[[str], None]


class Busy(Exception):
    """What was asked for is not there yet; the message says how far it is."""


class _Abandoned(Exception):
    """Nobody waits any more for what is being made."""


@dataclass
class _Job:
    ticket: Ticket
    status: str
    asked: float = field(default_factory=time.monotonic)  # when somebody last asked for it
    future: Future = field(default_factory=Future)


@dataclass(frozen=True)
class Background:
    """Makes one thing at a time: two would only halve each other's speed. What nobody has asked for in the last
    `patience` seconds is given up when it reports next, so that others need not wait for it; of what waits, that comes
    next which is fair to those who ask."""

    patience: float = 3.0
    _jobs: WeakKeyDictionary[Any, dict[str, _Job]] = field(default_factory=WeakKeyDictionary)
    _queue: FairQueue = field(default_factory=FairQueue)
    _waiting: dict[Ticket, Callable[[], None]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "background"))

    def get(self, owner: Any, name: str, make: Callable[[Report], Made], status: str, asker: str = "") -> Made:
        """What `make` gave for that name, kept for as long as `owner` is. Raises Busy until then, with the `status` or
        what `make` reported since; what `make` raised, once, and the next who asks has it made anew. `asker` is an
        address."""
        with self._lock:
            jobs = self._jobs.setdefault(owner, {})
            job = jobs.get(name)
            if job is None:
                job = jobs[name] = _Job(self._queue.enter(asker), status)
                self._waiting[job.ticket] = partial(self._make, jobs, name, job, make)
                self._worker.submit(self._make_next)
            job.asked = time.monotonic()
            if not job.future.done():
                self._queue.share(job.ticket, asker)
                raise Busy(job.status)
            if job.future.exception():
                del jobs[name]
            return job.future.result()

    def forget(self, owner: Any) -> None:
        """Keep nothing of what was made for that owner."""
        with self._lock:
            self._jobs.pop(owner, None)

    def _make_next(self) -> None:
        with self._lock:
            ticket = self._queue.give_turn()
            make = self._waiting.pop(ticket)
        try:
            make()
        finally:
            with self._lock:
                self._queue.leave(ticket)

    def _make(self, jobs: dict[str, _Job], name: str, job: _Job, make: Callable[[Report], Any]) -> None:
        def report(status: str) -> None:
            if time.monotonic() - job.asked > self.patience:
                raise _Abandoned
            job.status = status

        try:
            report(job.status)
            job.future.set_result(make(report))
        except _Abandoned:
            with self._lock:
                jobs.pop(name, None)  # whoever asks now has it made anew
        except BaseException as error:  # or else whoever asks waits for ever
            job.future.set_exception(error)
