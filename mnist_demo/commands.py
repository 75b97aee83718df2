"""What the command line does: one function a command, from its options to the program's exit code."""

import random
import signal
import sys
import tempfile
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import mean, median, pstdev

import torch
from torch import nn
from tqdm import tqdm

from mnist_demo.calibration import Calibration, calibrate
from mnist_demo.checkpoints import (
    FOLDER,
    SUFFIX,
    Record,
    check_writable,
    find_checkpoint,
    list_checkpoints,
    load_record,
    record_run,
    save_checkpoint,
)
from mnist_demo.classifier import Classifier, Prediction
from mnist_demo.data import Data, download_mnist, load_mnist, missing_files, practice_data
from mnist_demo.errors import CheckpointError, InputError
from mnist_demo.evaluation import EpochResult, compute_logits, evaluate
from mnist_demo.handwriting import handwriting_data, written_by_others
from mnist_demo.hardware import hardware_name
from mnist_demo.images import open_picture
from mnist_demo.models import count_parameters
from mnist_demo.pendigits import PenDigit, load_pen_digits
from mnist_demo.recipes import RECIPES, Recipe, find_recipe
from mnist_demo.reports import describe_training, evaluation_table, percent, recipe_table, record_note
from mnist_demo.training import Progress, split, train

INTERRUPTED = 130  # the exit code of a program ended by Ctrl-C


def get_data(where: str) -> Data:
    """Practice digits where told so, else MNIST from the folder `where`, downloaded if absent, with a progress bar."""
    if where == "practice":
        return practice_data()
    folder = Path(where)
    if missing_files(folder):
        with tqdm(total=100, desc=f"MNIST to {folder}", unit="%", disable=None) as bar:
            download_mnist(folder, report=lambda share: bar.update(int(100 * share) - bar.n))
    return load_mnist(folder)


def run_train(options: Namespace) -> int:
    """Train a recipe's network, with a line after each epoch, and save it with a record of how it was made. Ctrl-C or
    SIGTERM stops after the step under way and keeps what was learned, in a file of its own."""
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA GPU here; use --device cpu.")
    if options.seeds and options.out:
        raise InputError("--seeds measures and saves nothing, so it cannot go with --out.")
    recipe = find_recipe(options.recipe).change(epochs=options.epochs, batch_size=options.batch_size, lr=options.lr)
    pen_digits = _get_pen_digits(options.data, recipe) if recipe.writers else []
    # Better missed before a training than after it.
    lent = load_record(find_checkpoint(recipe.calibrated_as)).calibration if recipe.calibrated_as else None
    data = get_data(options.data)
    if recipe.writers:
        data = handwriting_data(data, pen_digits, recipe.writers)
    path = None if options.seeds else _choose_path(options.out, _run_name(recipe, data, options.seed))
    if path:
        check_writable(path)
    model = recipe.build(options.seed)
    hardware = hardware_name(options.device)
    print(f"{recipe.name}: {recipe.network}, {count_parameters(model):,} parameters; {describe_training(recipe)}")
    print(f"{data.name}: {len(data.train):,} training and {len(data.test):,} test digits; on {hardware}", flush=True)
    if path is None:
        return _train_seeds(recipe, data, options)

    results: list[EpochResult] = []
    stop = _Stop()
    with stop.listening():
        with closing(train(model, data, recipe, seed=options.seed, device=options.device, stop=stop)) as training:
            progress = _follow(training, recipe, results, options.log)
        if progress is None:
            raise InputError("Stopped before the first step; nothing was learned.")
        finished = progress.step == progress.steps
        if not finished:
            path = path.with_name(f"{path.name.removesuffix(SUFFIX)}-stopped{SUFFIX}")
        tested = evaluate(model, data.test)
        calibration = _calibrate(model, recipe, data, pen_digits, lent if finished else None)
        record = record_run(
            recipe,
            data,
            progress,
            results,
            tested,
            seed=options.seed,
            device=options.device,
            calibration=calibration,
        )
        path = _save(path, model, record)
    if not finished:
        print(f"Stopped at step {progress.step:,} of {progress.steps:,}.")
    print(f"Test accuracy {percent(tested.accuracy)} after {progress.seconds:.1f} s of training; kept in {path}")
    return 0 if finished else stop.exit_code


