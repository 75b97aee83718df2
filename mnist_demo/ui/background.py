"""What takes seconds is made once, in the background; who asks for it meanwhile hears how far it is."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

Made = TypeVar("Made")
Report = Callable[[str], None]


class Busy(Exception):
    """What was asked for is not there yet; the message says how far it is."""


class _Abandoned(Exception):
    """Nobody waits any more for what is being made."""


@dataclass
class _Job:
    status: str
    asked: float = field(default_factory=time.monotonic)  # when somebody last asked for it
    future: Future | None = None


@dataclass(frozen=True)
class Background:
    """Makes one thing at a time: two would only halve each other's speed. What nobody has asked for in the last
    `patience` seconds is given up when it reports next, so that others need not wait for it."""

    patience: float = 3.0
    _jobs: WeakKeyDictionary[Any, dict[str, _Job]] = field(default_factory=WeakKeyDictionary)
    _lock: Lock = field(default_factory=Lock)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "background"))

    def get(self, owner: Any, name: str, make: Callable[[Report], Made], status: str) -> Made:
        """What `make` gave for that name, kept for as long as `owner` is. Raises Busy until then, with the `status` or
        what `make` reported since; what `make` raised, once, and the next who asks has it made anew."""
        with self._lock:
            jobs = self._jobs.setdefault(owner, {})
            job = jobs.get(name)
            if job is None:
                job = jobs[name] = _Job(status)
                job.future = self._worker.submit(self._make, jobs, name, job, make)
            job.asked = time.monotonic()
            if not job.future or not job.future.done():
                raise Busy(job.status)
            if job.future.exception():
                del jobs[name]
            return job.future.result()

    def forget(self, owner: Any) -> None:
        """Keep nothing of what was made for that owner."""
        with self._lock:
            self._jobs.pop(owner, None)

    def _make(self, jobs: dict[str, _Job], name: str, job: _Job, make: Callable[[Report], Made]) -> Made | None:
        def report(status: str) -> None:
            if time.monotonic() - job.asked > self.patience:
                raise _Abandoned
            job.status = status

        try:
            report(job.status)
            return make(report)
        except _Abandoned:
            with self._lock:
                jobs.pop(name, None)  # whoever asks now has it made anew
            return None
