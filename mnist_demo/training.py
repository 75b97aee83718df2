"""Training as a generator: it computes and reports plain numbers; what is printed, drawn or saved is the caller's."""

import copy
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from threading import Event

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_demo.augment import augment
from mnist_demo.data import Data, Digits, batches
from mnist_demo.errors import InputError
from mnist_demo.evaluation import EpochResult, evaluate
from mnist_demo.hardware import has_fast_bfloat16
from mnist_demo.models import Dropout
from mnist_demo.recipes import Recipe

ESTIMATED_ON = 250  # digits of a step, at most, from which the time of a training is estimated
DIVERGED = 1e6  # nats of a step's loss; ten equal guesses cost 2.3


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is: yielded after each step."""

    step: int  # steps done
    steps: int  # steps in all
    epoch: int  # the epoch of this step, from 1
    loss: float  # of this step's batch, nats
    seconds: float  # spent on training so far; evaluation and the caller's own work are not counted
    result: EpochResult | None = None  # at an epoch's last step


class _Stopped(Exception):
    """The caller wants no more of a training."""


def train(
    model: nn.Module,
    data: Data,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    stop: Event | None = None,
) -> Generator[Progress, None, None]:
    """Train `model` in place on `data.train`, moved to `device`; yield a Progress after each step.

    The model is evaluated on `data.test` after each epoch. Where the recipe holds out validation digits, the model
    ends with the weights of the epoch that read them best, also when stopped early; where it averages, with averages.
    From there it is trained on as `recipe.then` says, with the same seed, and ends as that says. Close the generator
    to stop, or set `stop`, which another thread may do while an evaluation or augmentation is under way; the model
    keeps what it has learned, in evaluation mode. The same seed, device and number of threads give
    the same weights, bit for bit (tested on the CPU). Raises InputError where the data are too few for the recipe, or
    when the loss runs away.
    """
    later = _count_all_steps(data, recipe.then) if recipe.then else 0
    with closing(_train_once(model, data, recipe, seed, device, stop)) as first:
        for progress in first:
            yield replace(progress, steps=progress.steps + later)
    if not recipe.then or (stop and stop.is_set()):
        return
    with closing(train(model, data, recipe.then, seed=seed, device=device, stop=stop)) as second:
        for more in second:
            yield replace(
                more,
                step=progress.step + more.step,
                steps=progress.step + more.steps,
                epoch=progress.epoch + more.epoch,
                seconds=progress.seconds + more.seconds,
            )


def _train_once(
    model: nn.Module, data: Data, recipe: Recipe, seed: int, device: str | torch.device, stop: Event | None
) -> Generator[Progress, None, None]:
    """As `train`, without what comes then."""

    def check(share: float = 0) -> None:
        if stop and stop.is_set():
            raise _Stopped

    per_epoch = count_steps(data, recipe)
    generator = torch.Generator().manual_seed(seed)
    model.to(device).train()
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = torch.Generator(device).manual_seed(seed)
    learned, held_out = split(data.train.to(device), recipe)
    averages = _averages(model, recipe)
    optimizer = recipe.build_optimizer(model)
    schedule = recipe.build_schedule(optimizer, recipe.epochs * per_epoch)
    in_16_bits = recipe.bfloat16 and has_fast_bfloat16(device)
    autocast = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=in_16_bits)
    best_accuracy, best_weights = -1.0, None
    step, seconds, pair = 0, 0.0, None
    try:
        for epoch in range(1, recipe.epochs + 1):
            started = time.perf_counter()
            if pair is None or recipe.redraw_copies:
                pair = with_copy(learned, recipe, generator, check)
            total_loss = 0.0
            for images, labels in batches(pair, recipe.batch_size, generator, recipe.drop_last):
                check()
                optimizer.zero_grad()
                with autocast:
                    logits = model(images)
                loss_tensor = cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
                loss_tensor.backward()
                optimizer.step()
                if schedule:
                    schedule.step()
                if averages:
                    averages.update_parameters(model)
                loss = loss_tensor.item()
                step += 1
                total_loss += loss
                seconds += time.perf_counter() - started
                if not loss < DIVERGED:  # also catches NaN
                    raise InputError(f"Training diverged at step {step}: the loss is {loss:.3g}. Try a smaller lr.")
                result = None
                if step == epoch * per_epoch:
                    shown = averages.module if averages else model
                    with suppress(_Stopped):  # the step is done, and to be told
                        result = _evaluate_epoch(shown, data.test, held_out, total_loss / per_epoch, check)
                    validated = result.validation_accuracy if result else None
                    if validated is not None and validated > best_accuracy:
                        best_accuracy, best_weights = validated, copy.deepcopy(shown.state_dict())
                yield Progress(step, recipe.epochs * per_epoch, epoch, loss, seconds, result)
                started = time.perf_counter()
    except _Stopped:
        pass
    finally:
        if best_weights is not None:
            model.load_state_dict(best_weights)
        elif averages:
            model.load_state_dict(averages.module.state_dict())
        model.eval()


def split(digits: Digits, recipe: Recipe) -> tuple[Digits, Digits]:
    """Of the training digits those that the recipe learns, and those that it holds out for validation, the last."""
    boundary = len(digits) - recipe.validation
    return digits[: round(boundary * recipe.share)], digits[boundary:]


def with_copy(
    digits: Digits, recipe: Recipe, generator: torch.Generator, check: Callable[[], None] = lambda: None
) -> Digits:
    """The digits and, where the recipe asks for one, an augmented copy of each after them, or in their place. `check`
    is that of `augment`."""
    if not recipe.copies:
        return digits
    copies = augment(digits.images, recipe.copies, generator, check)
    if not recipe.originals:
        return Digits(copies, digits.labels)
    return Digits(torch.cat([digits.images, copies]), digits.labels.repeat(2))


def count_steps(data: Data, recipe: Recipe) -> int:
    """The steps of an epoch. Raises InputError where the training digits are too few for the recipe."""
    digits = len(split(data.train, recipe)[0])
    if recipe.copies and recipe.originals:
        digits *= 2
    if digits < recipe.batch_size:
        raise InputError(
            f"{len(data.train):,} training digits are too few: recipe {recipe.name!r} holds out {recipe.validation:,}, "
            f"learns {100 * recipe.share:g} % of the others and takes {recipe.batch_size:,} a step."
        )
    return digits // recipe.batch_size if recipe.drop_last else -(-digits // recipe.batch_size)


def _count_all_steps(data: Data, recipe: Recipe) -> int:
    steps = recipe.epochs * count_steps(data, recipe)
    return steps + (_count_all_steps(data, recipe.then) if recipe.then else 0)


def estimate_seconds(data: Data, recipe: Recipe, *, device: str | torch.device = "cpu") -> float:
    """About how long `train` will take here, from a few steps that are taken to warm up and as many that are timed."""
    batch_size = min(recipe.batch_size, ESTIMATED_ON)
    few = min(len(data.train), max(4 * batch_size, ESTIMATED_ON))
    sample = Data(data.name, data.train[:few], data.test[:1], "")
    short = replace(
        recipe, batch_size=batch_size, epochs=2, validation=0, share=1.0, drop_last=False, lr=1e-9, then=None
    )
    with closing(train(short.build(), sample, short, device=device)) as training:
        seconds = [progress.seconds for progress in training]
    half = len(seconds) // 2
    a_digit = (seconds[-1] - seconds[half - 1]) / (half * batch_size)
    return a_digit * recipe.batch_size * _count_all_steps(data, recipe)


def _averages(model: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """What keeps a moving average of weights and of batch statistics, where the recipe asks for it."""
    if not recipe.averaging:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging), use_buffers=True)


def _evaluate_epoch(
    model: nn.Module, test: Digits, held_out: Digits, train_loss: float, check: Callable[[float], None]
) -> EpochResult:
    tested = evaluate(model, test, report=check)
    validation_accuracy = evaluate(model, held_out, report=check).accuracy if len(held_out) else None
    return EpochResult(train_loss, tested.loss, tested.accuracy, validation_accuracy)
