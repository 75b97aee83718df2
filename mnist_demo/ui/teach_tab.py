"""The Teach tab: fine-tune a model on the visitor's own digits."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import gradio as gr

from mnist_demo.errors import DemoError, InputError
from mnist_demo.personalize import user_digits
from mnist_demo.personalize.finetune import finetuned_metadata, is_finetuned, settings_for
from mnist_demo.personalize.user_digits import UserDigit
from mnist_demo.reports import format_percent
from mnist_demo.ui.components.training_monitor import TrainingMonitor
from mnist_demo.ui.components.user_digits import UserDigitsPanel
from mnist_demo.ui.handlers import LONG_EVENT, QUICK_EVENT, error_message, query_errors, read_upload, session_id
from mnist_demo.ui.model_events import ModelEvents
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.jobs import NOTHING_LEARNED, PersonalizeJob, run_in_queue
from mnist_demo.ui.services.model_store import Session

FORGOTTEN = 1.0  # points of test accuracy whose loss is reported in words


class TeachTab:
    """Fine-tune models on a visitor's digits. `build` lays out the tab."""

    def __init__(self, services: Services, model_events: ModelEvents):
        self.models, self.datasets = services.models, services.datasets
        self.compute_queue, self.training_queue = services.compute_queue, services.training_queue
        self.max_seconds = services.train_seconds
        self.model_events = model_events

    def build(self, monitor: TrainingMonitor) -> None:
        """Lay out the tab. It adds the fine-tuned models to `monitor`."""
        self.panel = UserDigitsPanel(
            {"choices": self.models.choices()},
            functions=[self.validate, self.model_events.download],
            file_head={"format": user_digits.FORMAT, "version": user_digits.VERSION},
            max_digits=user_digits.MAX_DIGITS,
            max_bytes=user_digits.MAX_BYTES,
            elem_id="user-digits",
        )
        running = self.panel.submit(self.finetune, None, self.panel, **LONG_EVENT)
        self.finetuned = running.then(self.add_run, self.panel, monitor, **QUICK_EVENT)
        self.panel.clear(self.model_events.stop, None, None, **QUICK_EVENT)

    @query_errors
    def validate(self, query: Any, client: str) -> dict[str, Any]:
        """Return the digits of an uploaded file as text of the same format, or an error."""
        with self.compute_queue.turn(client):
            # As text: FastAPI takes seconds to encode each number of an object, and blocks the server meanwhile.
            return {"content": user_digits.dump_user_digits(_parse(query))}

    def update_choices(self, request: gr.Request) -> dict[str, Any]:
        """Return the models that can be fine-tuned."""
        return {"choices": self.models.choices(session_id(request))}

    def finetune(self, event: gr.EventData, request: gr.Request) -> Iterator[dict[str, Any]]:
        """Fine-tune a copy of the model; yield what the panel shows about five times a second.

        The event's data are {"path": of the uploaded digits, "model": key}.
        """
        session = self.model_events.session(request)
        try:
            with session.training():
                yield from self._finetune(session, event._data)
        except DemoError as error:
            yield {"status": error_message(error), "done": True}

    def _finetune(self, session: Session, query: Any) -> Iterator[dict[str, Any]]:
        with self.compute_queue.turn(session.client):
            digits = _parse(query)
        user_digits.validate_labels(digits)
        key = query.get("model")
        taught = self.models.find(key).name  # raises if it was dropped
        base = session.base_models.get(key, key)  # a fine-tuned model has seen the digits that would judge it
        model, metadata = self.models.copy_for_training(base)
        for status in self.datasets.load():
            yield {"status": status}
        data = self.datasets.get()

        start = partial(
            PersonalizeJob,
            stop=session.stop,
            max_seconds=self.max_seconds,
            model=model,
            digits=digits,
            data=data,
            settings=settings_for(metadata.recipe),
            calibration=metadata.calibration,
        )
        job = yield from run_in_queue(self.training_queue, session, start, _report)
        if not job or job.problem or not job.last or not job.last.measurement or not job.last.step:
            raise InputError((job.problem if job else "") or NOTHING_LEARNED)
        new_key = session.add(model, finetuned_metadata(metadata, data, len(digits), job.last), is_taught=True)
        session.base_models[new_key] = base
        status = f"{session.models[new_key].name}: {_status(job)}"
        suggestion = {}
        if _count_correct(job.measurements[0][1].held_out, digits) == len(digits):
            status += f" {taught} read all of your digits before, so it had nothing to learn."
            with self.compute_queue.turn(session.client):
                suggestion = self._find_weaker(digits)
        if is_finetuned(metadata):  # an upload: its original is unknown
            status += " It was fine-tuned before; digits that it was trained on then do not test it."
        yield _report(job) | {"status": status, "key": new_key, "suggestion": suggestion, "done": True}

    def _find_weaker(self, digits: list[UserDigit]) -> dict[str, str]:
        """Return the shared model that is wrong about most of the digits, and how many; empty if all read all."""
        images, wrong = list(user_digits.to_digits(digits).images[:, 0].numpy()), {}
        for classifier in self.models.all_shared():
            read = [each.digit if each.is_digit else None for each in classifier.predict_batch(images)]
            wrong[classifier.name] = len(digits) - _count_correct(read, digits)
        key = max(wrong, key=wrong.__getitem__, default="")
        return {"model": key, "text": f"wrong about {wrong[key]} of them"} if wrong.get(key) else {}

    def add_run(self, state: Any, request: gr.Request) -> Any:
        """Return the new model's entry for the training monitor, if the fine-tuning gave one."""
        session = self.model_events.session(request)
        key = str(state.get("key")) if isinstance(state, dict) else ""
        return self.model_events.announce(session, key) if key in session.models else gr.skip()


