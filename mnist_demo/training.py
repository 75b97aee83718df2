"""Training as a generator that yields plain numbers; the caller prints, plots and saves."""

import copy
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from threading import Event

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_demo.data import Dataset, Digits, batches, concatenate
from mnist_demo.data.augment import augment
from mnist_demo.devices import has_fast_bfloat16
from mnist_demo.errors import InputError
from mnist_demo.evaluation import EpochResult, evaluate
from mnist_demo.models import Dropout, min_batch_size
from mnist_demo.recipes import Recipe

MAX_ESTIMATE_BATCH = 250  # largest batch size with which `estimate_seconds` trains
MAX_LOSS = 1e6  # nats; a training with a higher loss has diverged (uniform probabilities give 2.3)


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a training after one step."""

    step: int  # from 1
    steps: int  # total number of steps
    epoch: int  # epoch of this step, from 1
    loss: float  # of this step's batch, nats
    seconds: float  # training time so far, without evaluation and the caller's own work
    result: EpochResult | None = None  # at the last step of an epoch


class _Stopped(Exception):
    """The caller has set `stop`."""


def train(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    stop: Event | None = None,
) -> Generator[Progress, None, None]:
    """Train `model` in place on `data.train`, moved to `device`; yield a Progress after each step.

    Each epoch ends with an evaluation on `data.test`. The model ends with its last weights, averaged if the recipe has
    an `ema_decay`; with validation digits, these are from the epoch with the best validation accuracy. Training then
    continues with `recipe.fine_tune`, if any, and the same seed.

    To stop, close the generator, or set `stop` from any thread. The model is then in evaluation mode, with weights
    chosen as above. The same seed, device and number of threads give the same weights. Raises InputError if there are
    too few training digits or if the loss diverges.
    """
    steps, step, epoch, seconds = _count_all_steps(data, recipe), 0, 0, 0.0  # the last three: of finished stages
    for stage in _list_stages(recipe):
        with closing(_train_stage(model, data, stage, seed, device, stop)) as training:
            for own in training:
                yield Progress(step + own.step, steps, epoch + own.epoch, own.loss, seconds + own.seconds, own.result)
        if stop and stop.is_set():
            return
        step, epoch, seconds = step + own.step, epoch + own.epoch, seconds + own.seconds


def _train_stage(
    model: nn.Module, data: Dataset, recipe: Recipe, seed: int, device: str | torch.device, stop: Event | None
) -> Generator[Progress, None, None]:
    def check_stop(share: float = 0) -> None:
        if stop and stop.is_set():
            raise _Stopped

    per_epoch = steps_per_epoch(data, recipe)
    generator = torch.Generator().manual_seed(seed)
    model.to(device).train()
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = torch.Generator(device).manual_seed(seed)
    training_digits, held_out = split_validation(data.train.to(device), recipe)
    average_weights = get_ema_multi_avg_fn(recipe.ema_decay)
    average = AveragedModel(model, multi_avg_fn=average_weights, use_buffers=True) if recipe.ema_decay else None
    optimizer = recipe.build_optimizer(model)
    schedule = recipe.build_schedule(optimizer, recipe.epochs * per_epoch)
    use_bfloat16 = recipe.bfloat16 and has_fast_bfloat16(device)
    autocast = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=use_bfloat16)
    best_accuracy, best_weights = -1.0, None
    step, seconds, epoch_digits = 0, 0.0, None
    try:
        for epoch in range(1, recipe.epochs + 1):
            started = time.perf_counter()
            if epoch_digits is None or recipe.resample_each_epoch:
                epoch_digits = augment_epoch(training_digits, recipe, generator, check_stop)
            total_loss, drop_last = 0.0, _drops_last_batch(recipe, len(epoch_digits))
            for images, labels in batches(epoch_digits, recipe.batch_size, generator, drop_last):
                check_stop()
                optimizer.zero_grad()
                with autocast:
                    logits = model(images)
                loss_tensor = cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
                loss_tensor.backward()
                optimizer.step()
                if schedule:
                    schedule.step()
                if average:
                    average.update_parameters(model)
                loss = loss_tensor.item()
                step += 1
                total_loss += loss
                seconds += time.perf_counter() - started
                if not loss < MAX_LOSS:  # also true for NaN
                    raise InputError(f"Training diverged at step {step}: the loss is {loss:.3g}. Try a smaller lr.")
                result = None
                if step == epoch * per_epoch:
                    evaluated = average.module if average else model
                    with suppress(_Stopped):  # the finished step is reported even if its evaluation is stopped
                        tested = evaluate(evaluated, data.test, report=check_stop)
                        accuracy = evaluate(evaluated, held_out, report=check_stop).accuracy if len(held_out) else None
                        result = EpochResult(total_loss / per_epoch, tested.loss, tested.accuracy, accuracy)
                        if accuracy is not None and accuracy > best_accuracy:
                            best_accuracy, best_weights = accuracy, copy.deepcopy(evaluated.state_dict())
                yield Progress(step, recipe.epochs * per_epoch, epoch, loss, seconds, result)
                started = time.perf_counter()
    except _Stopped:
        pass
    finally:
        if best_weights is not None:
            model.load_state_dict(best_weights)
        elif average:
            model.load_state_dict(average.module.state_dict())
        model.eval()


def split_validation(digits: Digits, recipe: Recipe) -> tuple[Digits, Digits]:
    """Split the training digits into those that the recipe trains on and the last ones, held out for validation."""
    boundary = len(digits) - recipe.validation_size
    return digits[: round(boundary * recipe.train_fraction)], digits[boundary:]


def augment_epoch(
    digits: Digits, recipe: Recipe, generator: torch.Generator, check_stop: Callable[[], None] = lambda: None
) -> Digits:
    """Return an epoch's digits: the originals, followed or replaced by augmented copies if the recipe says so."""
    if not recipe.augmentation:
        return digits
    copies = Digits(augment(digits.images, recipe.augmentation, generator, check_stop), digits.labels)
    return concatenate([digits, copies]) if recipe.keep_originals else copies


