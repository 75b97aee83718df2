"""The work of `python -m mnist_demo train`: follow a training, stop it on signals, calibrate and save the model."""

import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median, pstdev

from torch import nn
from tqdm import tqdm

from mnist_demo.calibration import Calibration, fit_calibration
from mnist_demo.checkpoints import (
    CHECKPOINT_FOLDER,
    CHECKPOINT_SUFFIX,
    Metadata,
    build_metadata,
    check_writable,
    initial_model,
    save_checkpoint,
)
from mnist_demo.data import Dataset, concatenate
from mnist_demo.data.sketch_dataset import render_digits
from mnist_demo.data.unipen import Drawing
from mnist_demo.devices import hardware_name
from mnist_demo.errors import CheckpointError, InputError
from mnist_demo.evaluation import EpochResult, compute_logits, evaluate
from mnist_demo.models import count_parameters
from mnist_demo.recipes import Recipe, find_recipe
from mnist_demo.reports import describe_training, format_percent
from mnist_demo.training import Progress, split_validation, train


@dataclass(frozen=True)
class TrainingRun:
    """What one run of the command trains, and on which data and device."""

    recipe: Recipe
    data: Dataset
    seed: int
    device: str
    held_out: list[Drawing]  # by writers that the recipe does not train on
    borrowed: Calibration | None  # of the checkpoint that `recipe.based_on` names

    @property
    def name(self) -> str:
        """File name that shows how the run differs from its recipe on MNIST with seed 0."""
        recipe, original = self.recipe, find_recipe(self.recipe.name)
        changed = [name for name in ("epochs", "batch_size", "lr") if getattr(recipe, name) != getattr(original, name)]
        parts = [recipe.name, *(f"{name.replace('_', '-')}-{getattr(recipe, name):g}" for name in changed)]
        parts += [f"seed-{self.seed}"] if self.seed else []
        parts += [self.data.name.replace(" ", "-")] if self.data.name != "MNIST" else []
        return "-".join(parts)

    def describe(self) -> str:
        """Return two lines: the model and its training, the data and the hardware."""
        recipe, data = self.recipe, self.data
        parameters = f"{count_parameters(recipe.build()):,} parameters; {describe_training(recipe)}"
        digits = f"{len(data.train):,} training and {len(data.test):,} test digits; on {hardware_name(self.device)}"
        return f"{recipe.name}: {recipe.network}, {parameters}\n{data.name}: {digits}"

    def calibrate(self, model: nn.Module, finished: bool) -> Calibration:
        """Fit a calibration to held-out digits, or borrow another checkpoint's for a finished, unchanged recipe."""
        recipe = self.recipe
        if recipe.based_on:
            unchanged = finished and recipe == find_recipe(recipe.name)
            return self.borrowed if self.borrowed and unchanged else Calibration()
        if not self.held_out:
            return Calibration()
        digits, writers = render_digits(self.held_out)
        held_out = concatenate([digits, split_validation(self.data.train, recipe)[1]])
        return fit_calibration(compute_logits(model, held_out), held_out.labels, writers)


def train_and_save(run: TrainingRun, out: Path | None, log: int | None) -> int:
    """Train, print the results, and save a checkpoint; return the exit code, above 128 if a signal stopped it."""
    path = choose_path(out, run.name)
    check_writable(path)
    print(run.describe(), flush=True)
    model = initial_model(run.recipe, run.seed)
    stop = StopOnSignal()
    with stop.listening():
        with closing(train(model, run.data, run.recipe, seed=run.seed, device=run.device, stop=stop)) as training:
            progress, epochs = follow(training, run.recipe, log)
        if progress is None:
            raise InputError("Stopped before the first step; nothing was saved.")
        finished = progress.step == progress.steps
        if not finished:
            path = path.with_name(f"{path.name.removesuffix(CHECKPOINT_SUFFIX)}-stopped{CHECKPOINT_SUFFIX}")
        tested = evaluate(model, run.data.test)
        metadata = build_metadata(run.recipe, run.data, progress, epochs, tested, run.device, seed=run.seed)
        path = save(path, model, replace(metadata, calibration=run.calibrate(model, finished)))
    if not finished:
        print(f"Stopped at step {progress.step:,} of {progress.steps:,}.")
    accuracy = format_percent(tested.accuracy)
    print(f"Test accuracy {accuracy} after {progress.seconds:.1f} s of training; saved to {path}")
    return 0 if finished else stop.exit_code


