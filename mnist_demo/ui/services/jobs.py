"""Training and fine-tuning as jobs: each runs in a thread of its own while the page polls its state."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import nn

from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import Metadata, build_metadata, initial_model
from mnist_demo.classifier import Classifier
from mnist_demo.data import Dataset
from mnist_demo.devices import CPU_COUNT, lower_priority, torch_threads
from mnist_demo.errors import InputError
from mnist_demo.evaluation import EpochResult, evaluate
from mnist_demo.personalize.finetune import FinetuneProgress, FinetuneSettings, Measurement, finetune
from mnist_demo.personalize.user_digits import UserDigit
from mnist_demo.recipes import Recipe
from mnist_demo.training import Progress, split_validation, train
from mnist_demo.ui.services.model_store import Session
from mnist_demo.ui.services.queues import UPDATE_SECONDS, WorkQueue

logger = logging.getLogger(__name__)
PREDICT_SECONDS = 0.2  # between two predictions of the sample digits and the drawing
MEASUREMENTS = 15  # of the accuracy during a training, at equal intervals
MEASURE_SIZE = 1_000  # digits of each; the end of an epoch and of the training is measured on the whole test set
SAMPLE_SIZE = 24  # test digits shown while training
SMOOTHING = 0.95  # weight of the previous value in the smoothed loss
GOAL = 0.99  # test accuracy whose time is reported
NOTHING_LEARNED = "Stopped before the first step; nothing was learned."


class _Dropped(Exception):
    """The result of a measurement is no longer needed."""


@dataclass(kw_only=True)
class Job(ABC):
    """Work in a thread, started at creation. Other threads may read all public attributes at any time."""

    stop: threading.Event  # set it to stop the work and keep the result so far
    max_seconds: float  # after which the job stops itself
    is_over_time: bool = False
    problem: str = ""  # why the job failed
    _is_dropped: bool = False

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.max_seconds
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait up to that long; return whether the job has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def drop(self) -> None:
        """Stop the job without a result."""
        self._is_dropped = True
        self.stop.set()

    def _run(self) -> None:
        try:
            lower_priority()
            with torch_threads(CPU_COUNT):
                self._work()
        except _Dropped:
            pass
        except InputError as error:  # such as a loss that diverges
            self.problem = str(error)
        except Exception:  # such as too little memory: the visitor must learn of it
            logger.exception("%s failed", type(self).__name__)
            self.problem = "Training failed; see the server's log."

    @abstractmethod
    def _work(self) -> None:
        """Do the job; raise InputError for a problem that the visitor should read."""

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            self.is_over_time = True
            self.stop.set()


AnyJob = TypeVar("AnyJob", bound=Job)


def run_in_queue(
    queue: WorkQueue, session: Session, start: Callable[[], AnyJob], report: Callable[[AnyJob], dict[str, Any]]
) -> Generator[dict[str, Any], None, AnyJob | None]:
    """Wait for a turn, start the job and yield its reports until it ends; return it, or None if stopped before.

    Raise InputError if the queue is full.
    """
    with queue.enter(session.client) as position:
        while (number := position()) and not session.stop.wait(UPDATE_SECONDS):
            yield {"status": f"Another visitor is training; you are number {number} in the queue."}
        if session.stop.is_set():
            return None
        job = start()
        try:
            while not job.wait(UPDATE_SECONDS):
                yield report(job)
        except GeneratorExit:  # Gradio closes the generator on its event loop, which must not block
            job.drop()
            raise
        return job


class AccuracyPoint(NamedTuple):
    """Accuracies at one step of a training, 0 to 1."""

    step: int
    seconds: float
    train_accuracy: float  # on MEASURE_SIZE training digits
    test_accuracy: float
    is_full: bool = True  # measured on the whole test set, not on MEASURE_SIZE digits of it


@dataclass(kw_only=True)
class TrainingJob(Job):
    """A training with the measurements that the page shows."""

    recipe: Recipe
    data: Dataset
    seed: int
    drawing: np.ndarray | None  # uint8 (28, 28), the visitor's, predicted during training
    device: str = "cpu"
    model: nn.Module | None = None
    last: Progress | None = None  # of the last step
    losses: list[float] = field(default_factory=list)  # of each step
    smoothed_losses: list[float] = field(default_factory=list)
    epochs: list[EpochResult] = field(default_factory=list)
    accuracies: list[AccuracyPoint] = field(default_factory=list)
    predictions: list[int] = field(default_factory=list)  # of the sample digits
    drawing_prediction: tuple[int, float] | None = None  # digit and confidence
    has_trained: bool = False  # the training is over, and the final accuracy is measured
    metadata: Metadata | None = None  # at the end

    @property
    def seconds_to_goal(self) -> float | None:
        """Seconds of training when the accuracy on the whole test set was first at GOAL or above."""
        return next((each.seconds for each in self.accuracies if each.is_full and each.test_accuracy >= GOAL), None)

    def _work(self) -> None:
        self._train()
        self.has_trained = True
        if self.last and self.model:
            self._finish(self.model, self.last)

    def _train(self) -> None:
        model = initial_model(self.recipe, self.seed)
        last_prediction = time.monotonic()
        interval = 0
        for progress in train(model, self.data, self.recipe, seed=self.seed, device=self.device, stop=self.stop):
            self.model, self.last = model, progress
            before = self.smoothed_losses[-1] if self.smoothed_losses else progress.loss
            self.losses.append(progress.loss)
            self.smoothed_losses.append(SMOOTHING * before + (1 - SMOOTHING) * progress.loss)
            self._check_time()
            now = time.monotonic()
            last_interval, interval = interval, progress.step * MEASUREMENTS // progress.steps
            if result := progress.result:
                self.epochs.append(result)
            if progress.step < progress.steps and (result or interval > last_interval):
                with suppress(_Dropped):  # a stopped training ends at its next step
                    self._measure(model, progress, result.test_accuracy if result else None)
            if now - last_prediction >= PREDICT_SECONDS:
                self._predict(model)
                last_prediction = now

    def _finish(self, model: nn.Module, last: Progress) -> None:
        """Measure the trained model. The job may now be dropped, but no longer be stopped."""
        self._predict(model)
        tested = evaluate(model, self.data.test, report=self._check_dropped)
        if not isfinite(tested.loss):
            raise InputError("Training diverged at its last step: the loss is not a number. Try a smaller lr.")
        self._measure(model, last, tested.accuracy)
        metadata = build_metadata(self.recipe, self.data, last, self.epochs, tested, seed=self.seed, device=self.device)
        model.to("cpu")
        self.metadata = metadata

    def _measure(self, model: nn.Module, progress: Progress, test_accuracy: float | None = None) -> None:
        """Note the accuracies at a step; `test_accuracy` is given if the whole test set was evaluated.

        Raise _Dropped if the job is stopped meanwhile.
        """
        sample = self.data.test[:: max(1, len(self.data.test) // MEASURE_SIZE)]
        is_full = test_accuracy is not None or len(sample) == len(self.data.test)
        if test_accuracy is None:
            test_accuracy = evaluate(model, sample, report=self._check_dropped).accuracy
        training, _ = split_validation(self.data.train, self.recipe)
        digits = torch.nonzero(training.labels < 10)[:MEASURE_SIZE, 0]  # some datasets hold non-digits too
        train_accuracy = evaluate(model, training[digits], report=self._check_dropped).accuracy
        self.accuracies.append(AccuracyPoint(progress.step, progress.seconds, train_accuracy, test_accuracy, is_full))

    def _check_dropped(self, fraction: float) -> None:
        """Raise _Dropped if a measurement is no longer needed. The final one is, even if the training was stopped."""
        if self._is_dropped or (self.stop.is_set() and not self.has_trained):
            raise _Dropped

    def _predict(self, model: nn.Module) -> None:
        was_training = model.training
        classifier = Classifier("", model.eval())
        images = self.data.test.images[:SAMPLE_SIZE].float().div(255)
        with torch.inference_mode():
            self.predictions = model(images.to(self.device))[:, :10].argmax(dim=1).tolist()
        if self.drawing is not None:
            with suppress(InputError):  # a model that diverges; its next step reports it
                prediction = classifier.predict_mnist(self.drawing)
                if prediction.digit is not None:
                    self.drawing_prediction = prediction.digit, prediction.confidence
        model.train(was_training)


@dataclass(kw_only=True)
class PersonalizeJob(Job):
    """A fine-tuning of a model on a visitor's digits."""

    model: nn.Sequential  # changed in place
    digits: list[UserDigit]
    data: Dataset
    settings: FinetuneSettings
    calibration: Calibration = field(default_factory=Calibration)  # of the model
    last: FinetuneProgress | None = None
    measurements: list[tuple[int, Measurement]] = field(default_factory=list)  # with the step of each

    def _work(self) -> None:
        options: dict[str, Any] = {"calibration": self.calibration, "stop": self.stop}
        with closing(finetune(self.model, self.digits, self.data, self.settings, **options)) as progresses:
            for progress in progresses:
                self.last = progress
                if progress.measurement:
                    self.measurements.append((progress.step, progress.measurement))
                self._check_time()