def steps_per_epoch(data: Dataset, recipe: Recipe) -> int:
    """Return the number of steps per epoch. Raises InputError if the batches are too large or too small."""
    if recipe.batch_size < (minimum := min_batch_size(recipe.network)):
        raise InputError(f"batch_size must be at least {minimum}: batch normalization cannot train on single digits.")
    digits = len(split_validation(data.train, recipe)[0])
    if recipe.augmentation and recipe.keep_originals:
        digits *= 2
    if digits < recipe.batch_size:
        uses = f"holds out {recipe.validation_size:,}, trains on {100 * recipe.train_fraction:g}% of the rest"
        needs = f"recipe {recipe.name!r} {uses} and needs {recipe.batch_size:,} per step"
        raise InputError(f"{len(data.train):,} training digits are too few: {needs}. Try a smaller batch_size.")
    return digits // recipe.batch_size if _drops_last_batch(recipe, digits) else -(-digits // recipe.batch_size)


def _drops_last_batch(recipe: Recipe, digits: int) -> bool:
    """Return whether an epoch skips its last, smaller batch. A network that cannot train on one digit always does."""
    return recipe.drop_last or 0 < digits % recipe.batch_size < min_batch_size(recipe.network)


def _count_all_steps(data: Dataset, recipe: Recipe) -> int:
    return sum(stage.epochs * steps_per_epoch(data, stage) for stage in _list_stages(recipe))


def _list_stages(recipe: Recipe) -> list[Recipe]:
    """Return the recipe, then the one that fine-tunes, if any."""
    return [recipe, *(_list_stages(recipe.fine_tune) if recipe.fine_tune else [])]


def estimate_seconds(data: Dataset, recipe: Recipe, *, device: str | torch.device = "cpu") -> float:
    """Estimate how many seconds `train` will take: train for two short epochs and time the second one."""
    batch_size = min(recipe.batch_size, MAX_ESTIMATE_BATCH)
    count = min(len(data.train), max(4 * batch_size, MAX_ESTIMATE_BATCH))
    sample = Dataset(data.name, data.train[:count], data.test[:1], "")
    whole = {"validation_size": 0, "train_fraction": 1.0, "drop_last": False}
    short = recipe.change(batch_size=batch_size, epochs=2, lr=1e-9, **whole)
    with closing(train(short.build(), sample, short, device=device)) as training:
        seconds = [progress.seconds for progress in training]
    half = len(seconds) // 2
    seconds_per_digit = (seconds[-1] - seconds[half - 1]) / (half * batch_size)
    return seconds_per_digit * recipe.batch_size * _count_all_steps(data, recipe)