def _save(path: Path, model: nn.Module, record: Record) -> Path:
    """Save a checkpoint and give its file: the one asked for or, where that fails, one among the temporary files."""
    try:
        save_checkpoint(path, model, record)
        return path
    except CheckpointError as error:  # a disk that has filled up, say; what was learned is not to be lost
        print(f"Error: {error}", file=sys.stderr)
        spare = Path(tempfile.mkdtemp(prefix="mnist_demo-")) / path.name
        save_checkpoint(spare, model, record)
        return spare


def _train_seeds(recipe: Recipe, data: Data, options: Namespace) -> int:
    """Train the recipe with several seeds; print what each comes to, their mean and their spread."""
    accuracies, seconds = [], []
    for seed in range(options.seed, options.seed + options.seeds):
        model = recipe.build(seed)
        training = train(model, data, recipe, seed=seed, device=options.device)
        seconds.append([progress.seconds for progress in training][-1])
        accuracies.append(evaluate(model, data.test).accuracy)
        print(f"seed {seed}: test accuracy {percent(accuracies[-1])} after {seconds[-1]:.1f} s of training", flush=True)
    print(
        f"{options.seeds} seeds: test accuracy {percent(mean(accuracies))} on average, "
        f"{percent(min(accuracies))} to {percent(max(accuracies))}, "
        f"standard deviation {100 * pstdev(accuracies):.2f} points; {median(seconds):.1f} s each (median)"
    )
    return 0


def _calibrate(
    model: nn.Module, recipe: Recipe, data: Data, pen_digits: list[PenDigit], lent: Calibration | None
) -> Calibration:
    """As measured on all digits that the recipe leaves out; where it leaves out none, as lent to a whole run."""
    if recipe.calibrated_as:
        return lent if lent and recipe == find_recipe(recipe.name) else Calibration()
    if not recipe.writers:
        return Calibration()
    left_out = (written_by_others(pen_digits, recipe.writers), split(data.train, recipe)[1])
    logits = torch.cat([compute_logits(model, digits) for digits in left_out])
    return calibrate(logits, torch.cat([digits.labels for digits in left_out]))


def _get_pen_digits(where: str, recipe: Recipe) -> list[PenDigit]:
    if where == "practice":
        raise InputError(f"Recipe {recipe.name!r} learns people's strokes: --data must name a folder that has them.")
    return load_pen_digits(Path(where))


def _choose_path(out: Path | None, run_name: str) -> Path:
    """The file to write: `out` with its ending, or a file named after the run in the folder `out` or `checkpoints/`."""
    if out is None:
        return FOLDER / f"{run_name}{SUFFIX}"
    with suppress(OSError):  # a name too long for a file, which check_writable will name
        if out.is_dir():
            return out / f"{run_name}{SUFFIX}"
    return out.with_name(out.name.removesuffix(SUFFIX) + SUFFIX)


def _follow(
    training: Iterator[Progress], recipe: Recipe, results: list[EpochResult], log: int | None
) -> Progress | None:
    """Run a training to its end; show its progress, gather its epochs, return the last step's."""
    progress = None
    with tqdm(unit=" steps", disable=None, leave=False) as bar:
        for progress in training:
            bar.total = progress.steps
            bar.update()
            if progress.step % 100 == 0:
                bar.set_postfix(loss=f"{progress.loss:.4f}", refresh=False)
            if log and progress.step % log == 0:
                bar.write(f"step {progress.step:,} of {progress.steps:,}: loss {progress.loss:.4f}")
            if result := progress.result:
                results.append(result)
                line = f"epoch {progress.epoch:2d} of {recipe.all_epochs}: cost {result.train_loss:.4f}, "
                line += f"test loss {result.test_loss:.4f}, test accuracy {percent(result.test_accuracy)}"
                if result.validation_accuracy is not None:
                    line += f", validation accuracy {percent(result.validation_accuracy)}"
                bar.write(f"{line}, {progress.seconds:.1f} s")
                sys.stdout.flush()
    return progress


