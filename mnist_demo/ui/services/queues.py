"""Fair queues: work is served round-robin by client address.

Each client has one turn in a round, in order of arrival. A client that sends many requests delays its own, not those of
others. Where all clients share one address, as behind a proxy, the order is that of arrival. This is fair queueing
(J. Nagle, "On packet switches with infinite storage", RFC 970, 1985).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock

from mnist_demo.errors import InputError

UPDATE_SECONDS = 0.2  # between two updates of a page that waits or trains


@dataclass(eq=False)
class Ticket:
    """A place in a queue."""

    clients: set[str]  # addresses that wait for the same work
    round: int
    called: Event = field(default_factory=Event)  # set when its turn comes, or when it loses its place


class FairQueue:
    """Waiting tickets in the order of their turns. Not thread-safe: guard it with a lock."""

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []  # in order of arrival
        self._round = 0  # of the latest turn
        self._served: set[str] = set()  # clients that had a turn in this round

    def add(self, client: str) -> Ticket:
        ticket = Ticket({client}, self._next_round(client))
        self._tickets.append(ticket)
        return ticket

    def share(self, ticket: Ticket, client: str) -> None:
        """Let another client wait for the same work; it moves forward if that client's turn comes earlier."""
        if client not in ticket.clients:
            ticket.round = min(ticket.round, self._next_round(client))
            ticket.clients.add(client)

    def remove(self, ticket: Ticket) -> None:
        if ticket in self._tickets:
            self._tickets.remove(ticket)

    def waiting(self) -> list[Ticket]:
        """Return the tickets that wait, next first."""
        return sorted(self._tickets, key=lambda ticket: ticket.round)

    def start_next(self) -> Ticket:
        """Remove the next ticket, whose turn has come, and return it; one must wait."""
        ticket = self.waiting()[0]
        self._tickets.remove(ticket)
        if ticket.round > self._round:
            self._round, self._served = ticket.round, set()
        self._served |= ticket.clients
        return ticket

    def _next_round(self, client: str) -> int:
        first = self._round + (client in self._served)
        return max([first, *(ticket.round + 1 for ticket in self._tickets if client in ticket.clients)])


class WorkQueue:
    """A thread-safe fair queue with `slots` turns at once and at most `max_waiting` waiting tickets.

    A waiting handler blocks one of the server's threads, hence the limit. If more wait, the last ticket in the order of
    turns loses its place: one of the client that has most.
    """

    def __init__(self, slots: int = 1, max_waiting: int = 20):
        self._slots, self._max_waiting = slots, max_waiting
        self._queue = FairQueue()
        self._active: set[Ticket] = set()  # whose turn has come
        self._lock = Lock()

    @contextmanager
    def enter(self, client: str) -> Iterator[Callable[[], int]]:
        """Hold a place until the end of the block; yield a function that returns its number.

        1 is next in line, 0 means that its turn has come. The function raises InputError if the place was lost.
        """
        ticket = self.add(client)
        try:
            yield lambda: self._position(ticket)
        finally:
            self._remove(ticket)

    @contextmanager
    def turn(self, client: str) -> Iterator[None]:
        """Wait for a turn, and hold it until the end of the block. Raise InputError if the queue is full."""
        with self.turn_of(self.add(client)):
            yield

    @contextmanager
    def turn_of(self, ticket: Ticket) -> Iterator[None]:
        """Wait for the turn of a ticket of `add`, and hold it as `turn` does."""
        try:
            ticket.called.wait()
            self._position(ticket)
            yield
        finally:
            self._remove(ticket)

    def add(self, client: str) -> Ticket:
        with self._lock:
            ticket = self._queue.add(client)
            self._advance()
            return ticket

    def share(self, ticket: Ticket, client: str) -> None:
        """Let another client wait for the same work."""
        with self._lock:
            self._queue.share(ticket, client)

    def _remove(self, ticket: Ticket) -> None:
        with self._lock:
            self._active.discard(ticket)
            self._queue.remove(ticket)
            self._advance()

    def _position(self, ticket: Ticket) -> int:
        with self._lock:
            if ticket in self._active:
                return 0
            if ticket not in (waiting := self._queue.waiting()):
                raise InputError("Too many requests are waiting already; try again in a few minutes.")
            return waiting.index(ticket) + 1

    def _advance(self) -> None:
        while self._queue.waiting() and len(self._active) < self._slots:
            self._active.add(ticket := self._queue.start_next())
            ticket.called.set()
        while len(waiting := self._queue.waiting()) > self._max_waiting:
            self._queue.remove(waiting[-1])
            waiting[-1].called.set()