def train_seeds(run: TrainingRun, count: int) -> int:
    """Train with `count` seeds, from the run's on; print each test accuracy, their mean and their spread."""
    print(run.describe(), flush=True)
    accuracies, seconds = [], []
    for seed in range(run.seed, run.seed + count):
        model = initial_model(run.recipe, seed)
        *_, last = train(model, run.data, run.recipe, seed=seed, device=run.device)
        seconds.append(last.seconds)
        accuracies.append(evaluate(model, run.data.test).accuracy)
        accuracy = format_percent(accuracies[-1])
        print(f"seed {seed}: test accuracy {accuracy} after {last.seconds:.1f} s of training", flush=True)
    average, lowest, highest = map(format_percent, (mean(accuracies), min(accuracies), max(accuracies)))
    spread = f"{lowest} to {highest}, standard deviation {100 * pstdev(accuracies):.2f} points"
    print(f"{count} seeds: test accuracy {average} on average, {spread}; {median(seconds):.1f} s each (median)")
    return 0


def choose_path(out: Path | None, run_name: str) -> Path:
    """Return the file to write: `out` with the suffix, or a file named after the run in `out` or `checkpoints/`."""
    if out is None:
        return CHECKPOINT_FOLDER / f"{run_name}{CHECKPOINT_SUFFIX}"
    with suppress(OSError):  # check_writable reports a name that is too long
        if out.is_dir():
            return out / f"{run_name}{CHECKPOINT_SUFFIX}"
    return out.with_name(out.name.removesuffix(CHECKPOINT_SUFFIX) + CHECKPOINT_SUFFIX)


def follow(training: Iterator[Progress], recipe: Recipe, log: int | None) -> tuple[Progress | None, list[EpochResult]]:
    """Run a training to its end and show its progress; return the last step's progress and each epoch's result."""
    progress = None
    epochs: list[EpochResult] = []
    with tqdm(unit=" steps", disable=None, leave=False) as bar:
        for progress in training:
            bar.total = progress.steps
            bar.update()
            if progress.step % 100 == 0:
                bar.set_postfix(loss=f"{progress.loss:.4f}", refresh=False)
            if log and progress.step % log == 0:
                bar.write(f"step {progress.step:,} of {progress.steps:,}: loss {progress.loss:.4f}")
            if progress.result:
                epochs.append(progress.result)
                result = format_result(progress.result)
                bar.write(f"epoch {progress.epoch:2d} of {recipe.all_epochs}: {result}, {progress.seconds:.1f} s")
                sys.stdout.flush()
    return progress, epochs


def format_result(result: EpochResult) -> str:
    losses = f"cost {result.train_loss:.4f}, test loss {result.test_loss:.4f}"
    shares = {"test": result.test_accuracy, "validation": result.validation_accuracy}
    accuracies = [f"{name} accuracy {format_percent(share)}" for name, share in shares.items() if share is not None]
    return ", ".join([losses, *accuracies])


def save(path: Path, model: nn.Module, metadata: Metadata) -> Path:
    """Save a checkpoint to `path`, or to a temporary folder if that fails; return the file."""
    try:
        save_checkpoint(path, model, metadata)
        return path
    except CheckpointError as error:  # for example, the disk is full; the training should not be lost
        print(f"Error: {error}", file=sys.stderr)
        spare = Path(tempfile.mkdtemp(prefix="mnist_demo-")) / path.name
        save_checkpoint(spare, model, metadata)
        return spare


class StopOnSignal(threading.Event):
    """An event that the first Ctrl-C or SIGTERM sets; the second one ends the program as usual."""

    exit_code = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def restore() -> None:
            for number, handler in usual.items():
                signal.signal(number, handler)

        def on_signal(number: int, _: object) -> None:
            self.exit_code = 128 + number
            self.set()
            restore()

        for number in usual:
            signal.signal(number, on_signal)
        try:
            yield
        finally:
            restore()
