"""Expensive results, computed once in a thread while the pages that need them poll."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from mnist_demo.ui.services.queues import Ticket, WorkQueue

Result = TypeVar("Result")
Report = Callable[[str], None]  # takes a status for the pages that wait


class NotReady(Exception):
    """The result is not computed yet; the message is its status."""


class _Abandoned(Exception):
    """No page polls for the result any more."""


@dataclass
class _Computation:
    ticket: Ticket
    status: str
    polled: float = field(default_factory=time.monotonic)  # when a page last asked for it
    future: Future = field(default_factory=Future)


@dataclass(frozen=True)
class ResultCache:
    """Compute expensive results once, one at a time, in an order that is fair to clients.

    A computation that is not polled for `abandon_after` seconds is cancelled at its next report. Of the owners with
    finished results, the cache keeps the `max_owners` that were used last.
    """

    abandon_after: float = 3.0
    max_owners: int | None = None  # None for no limit
    _queue: WorkQueue = field(default_factory=lambda: WorkQueue(max_waiting=50))
    _computations: WeakKeyDictionary[Any, dict[str, _Computation]] = field(default_factory=WeakKeyDictionary)
    _lock: Lock = field(default_factory=Lock)

    def get(self, owner: Any, name: str, compute: Callable[[Report], Result], status: str, client: str = "") -> Result:
        """Return the result of `compute` for that name. It lives as long as `owner`.

        Raise NotReady with the latest status until it is there, and what `compute` raised, once: the next call computes
        it again. `client` is an address.
        """
        with self._lock:
            by_name = self._computations[owner] = self._computations.pop(owner, {})  # the owner used last comes last
            computation = by_name.get(name)
            if computation is None:
                computation = by_name[name] = _Computation(self._queue.add(client), status)
                work = (by_name, name, computation, compute)
                Thread(target=self._compute, args=work, name="result", daemon=True).start()
            computation.polled = time.monotonic()
            if not computation.future.done():
                self._queue.share(computation.ticket, client)
                raise NotReady(computation.status)
            if computation.future.exception():
                del by_name[name]
            self._drop_excess_results()
            return computation.future.result()

    def _drop_excess_results(self) -> None:
        """Drop finished results of the owners used longest ago; pending ones would displace each other forever."""
        finished = [
            owner
            for owner, by_name in self._computations.items()
            if by_name and all(computation.future.done() for computation in by_name.values())
        ]
        for owner in finished[: -self.max_owners] if self.max_owners else []:
            del self._computations[owner]

    def _compute(
        self, by_name: dict[str, _Computation], name: str, computation: _Computation, compute: Callable[[Report], Any]
    ) -> None:
        def report(status: str) -> None:
            if time.monotonic() - computation.polled > self.abandon_after:
                raise _Abandoned
            computation.status = status

        try:
            with self._queue.turn_of(computation.ticket):
                try:
                    report(computation.status)
                    computation.future.set_result(compute(report))
                except _Abandoned:
                    with self._lock:
                        by_name.pop(name, None)
        except BaseException as error:  # a page that polls must learn of any failure
            computation.future.set_exception(error)