def _run_name(recipe: Recipe, data: Data, seed: int) -> str:
    """A file name that says how this run differs from the recipe as written, on MNIST, with seed 0."""
    written = find_recipe(recipe.name)
    changed = [name for name in ("epochs", "batch_size", "lr") if getattr(recipe, name) != getattr(written, name)]
    parts = [recipe.name, *(f"{name.replace('_', '-')}-{getattr(recipe, name):g}" for name in changed)]
    parts += [f"seed-{seed}"] if seed else []
    parts += [data.name.replace(" ", "-")] if data.name != "MNIST" else []
    return "-".join(parts)


class _Stop(threading.Event):
    """Set by the first Ctrl-C or SIGTERM; the second one ends the program as usual."""

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


def run_evaluate(options: Namespace) -> int:
    """Read the test set with each model; print accuracy, loss, and the percentage of each digit read right."""
    names = options.models or list_checkpoints()
    classifiers = [Classifier.load(name) for name in names]
    if not classifiers:
        raise InputError(f"There are no checkpoints in {FOLDER}; make one with: python -m mnist_demo train cnn")
    data = get_data(options.data)
    results = [evaluate(one.model, data.test) for one in tqdm(classifiers, disable=None, leave=False)]
    print(f"{data.name}, {len(data.test):,} test digits; for each digit, the percentage read right\n")
    print(evaluation_table(names, results))
    return 0


def run_predict(options: Namespace) -> int:
    """Read the digit in each picture: dark on light or light on dark, any size."""
    classifier = Classifier.load(options.model)
    failures = 0
    for picture in options.pictures:
        try:
            prediction = classifier.predict_image(open_picture(picture))
        except InputError as error:
            print(f"Error: {error}", file=sys.stderr)
            failures += 1
            continue
        print(f"{picture}: {_say_answer(prediction)}")
    return 1 if failures else 0


def _say_answer(prediction: Prediction) -> str:
    if prediction.digit is None:
        return "no ink found"
    answer = f"{prediction.digit} ({percent(prediction.confidence)})"
    if prediction.is_digit:
        return answer
    return f"{'several digits, read one at a time' if prediction.is_several else 'not a digit'}; likest to {answer}"


def run_show(options: Namespace) -> int:
    """Print what one test digit is and what a model reads; picture it with each pixel's value written in its cell."""
    classifier = Classifier.load(options.model)
    data = get_data(options.data)
    index = random.randrange(len(data.test)) if options.index is None else options.index
    if not 0 <= index < len(data.test):
        raise InputError(f"INDEX must be from 0 to {len(data.test) - 1:,}; got {index}.")
    image, label = data.test.images[index, 0].numpy(), int(data.test.labels[index])
    prediction = classifier.predict_prepared(image)
    line = f"{data.name} test digit {index}: {label}, read as {prediction.digit} ({percent(prediction.confidence)})"
    print(f"{line} by {classifier.name}")
    if options.out:
        from mnist_demo import pictures  # matplotlib takes a third of a second

        pictures.save(pictures.pixel_values(image, line), options.out)
        print(f"Its pixel values are pictured in {options.out}")
    return 0


def run_recipes(options: Namespace) -> int:
    """Print the table of recipes: what each tutorial describes and reports, and what ours came to."""
    records = {name: load_record(find_checkpoint(name)) for name in RECIPES if name in list_checkpoints()}
    print(recipe_table(RECIPES, records))
    if records:
        print(f"\n{record_note(records)}")
    return 0
