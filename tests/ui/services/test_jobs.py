"""Trainings and fine-tunings are measured, and end when they finish, fail, or are stopped."""

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mnist_demo import devices
from mnist_demo.data import Dataset, Digits
from mnist_demo.data.synthetic import synthetic_paths
from mnist_demo.devices import NICE_LEVEL
from mnist_demo.evaluation import evaluate
from mnist_demo.personalize.finetune import FinetuneSettings
from mnist_demo.personalize.user_digits import UserDigit
from mnist_demo.recipes import Recipe
from mnist_demo.ui import render
from mnist_demo.ui.services import jobs
from mnist_demo.ui.services.jobs import SAMPLE_SIZE, AccuracyPoint, Job, PersonalizeJob, TrainingJob

LOWER_PRIORITY = devices.lower_priority  # before the fixtures replace it
LONG = Recipe("long", network="784-512-10 ReLU", batch_size=20, epochs=500)


def start_training(
    data: Dataset, recipe: Recipe, *, seconds: float = 60, drawing: np.ndarray | None = None, seed: int = 0
) -> TrainingJob:
    return TrainingJob(
        stop=threading.Event(), max_seconds=seconds, recipe=recipe, data=data, seed=seed, drawing=drawing
    )


def start_finetuning(data: Dataset, recipe: Recipe, steps: int, *, seconds: float = 60, count: int = 3) -> Any:
    rng = np.random.default_rng(0)
    return PersonalizeJob(
        stop=threading.Event(),
        max_seconds=seconds,
        model=recipe.build(),
        digits=[UserDigit.check(synthetic_paths(digit, rng), digit) for digit in range(count)],
        data=data,
        settings=FinetuneSettings(steps=steps, copies=0),
    )


def wait_until(job: Job, condition: Callable[[], Any]) -> None:
    while not condition():
        assert not job.wait(0.005), job.problem


def test_a_training_gives_a_model_with_metadata(synthetic: Dataset, recipe: Recipe):
    drawing = synthetic.test.images[3, 0].numpy()
    job = start_training(synthetic, recipe, drawing=drawing, seed=4)
    assert job.wait() and job.metadata and job.model and job.has_trained and not job.problem
    assert job.metadata.finished and job.metadata.seed == 4
    assert len(job.metadata.epochs) == 2 and job.metadata.steps == 24
    assert job.metadata.test_accuracy == evaluate(job.model, synthetic.test).accuracy
    assert job.metadata.test_accuracy == job.accuracies[-1].test_accuracy
    images = synthetic.test.images[:SAMPLE_SIZE].float() / 255
    assert job.predictions == job.model(images).argmax(dim=1).tolist()
    assert job.drawing_prediction and job.drawing_prediction[0] in range(10) and 0.1 < job.drawing_prediction[1] <= 1
    assert len(job.losses) == 24 and len(job.accuracies) == 15 and job.accuracies[-1].step == 24
    assert not job.model.training


