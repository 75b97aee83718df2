"""Who computes when: one at a time, while a few wait, and the others are told so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_demo.errors import InputError


class Turns:
    """A lock that at most so many may wait for: each who does takes one of the 40 threads that answer everybody."""

    def __init__(self, waiting: int):
        self._places = threading.Semaphore(waiting + 1)
        self._lock = threading.Lock()

    @contextmanager
    def take(self) -> Iterator[None]:
        """One's turn, until the end of the block. Raises InputError where too many wait."""
        if not self._places.acquire(blocking=False):
            raise InputError("Many ask for this at the moment; try again shortly.")
        try:
            with self._lock:
                yield
        finally:
            self._places.release()
