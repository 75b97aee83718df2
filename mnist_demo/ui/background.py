"""What takes seconds is made once, in the background; who asks for it meanwhile hears how far it is."""

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


@dataclass
class _Job:
    status: str
    future: Future | None = None


@dataclass(frozen=True)
class Background:
    """Makes one thing at a time: two would only halve each other's speed."""

    _jobs: WeakKeyDictionary[Any, dict[str, _Job]] = field(default_factory=WeakKeyDictionary)
    _lock: Lock = field(default_factory=Lock)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "background"))

    def get(self, owner: Any, name: str, make: Callable[[Report], Made], status: str) -> Made:
        """What `make` gave for that name, kept for as long as `owner` is. Raises Busy until then, with the `status` or
        what `make` reported since; what `make` raised, once, and the next who asks has it made anew."""
        with self._lock:
            jobs = self._jobs.setdefault(owner, {})
            if name not in jobs:
                job = jobs[name] = _Job(status)
                job.future = self._worker.submit(make, lambda text: setattr(job, "status", text))
            job = jobs[name]
            if not job.future or not job.future.done():
                raise Busy(job.status)
            if job.future.exception():
                del jobs[name]
            return job.future.result()