def test_a_training_is_measured_on_a_sample_and_at_the_end_on_all_test_digits(
    synthetic: Dataset, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []

    def count(model: torch.nn.Module, digits: Digits, **options: Any) -> Any:
        sizes.append(len(digits))
        return evaluate(model, digits, **options)

    monkeypatch.setattr(jobs, "evaluate", count)
    monkeypatch.setattr(jobs, "MEASURE_SIZE", 40)
    job = start_training(synthetic, recipe.change(epochs=1, batch_size=10))
    assert job.wait() and job.last and job.last.step == 60
    assert [point.step for point in job.accuracies] == list(range(4, 61, 4))
    assert [point.is_full for point in job.accuracies] == [False] * 14 + [True]
    assert sizes == [40] * 28 + [200, 40]


def test_the_same_seed_gives_the_same_losses(synthetic: Dataset, recipe: Recipe):
    trainings = [start_training(synthetic, recipe, seed=seed) for seed in (1, 1, 2)]
    assert all(job.wait() for job in trainings)
    assert trainings[0].losses == trainings[1].losses != trainings[2].losses


def test_the_smoothed_loss_is_a_moving_average(synthetic: Dataset, recipe: Recipe):
    job = start_training(synthetic, recipe)
    assert job.wait() and len(job.losses) == 24
    expected = list(itertools.accumulate(job.losses, lambda mean, loss: 0.95 * mean + 0.05 * loss))
    assert job.smoothed_losses == pytest.approx(expected)


def test_a_stopped_training_keeps_what_it_learned(synthetic: Dataset):
    job = start_training(synthetic, LONG)
    wait_until(job, lambda: len(job.losses) >= 5)
    job.stop.set()
    assert job.wait() and job.metadata and not job.metadata.finished and job.metadata.steps == len(job.losses)


def test_stop_ends_a_measurement_too(synthetic: Dataset, monkeypatch: pytest.MonkeyPatch):
    job = None
    ended = threading.Event()

    def evaluate_slowly(model: torch.nn.Module, digits: Digits, report=lambda fraction: None):
        if job and not job.has_trained and not ended.is_set():
            job.stop.set()
            try:
                report(0.1)
            finally:
                ended.set()
        return evaluate(model, digits)

    monkeypatch.setattr(jobs, "evaluate", evaluate_slowly)
    job = start_training(synthetic, LONG)
    assert job.wait() and ended.is_set() and job.metadata and not job.metadata.finished


def test_a_training_stops_at_the_time_limit(synthetic: Dataset):
    job = start_training(synthetic, LONG, seconds=0.2)
    assert job.wait() and job.is_over_time and job.metadata and not job.metadata.finished


def test_a_training_that_diverges_gives_no_model(synthetic: Dataset, recipe: Recipe):
    job = start_training(synthetic, recipe.change(lr=1e12))
    assert job.wait() and job.problem.startswith("Training diverged at step ")
    assert job.metadata is None


def test_a_loss_that_is_not_a_number_after_the_last_step_gives_no_model(synthetic: Dataset):
    once = Recipe("once", network="784-10", optimizer="SGD", lr=1e38, batch_size=600, epochs=1)
    job = start_training(synthetic, once)
    assert job.wait() and "diverged" in job.problem and job.metadata is None


def test_a_training_that_fails_is_reported_and_logged(
    synthetic: Dataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(jobs, "train", fail)
    job = start_training(synthetic, LONG)
    assert job.wait() and job.problem == "Training failed; see the server's log."
    assert "TrainingJob failed" in caplog.text and "MemoryError" in caplog.text


def test_the_goal_is_reached_when_the_test_accuracy_is_first_measured_there(synthetic: Dataset, recipe: Recipe):
    job = start_training(synthetic, recipe)
    job.wait()
    job.accuracies[:] = [
        AccuracyPoint(5, 0.2, 1.0, 0.995, is_full=False),
        AccuracyPoint(10, 0.5, 1.0, 0.98),
        AccuracyPoint(20, 1.0, 0.9, 0.99),
        AccuracyPoint(30, 1.5, 1.0, 0.999),
    ]
    assert job.seconds_to_goal == 1.0
    job.accuracies[:] = job.accuracies[:2]
    assert job.seconds_to_goal is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_a_training_runs_at_low_priority(synthetic: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "lower_priority", LOWER_PRIORITY)
    job = start_training(synthetic, LONG)
    wait_until(job, lambda: job.losses)
    thread = job._thread.native_id
    assert thread and os.getpriority(os.PRIO_PROCESS, thread) == NICE_LEVEL
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < NICE_LEVEL
    job.drop()
    assert job.wait() and job.metadata is None


def test_the_curves_can_be_rendered_at_any_time(synthetic: Dataset, recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(render, "MAX_POINTS", 60)
    job = start_training(synthetic, recipe.change(epochs=8))
    lengths = []
    while not job.wait(0):
        curves = render.training_curves(job)
        assert len(curves["steps"]) == len(curves["loss"]) == len(curves["smoothed_loss"])
        assert len(curves["measured_steps"]) == len(curves["train_accuracy"]) == len(curves["test_accuracy"])
        lengths.append(len(curves["steps"]))
        time.sleep(0.001)
    assert lengths == sorted(lengths) and len(job.losses) == 96 and lengths[-1] <= 60


def test_a_finetuning_measures_before_at_regular_steps_and_at_the_end(synthetic: Dataset, recipe: Recipe):
    job = start_finetuning(synthetic, recipe, steps=20)
    assert job.wait() and not job.problem and job.last.step == 20
    assert [step for step, _ in job.measurements] == list(range(0, 21, 2))
    assert job.measurements[-1][1] is job.last.measurement and not job.is_over_time


def test_a_stopped_finetuning_measures_what_it_learned(synthetic: Dataset, recipe: Recipe):
    job = start_finetuning(synthetic, recipe, steps=10**6)
    wait_until(job, lambda: job.last and job.last.step)
    job.stop.set()
    assert job.wait() and 0 < job.last.step == job.measurements[-1][0] < 10**6 and not job.is_over_time


def test_a_finetuning_stops_at_the_time_limit(synthetic: Dataset, recipe: Recipe):
    job = start_finetuning(synthetic, recipe, steps=10**6, seconds=0.2)
    assert job.wait() and job.is_over_time


def test_a_finetuning_that_fails_says_why(synthetic: Dataset, recipe: Recipe):
    job = start_finetuning(synthetic, recipe, steps=20, count=0)
    assert job.wait() and job.problem == "There must be from 1 to 300 digits; got 0." and not job.measurements
