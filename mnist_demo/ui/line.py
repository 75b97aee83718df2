"""Who trains when: so many at once, the others in the order in which they came."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock

from mnist_demo.errors import InputError

UPDATE_SECONDS = 0.2  # between two updates of a page that waits or trains
MAX_WAITING = 20  # each takes one of the threads that answer the page's other questions


class Line:
    """A line of visitors, of whom the first `slots` have their turn."""

    def __init__(self, slots: int):
        self._slots = slots
        self._tickets: list[object] = []
        self._lock = Lock()

    @contextmanager
    def enter(self) -> Iterator[Callable[[], int]]:
        """A place in the line, until the end of the block. Gives what tells its number, from 1 for who is next to have
        a turn; 0 is one's turn. Raises InputError where the line is too long."""
        ticket = object()
        with self._lock:
            if len(self._tickets) >= self._slots + MAX_WAITING:
                raise InputError(f"{MAX_WAITING} visitors wait for a training already; come back in some minutes.")
            self._tickets.append(ticket)

        def place() -> int:
            with self._lock:
                return max(0, self._tickets.index(ticket) + 1 - self._slots)

        try:
            yield place
        finally:
            with self._lock:
                self._tickets.remove(ticket)


def wait_for_turn(place: Callable[[], int], stop: Event) -> Iterator[str]:
    """What to tell who waits, until it is their turn or they want no more."""
    while (number := place()) and not stop.wait(UPDATE_SECONDS):
        yield f"Another visitor's training is under way; you are number {number} in the line."
