"""A training in a thread of its own, which tells how far it is whenever it is asked."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import nn

from mnist_demo.checkpoints import Record, record_run
from mnist_demo.classifier import Classifier
from mnist_demo.data import Data
from mnist_demo.errors import InputError
from mnist_demo.evaluation import EpochResult, evaluate
from mnist_demo.hardware import ALL_CORES, stand_back, threads
from mnist_demo.recipes import Recipe
from mnist_demo.training import Progress, split, train

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.2  # between two looks at what it reads meanwhile
MEASURE_SHARE = 0.3  # of the time of training that measuring the accuracy may take beside
FIRST_MEASURE = 0.1  # seconds that the first measuring is taken to need
SAMPLE = 24  # test digits that are looked at
SEEN = 2_000  # training digits whose accuracy is measured
POINTS = 240  # of a curve
SMOOTH = 0.95  # share that the smoothed loss keeps of itself each step
NOTHING_LEARNED = "Stopped before the first step; nothing was learned."
GOAL = 0.99  # test accuracy whose time is noted


class _Dropped(Exception):
    """Nobody wants what is being measured."""


@dataclass
class Run:
    """A training from its start to its outcome. What is not underscored may be read from any thread at any time."""

    recipe: Recipe
    data: Data
    seed: int
    drawing: np.ndarray | None  # uint8 (28, 28), of the visitor, to be read as training goes on
    max_seconds: float  # after which it is stopped
    device: str = "cpu"
    stop: threading.Event = field(default_factory=threading.Event)
    model: nn.Module | None = None
    last: Progress | None = None  # of the last step
    losses: list[float] = field(default_factory=list)  # of each step
    smoothed: list[float] = field(default_factory=list)
    epochs: list[EpochResult] = field(default_factory=list)
    # (step, seconds, share of right answers on SEEN training digits, the same on the test set), at each measuring
    measured: list[tuple[int, float, float, float]] = field(default_factory=list)
    read: list[int] = field(default_factory=list)  # what the sample is read as
    drawing_read: tuple[int, float] | None = None  # what the drawing is read as, and how surely, 0 to 1
    is_over_time: bool = False
    has_trained: bool = False  # whether training has ended and only the outcome is being measured
    problem: str = ""  # why it ended before its time
    record: Record | None = None  # at the end
    _is_dropped: bool = False

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait at most so long; whether it has ended, the outcome measured."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def passed_goal(self) -> float | None:
        """Seconds of training after which the test accuracy was first measured at GOAL or more."""
        return next((seconds for _, seconds, _, test in self.measured if test >= GOAL), None)

    def drop(self) -> None:
        """End it without an outcome, which nobody waits for any more."""
        self._is_dropped = True
        self.stop.set()

    def _work(self) -> None:
        try:
            stand_back()
            with threads(ALL_CORES):
                self._train()
                self.has_trained = True
                if self.last and self.model:
                    self._finish(self.model, self.last)
        except _Dropped:
            pass
        except InputError as error:  # a loss that ran away
            self.problem = str(error)
        except Exception:  # such as too little memory; the visitor waits for a word
            logger.exception("A training failed")
            self.problem = "The training failed; the server's log says why."

    def _train(self) -> None:
        model = self.recipe.build(self.seed)
        started = looked = time.monotonic()
        spent, expected = 0.0, FIRST_MEASURE  # on measuring the accuracy between epochs: in all, and the next time
        for progress in train(model, self.data, self.recipe, seed=self.seed, device=self.device, stop=self.stop):
            self.model, self.last = model, progress
            before = self.smoothed[-1] if self.smoothed else progress.loss
            self.losses.append(progress.loss)
            self.smoothed.append(SMOOTH * before + (1 - SMOOTH) * progress.loss)
            now = time.monotonic()
            if now - started > self.max_seconds:
                self.is_over_time = True
                self.stop.set()
            if result := progress.result:
                self.epochs.append(result)
                if progress.step < progress.steps:
                    self._measure(model, progress, result.test_accuracy)
            elif spent + expected < MEASURE_SHARE * progress.seconds:
                self._measure(model, progress)
                expected = time.monotonic() - now
                spent += expected
            if now - looked >= LOOK_SECONDS:
                self._look(model)
                looked = now

    def _finish(self, model: nn.Module, last: Progress) -> None:
        """Look at what it came to; training is over, so it may not be stopped, but it may be dropped."""

        def check(share: float) -> None:
            if self._is_dropped:
                raise _Dropped

        self._look(model)
        tested = evaluate(model, self.data.test, report=check)
        if not isfinite(tested.loss):
            raise InputError("The training diverged at its last step: the loss is no number. Try a smaller lr.")
        self._note(model, last, tested.accuracy, check)
        record = record_run(self.recipe, self.data, last, self.epochs, tested, seed=self.seed, device=self.device)
        model.to("cpu")
        self.record = record

    def _measure(self, model: nn.Module, progress: Progress, test_accuracy: float | None = None) -> None:
        """Note the accuracy, unless it is stopped meanwhile."""

        def check(share: float) -> None:
            if self.stop.is_set():
                raise _Dropped

        with suppress(_Dropped):  # the training ends at its next step
            if test_accuracy is None:
                test_accuracy = evaluate(model, self.data.test, report=check).accuracy
            self._note(model, progress, test_accuracy, check)

    def _note(self, model: nn.Module, at: Progress, test_accuracy: float, check: Callable[[float], None]) -> None:
        learned, _ = split(self.data.train, self.recipe)
        digits = torch.nonzero(learned.labels < 10)[:SEEN, 0]  # among drawings that are none, for some recipes
        seen = evaluate(model, learned[digits], report=check).accuracy
        self.measured.append((at.step, at.seconds, seen, test_accuracy))

    def _look(self, model: nn.Module) -> None:
        was_training = model.training
        classifier = Classifier("", model.eval())
        images = self.data.test.images[:SAMPLE].float().div(255)
        with torch.inference_mode():
            self.read = model(images.to(self.device))[:, :10].argmax(dim=1).tolist()
        if self.drawing is not None:
            with suppress(InputError):  # a network that diverges, as its next step tells
                prediction = classifier.predict_prepared(self.drawing)
                if prediction.digit is not None:
                    self.drawing_read = prediction.digit, prediction.confidence
        model.train(was_training)

    def curves(self) -> dict[str, Any]:
        """The curves so far, thinned to POINTS: steps and losses, and what was measured in percent."""
        count = len(self.smoothed)
        steps = np.unique(np.linspace(0, count - 1, min(POINTS, count)).astype(int)).tolist() if count else []
        measured = self.measured[:]
        return {
            "at": [step + 1 for step in steps],
            "loss": [round(self.losses[step], 4) for step in steps],
            "smooth": [round(self.smoothed[step], 4) for step in steps],
            "tested_at": [step for step, _, _, _ in measured],
            "train": [round(100 * train, 2) for _, _, train, _ in measured],
            "test": [round(100 * test, 2) for _, _, _, test in measured],
        }
