"""A job waits for its turn, reports until it ends, and is dropped with its page."""

import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mnist_demo.errors import InputError
from mnist_demo.ui.services import jobs
from mnist_demo.ui.services.jobs import Job, run_in_queue
from mnist_demo.ui.services.model_store import Session
from mnist_demo.ui.services.queues import WorkQueue


@dataclass(kw_only=True)
class WaitingJob(Job):
    """Waits for `end`."""

    end: threading.Event = field(default_factory=threading.Event)

    def _work(self) -> None:
        self.end.wait(30)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> WorkQueue:
    monkeypatch.setattr(jobs, "UPDATE_SECONDS", 0.01)
    return WorkQueue(max_waiting=1)


def start_waiting(session: Session) -> WaitingJob:
    return WaitingJob(stop=session.stop, max_seconds=60)


def report(job: Job) -> dict[str, Any]:
    return {"status": "running"}


def never_start() -> Job:
    pytest.fail("the job started before its turn")


def result_of(running: Generator[dict[str, Any], None, Any]) -> Any:
    """Return what a generator returns."""
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value


def test_a_job_waits_for_its_turn_and_reports_until_it_ends(queue: WorkQueue):
    first, second = Session("192.0.2.1"), Session("192.0.2.2")
    running = run_in_queue(queue, first, lambda: start_waiting(first), report)
    assert next(running) == next(running) == {"status": "running"}
    waiting = run_in_queue(queue, second, lambda: start_waiting(second), report)
    assert next(waiting) == {"status": "Another visitor is training; you are number 1 in the queue."}
    running.close()
    assert next(waiting) == {"status": "running"}
    waiting.close()


def test_a_finished_job_is_returned(queue: WorkQueue):
    session = Session("192.0.2.1")
    job = start_waiting(session)
    job.end.set()
    assert result_of(run_in_queue(queue, session, lambda: job, report)) is job and job.wait(0)
    with queue.enter("192.0.2.2") as position:
        assert position() == 0


def test_a_stopped_session_leaves_the_queue_before_its_job_starts(queue: WorkQueue):
    session = Session("192.0.2.1")
    with queue.turn("192.0.2.2"):
        waiting = run_in_queue(queue, session, never_start, report)
        next(waiting)
        session.stop.set()
        assert result_of(waiting) is None
    assert result_of(run_in_queue(queue, session, never_start, report)) is None  # also if its turn has come


def test_a_full_queue_refuses_a_job(queue: WorkQueue):
    with queue.turn("192.0.2.1"), queue.enter("192.0.2.2"):
        refused = run_in_queue(queue, Session("192.0.2.2"), never_start, report)
        with pytest.raises(InputError, match="Too many requests are waiting already"):
            next(refused)


def test_a_closed_generator_drops_its_job_without_waiting_for_it(queue: WorkQueue, monkeypatch: pytest.MonkeyPatch):
    session = Session("192.0.2.1")
    job = start_waiting(session)
    running = run_in_queue(queue, session, lambda: job, report)
    next(running)
    monkeypatch.setattr(WaitingJob, "wait", lambda *_: pytest.fail("it blocked Gradio's event loop"))
    running.close()
    assert session.stop.is_set() and job._is_dropped
    job.end.set()
