"""The part of the Train tab where a network learns a visitor's own digits."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.events import Dependency

from mnist_demo.errors import DemoError, InputError
from mnist_demo.my_digits import check_consistent, parse_my_digits, write_my_digits
from mnist_demo.teaching import for_recipe, record_taught, was_taught
from mnist_demo.ui import kept
from mnist_demo.ui.events import PRIVATE, address, asker, message, session
from mnist_demo.ui.hand import Hand
from mnist_demo.ui.kept import entry
from mnist_demo.ui.lesson import Teacher
from mnist_demo.ui.line import UPDATE_SECONDS, Line, wait_for_turn
from mnist_demo.ui.monitor import Monitor
from mnist_demo.ui.run import NOTHING_LEARNED
from mnist_demo.ui.shared_data import SharedData
from mnist_demo.ui.shelf import Shelf, Visit


@dataclass(frozen=True, eq=False)
class Handlers:
    """What the page asks about a visitor's digits."""

    shelf: Shelf
    data: SharedData
    line: Line
    max_seconds: float  # after which a teaching is stopped
    _files: Line = field(default_factory=Line)

    def check(self, query: Any) -> dict[str, Any]:
        """The digits of a file, all of them, again as a file's text, or an error."""
        try:
            with self._files.take(asker.get()):
                # As text: to look through each number of an object takes FastAPI seconds, in which nobody is answered.
                return {"content": write_my_digits(parse_my_digits(_content(query)))}
        except InputError as error:
            return {"error": str(error)}

    def learn(self, key: str, event: gr.EventData, request: gr.Request) -> Iterator[tuple]:
        """For the hand and for the monitor: how far a copy of the model is in learning the digits, about five times a
        second, and at the end its entry in the list of this visit. What cannot be is told in the same place."""
        visit = self.shelf.visit(session(request), address(request))
        try:
            with visit.training():
                yield from self._learn(visit, key, event._data)
        except DemoError as error:
            yield {"status": message(error), "ended": True}, gr.skip()

    def _learn(self, visit: Visit, key: str, sent: Any) -> Iterator[tuple]:
        with self._files.take(visit.address):
            digits = parse_my_digits(_content(sent))
        check_consistent(digits)
        self.shelf.find(key)  # or else it may be anything
        origin = visit.origins.get(key, key)  # a network that was taught has seen the digits it would be judged by
        model, record = self.shelf.copy(origin)
        for status in self.data.follow():
            yield {"status": status}, gr.skip()
        data = self.data.get()
        with self.line.enter(visit.address) as place:
            for status in wait_for_turn(place, visit.stop):
                yield {"status": status}, gr.skip()
            if visit.stop.is_set():
                yield {"status": NOTHING_LEARNED, "ended": True}, gr.skip()
                return
            teacher = Teacher(model, digits, data, for_recipe(record.recipe), visit.stop)
            end = time.monotonic() + self.max_seconds
            try:
                while not teacher.wait(UPDATE_SECONDS):
                    yield teacher.tell(), gr.skip()
                    if time.monotonic() > end:
                        visit.stop.set()
            except GeneratorExit:  # Gradio closes it on its event loop, where nobody may wait for the thread
                visit.stop.set()
                raise
        last = teacher.last
        if teacher.problem or not last or not last.reading or not last.step:
            yield {"status": teacher.problem or NOTHING_LEARNED, "ended": True}, gr.skip()
            return
        key = visit.keep(model, record_taught(record, data, len(digits), last), "taught")
        visit.origins[key] = origin
        name = visit.trained[key].name
        status = f"{name} is here: choose it in Draw or Browse."
        outcome = teacher.tell() | {"key": key, "ended": True}
        if last.step < last.steps:
            why = " (this server gives a teaching so long)" if time.monotonic() > end else ""
            outcome["status"] = f"Stopped at step {last.step}{why}; {name} keeps what it had learned."
        else:
            outcome["status"] = f"{name}: {outcome['status']}"
        if was_taught(record):  # uploaded: what it was before is not known
            outcome["status"] += " It had been taught before; digits that it was given then are no test of it."
        yield outcome, {"status": status, "passed": ""} | entry(visit, key)

    def stop(self, request: gr.Request) -> None:
        self.shelf.stop(session(request))


def _content(sent: Any) -> str:
    content = sent.get("content") if isinstance(sent, dict) else None
    if not isinstance(content, str):
        raise InputError("Send the digits as the text of a file, under the name content.")
    return content


def build(
    handlers: Handlers, picker: gr.Dropdown, monitor: Monitor, networks: kept.Handlers, offered: list[Any]
) -> Dependency:
    """Lay out this part and wire it; call inside the tab. Gives the event that is done when a teaching has ended.

    The model that is chosen in `picker` is taught; `networks.offer` then gives `offered` what can be chosen.
    """
    hand = Hand(handlers.check, elem_id="hand")
    learned = hand.submit(handlers.learn, picker, [hand, monitor], concurrency_limit=None, **PRIVATE)
    hand.clear(handlers.stop, None, None, queue=False, **PRIVATE)
    hand.select(networks.use, None, picker, queue=False, **PRIVATE)
    return learned.then(networks.offer, picker, offered, queue=False, **PRIVATE)