def _parse(query: Any) -> list[UserDigit]:
    """Return the digits of the file that the page uploaded."""
    path = query.get("path") if isinstance(query, dict) else None
    return user_digits.parse_user_digits(read_upload(path, user_digits.MAX_BYTES))


def _report(job: PersonalizeJob) -> dict[str, Any]:
    """Return what the panel shows of a fine-tuning now."""
    measurements, count = job.measurements[:], len(job.digits)  # the job may append meanwhile
    return {
        "status": _status(job),
        "steps": job.settings.steps,
        "measured_steps": [step for step, _ in measurements],
        "user_accuracy": [100 * _count_correct(each.held_out, job.digits) / count for _, each in measurements],
        "test_accuracy": [100 * each.test_accuracy for _, each in measurements],
        "held_out_predictions": measurements[-1][1].held_out if measurements else [],
        "table": _compare(job) if len(measurements) > 1 else [],
    }


def _status(job: PersonalizeJob) -> str:
    last = job.last
    if not last or not job.measurements:
        return f"Preparing your {len(job.digits)} digits, mixed with old ones…"
    if job.wait(0) and last.step < last.steps:
        limit = " (this server's time limit)" if job.is_over_time else ""
        return f"Stopped at step {last.step}{limit}; it keeps what it learned."
    if last.step < last.steps:
        return f"Step {last.step} of {last.steps}, {last.seconds:.1f} s"
    lost = 100 * (job.measurements[0][1].test_accuracy - job.measurements[-1][1].test_accuracy)
    warning = f" The test accuracy fell by {lost:.1f} points." if lost > FORGOTTEN else ""
    return f"Taught in {last.seconds:.1f} s.{warning}"


def _compare(job: PersonalizeJob) -> list[list[str]]:
    """Return the correct predictions before and after, as rows of a table."""
    before, after = job.measurements[0][1], job.measurements[-1][1]

    def row(what: str, first: list[int], last: list[int]) -> list[str]:
        return [what, *(f"{_count_correct(each, job.digits)} of {len(job.digits)}" for each in (first, last))]

    points = 100 * (after.test_accuracy - before.test_accuracy)
    return [
        row("Your digits, held out", before.held_out, after.held_out),
        row("All your digits", before.fitted, after.fitted),
        [
            f"{job.data.name}, test digits",
            format_percent(before.test_accuracy),
            f"{format_percent(after.test_accuracy)} ({points:+.2f})",
        ],
    ]


def _count_correct(predictions: Sequence[int | None], digits: Sequence[UserDigit]) -> int:
    return sum(prediction == digit.label for prediction, digit in zip(predictions, digits, strict=True))
