import itertools
import os
import sys
import threading
import time

import numpy as np
import pytest
import torch

from mnist_demo.data import Data, Digits
from mnist_demo.evaluation import evaluate
from mnist_demo.hardware import POLITE
from mnist_demo.recipes import Recipe
from mnist_demo.ui import run as run_module
from mnist_demo.ui.run import POINTS, SAMPLE, Run

LONG = Recipe("long", network="784-512-10 ReLU", batch_size=20, epochs=500)


def start(data: Data, recipe: Recipe, *, seconds: float = 60, drawing: np.ndarray | None = None, seed: int = 0) -> Run:
    return Run(recipe, data, seed, drawing, seconds)


def wait_for_steps(run: Run, steps: int = 5) -> None:
    while len(run.losses) < steps:
        assert not run.wait(0.01), run.problem


def test_a_run_comes_to_a_network_with_a_record_of_how_it_was_made(practice: Data, recipe: Recipe):
    drawing = practice.test.images[3, 0].numpy()
    run = start(practice, recipe, drawing=drawing, seed=4)
    assert run.wait() and run.record and run.model and run.has_trained and not run.problem
    assert run.record.finished and run.record.seed == 4 and len(run.record.epochs) == 2 and run.record.steps == 24
    assert run.record.test_accuracy == evaluate(run.model, practice.test).accuracy == run.measured[-1][3]
    assert run.read == run.model(practice.test.images[:SAMPLE].float() / 255).argmax(dim=1).tolist()
    assert run.drawing_read and run.drawing_read[0] in range(10) and 0.1 < run.drawing_read[1] <= 1
    assert len(run.losses) == 24 and [step for step, *_ in run.measured] == [12, 24]
    assert not run.model.training


def test_the_same_seed_gives_the_same_curves(practice: Data, recipe: Recipe):
    runs = [start(practice, recipe, seed=seed) for seed in (1, 1, 2)]
    assert all(run.wait() for run in runs)
    assert runs[0].losses == runs[1].losses != runs[2].losses


def test_the_smoothed_loss_is_a_moving_average_and_curves_are_thinned(practice: Data, recipe: Recipe):
    run = start(practice, recipe.change(epochs=60))
    run.wait()
    expected = list(itertools.accumulate(run.losses, lambda mean, loss: 0.95 * mean + 0.05 * loss))
    assert run.smoothed == pytest.approx(expected)
    curves = run.curves()
    assert len(curves["at"]) == len(curves["loss"]) == len(curves["smooth"]) == POINTS < len(run.losses)
    assert curves["at"][0] == 1 and curves["at"][-1] == 720
    assert curves["loss"][-1] == pytest.approx(run.losses[-1], abs=1e-4)


def test_stop_ends_it_and_keeps_what_it_has_learned(practice: Data):
    run = start(practice, LONG)
    wait_for_steps(run)
    run.stop.set()
    assert run.wait() and run.record and not run.record.finished and run.record.steps == len(run.losses)


def test_stop_ends_a_measuring_too(practice: Data, monkeypatch: pytest.MonkeyPatch):
    run = None
    ended = threading.Event()

    def evaluate_slowly(model: torch.nn.Module, digits: Digits, report=lambda share: None):
        if run and not run.has_trained and not ended.is_set():
            run.stop.set()
            try:
                report(0.1)
            finally:
                ended.set()
        return evaluate(model, digits)

    monkeypatch.setattr(run_module, "evaluate", evaluate_slowly)
    monkeypatch.setattr(run_module, "FIRST_MEASURE", 0)
    run = start(practice, LONG)
    assert run.wait() and ended.is_set() and run.record and not run.record.finished


def test_a_run_ends_at_its_time_limit(practice: Data):
    run = start(practice, LONG, seconds=0.2)
    assert run.wait() and run.is_over_time and run.record and not run.record.finished


def test_a_loss_that_runs_away_is_told_and_its_network_not_kept(practice: Data, recipe: Recipe):
    run = start(practice, recipe.change(lr=1e12))
    assert run.wait() and run.problem.startswith("Training diverged at step ")
    assert run.record is None


def test_a_training_that_fails_says_so(
    practice: Data, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(run_module, "train", fail)
    run = start(practice, LONG)
    assert run.wait() and run.problem == "The training failed; the server's log says why."
    assert "MemoryError" in caplog.text


def test_the_goal_is_passed_when_the_test_accuracy_first_reaches_it(practice: Data, recipe: Recipe):
    run = start(practice, recipe)
    run.wait()
    run.measured[:] = [(10, 0.5, 1.0, 0.98), (20, 1.0, 0.9, 0.99), (30, 1.5, 1.0, 0.999)]
    assert run.passed_goal == 1.0
    run.measured[:] = run.measured[:1]
    assert run.passed_goal is None


@pytest.mark.skipif(sys.platform != "linux", reason="priorities belong to threads on Linux")
def test_a_training_stands_back_for_those_who_draw(practice: Data):
    run = start(practice, LONG)
    wait_for_steps(run)
    thread = run._thread.native_id
    assert thread and os.getpriority(os.PRIO_PROCESS, thread) == POLITE
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < POLITE
    run.drop()
    assert run.wait() and run.record is None


def test_a_loss_that_is_no_number_at_the_last_step_is_told(practice: Data):
    once = Recipe("once", network="784-10", optimizer="SGD", lr=1e38, batch_size=600, epochs=1)
    run = start(practice, once)
    assert run.wait() and "diverged" in run.problem and run.record is None


def test_what_is_told_may_be_asked_at_any_time(practice: Data, recipe: Recipe):
    run = start(practice, recipe.change(epochs=30))
    lengths = []
    while not run.wait(0):
        curves = run.curves()
        assert len(curves["at"]) == len(curves["loss"]) == len(curves["smooth"])
        lengths.append(len(curves["at"]))
        time.sleep(0.002)
    assert lengths == sorted(lengths)
