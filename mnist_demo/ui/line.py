"""Who has a turn when: so many at once, while some wait. The order is fair to addresses, not to requests.

Turns go in rounds, and each address has one turn a round, in the order in which they came. So nobody keeps others from
their turn by asking often; where all come from one address, as behind a proxy, it is the order in which they came. This
is fair queueing (J. Nagle, "On packet switches with infinite storage", RFC 970, 1985).
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

    addresses: set[str]  # of those who wait for the same
    round: int
    has_turn: bool = False
    called: Event = field(default_factory=Event)  # to their turn, or away


class FairQueue:
    """Tickets in the order of their turns. Whoever shares one among threads guards it."""

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []  # as they came, those that have their turn included
        self._round = 0  # of the latest turn
        self._had_turns: set[str] = set()  # addresses in this round

    def __contains__(self, ticket: Ticket) -> bool:
        return ticket in self._tickets

    def enter(self, address: str) -> Ticket:
        ticket = Ticket({address}, self._next_round(address))
        self._tickets.append(ticket)
        return ticket

    def share(self, ticket: Ticket, address: str) -> None:
        """Another waits for the same, who may have asked for less."""
        if address not in ticket.addresses:
            ticket.round = min(ticket.round, self._next_round(address))
            ticket.addresses.add(address)

    def leave(self, ticket: Ticket) -> None:
        if ticket in self._tickets:
            self._tickets.remove(ticket)

    def waiting(self) -> list[Ticket]:
        """Those who wait, next first."""
        return sorted((ticket for ticket in self._tickets if not ticket.has_turn), key=lambda ticket: ticket.round)

    def give_turns(self, most: int) -> list[Ticket]:
        """To those who are next, whose turns end at once."""
        given = [self._give(ticket) for ticket in self.waiting()[:most]]
        for ticket in given:
            self._tickets.remove(ticket)
        return given

    def count_turns(self) -> int:
        return sum(ticket.has_turn for ticket in self._tickets)

    def give_turn(self) -> Ticket:
        """To who is next; somebody must wait."""
        return self._give(self.waiting()[0])

    def _give(self, ticket: Ticket) -> Ticket:
        ticket.has_turn = True
        if ticket.round > self._round:
            self._round, self._had_turns = ticket.round, set()
        self._had_turns |= ticket.addresses
        return ticket

    def _next_round(self, address: str) -> int:
        first = self._round + (address in self._had_turns)
        return max([first, *(ticket.round + 1 for ticket in self._tickets if address in ticket.addresses)])


class Line:
    """A line for `slots` turns at once, in which at most `most` wait: each who does takes one of the threads
    that answer everybody. Where more come, the last is sent away, who is one of those that ask most."""

    def __init__(self, slots: int = 1, most: int = 20):
        self._slots, self._most = slots, most
        self._queue = FairQueue()
        self._lock = Lock()

    @contextmanager
    def enter(self, address: str) -> Iterator[Callable[[], int]]:
        """A place in the line, until the end of the block. Gives what tells its number, from 1 for who is next to have
        a turn; 0 is one's turn. That raises InputError where there is no place any more."""
        with self._enter(address) as ticket:
            yield lambda: self._place(ticket)

    @contextmanager
    def take(self, address: str) -> Iterator[None]:
        """One's turn, waited for, until the end of the block. Raises InputError where there is no place to wait."""
        with self._enter(address) as ticket:
            ticket.called.wait()
            self._place(ticket)
            yield

    @contextmanager
    def _enter(self, address: str) -> Iterator[Ticket]:
        with self._lock:
            ticket = self._queue.enter(address)
            self._move()
        try:
            yield ticket
        finally:
            with self._lock:
                self._queue.leave(ticket)
                self._move()

    def _place(self, ticket: Ticket) -> int:
        with self._lock:
            if ticket not in self._queue:
                raise InputError("Too many wait for this already; try again in some minutes.")
            return 0 if ticket.has_turn else self._queue.waiting().index(ticket) + 1

    def _move(self) -> None:
        while self._queue.waiting() and self._queue.count_turns() < self._slots:
            self._queue.give_turn().called.set()
        while len(waiting := self._queue.waiting()) > self._most:
            self._queue.leave(waiting[-1])
            waiting[-1].called.set()


def wait_for_turn(place: Callable[[], int], stop: Event) -> Iterator[str]:
    """What to tell who waits, until it is their turn or they want no more. Raises InputError where they lose their
    place."""
    while (number := place()) and not stop.wait(UPDATE_SECONDS):
        yield f"Another visitor's training is under way; you are number {number} in the line."
