"""A teaching in a thread of its own, which tells how far it is whenever it is asked."""

import logging
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from mnist_demo.data import Data
from mnist_demo.errors import InputError
from mnist_demo.hardware import ALL_CORES, stand_back, threads
from mnist_demo.my_digits import MyDigit
from mnist_demo.reports import percent
from mnist_demo.teaching import Lesson, Reading, Teaching, teach

logger = logging.getLogger(__name__)
MUCH = 1.0  # points of test accuracy whose loss is told in words


@dataclass
class Teacher:
    """Teaches a network from its start to its end. What is not underscored may be read from any thread at any time."""

    model: nn.Sequential  # which changes
    digits: list[MyDigit]
    data: Data
    settings: Teaching
    stop: threading.Event
    last: Lesson | None = None
    read: list[tuple[int, Reading]] = field(default_factory=list)  # after so many steps
    problem: str = ""  # why it ended before its time

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._work, name="teaching", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait at most so long; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            stand_back()
            with (
                threads(ALL_CORES),
                closing(teach(self.model, self.digits, self.data, self.settings, stop=self.stop)) as lessons,
            ):
                for lesson in lessons:
                    self.last = lesson
                    if lesson.reading:
                        self.read.append((lesson.step, lesson.reading))
        except InputError as error:
            self.problem = str(error)
        except Exception:  # such as too little memory; the visitor waits for a word
            logger.exception("A teaching failed")
            self.problem = "The teaching failed; the server's log says why."

    def tell(self) -> dict[str, Any]:
        """What the page shows of it now."""
        read, labels = self.read[:], [digit.label for digit in self.digits]
        return {
            "status": self._say_status(),
            "steps": self.settings.steps,
            "at": [step for step, _ in read],
            "own": [100 * _count(reading.unseen, labels) / len(labels) for _, reading in read],
            "test": [100 * reading.test_accuracy for _, reading in read],
            "unseen": read[-1][1].unseen if read else [],
            "rows": _compare(read[0][1], read[-1][1], labels, self.data) if len(read) > 1 else [],
        }

    def _say_status(self) -> str:
        if not self.last or not self.read:
            return f"Looking at your {len(self.digits)} digits and at those it should not forget…"
        if self.last.step < self.last.steps:
            return f"Step {self.last.step} of {self.last.steps}, {self.last.seconds:.1f} s"
        lost = 100 * (self.read[0][1].test_accuracy - self.read[-1][1].test_accuracy)
        warning = f" It forgot {lost:.1f} points of the test set for that." if lost > MUCH else ""
        return f"Learned in {self.last.seconds:.1f} s.{warning}"


def _compare(before: Reading, after: Reading, labels: list[int], data: Data) -> list[list[str]]:
    """What is read right before and after: lines of a table."""

    def line(what: str, first: list[int], then: list[int]) -> list[str]:
        return [what, f"{_count(first, labels)} of {len(labels)}", f"{_count(then, labels)} of {len(labels)}"]

    points = 100 * (after.test_accuracy - before.test_accuracy)
    return [
        line("Your digits, each by a network that was not shown it", before.unseen, after.unseen),
        line("Your digits, by the one that learned them all", before.learned, after.learned),
        [
            f"The test set of {data.name}",
            percent(before.test_accuracy),
            f"{percent(after.test_accuracy)} ({points:+.2f} points)",
        ],
    ]


def _count(answers: list[int], labels: list[int]) -> int:
    return sum(answer == label for answer, label in zip(answers, labels, strict=True))
