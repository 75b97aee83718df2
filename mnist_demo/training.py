"""Training as a generator: it computes and reports plain numbers; what is printed, drawn or saved is the caller's."""

import copy
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnist_demo.augment import augment
from mnist_demo.data import Data, Digits, batches
from mnist_demo.errors import InputError
from mnist_demo.evaluation import EpochResult, evaluate
from mnist_demo.models import Dropout
from mnist_demo.recipes import Recipe

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


def train(
    model: nn.Module, data: Data, recipe: Recipe, *, seed: int = 0, device: str | torch.device = "cpu"
) -> Generator[Progress, None, None]:
    """Train `model` in place on `data.train`, moved to `device`; yield a Progress after each step.

    The model is evaluated on `data.test` after each epoch. Where the recipe holds out validation digits, the model
    ends with the weights of the epoch that read them best, also when stopped early; where it averages, with averages.
    From there it is trained on as `recipe.then` says, with the same seed, and ends as that says. Close the generator
    to stop; the model keeps what it has learned, in evaluation mode. The same seed, device and number of threads give
    the same weights, bit for bit (tested on the CPU). Raises InputError where the data are too few for the recipe, or
    when the loss runs away.
    """
    later = _count_all_steps(data, recipe.then) if recipe.then else 0
    with closing(_train_once(model, data, recipe, seed, device)) as first:
        for progress in first:
            yield replace(progress, steps=progress.steps + later)
    if not recipe.then:
        return
    with closing(train(model, data, recipe.then, seed=seed, device=device)) as second:
        for more in second:
            yield replace(
                more,
                step=progress.step + more.step,
                steps=progress.step + more.steps,
                epoch=progress.epoch + more.epoch,
                seconds=progress.seconds + more.seconds,
            )


def _train_once(
    model: nn.Module, data: Data, recipe: Recipe, seed: int, device: str | torch.device
) -> Generator[Progress, None, None]:
    """As `train`, without what comes then."""
    if len(data.train) - recipe.validation < (recipe.batch_size if recipe.drop_last else 1):
        raise InputError(
            f"{len(data.train):,} training digits are too few: recipe {recipe.name!r} holds out {recipe.validation:,} "
            f"and takes {recipe.batch_size:,} a step."
        )
    generator = torch.Generator().manual_seed(seed)
    model.to(device).train()
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = torch.Generator(device).manual_seed(seed)
    learned, held_out = split(data.train.to(device), recipe.validation)
    per_epoch = _count_steps(data, recipe)
    averages = _averages(model, recipe)
    optimizer = recipe.build_optimizer(model)
    schedule = recipe.build_schedule(optimizer, recipe.epochs * per_epoch)
    autocast = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=recipe.bfloat16)
    best_accuracy, best_weights = -1.0, None
    step, seconds, pair = 0, 0.0, None
    try:
        for epoch in range(1, recipe.epochs + 1):
            started = time.perf_counter()
            if pair is None or recipe.redraw_copies:
                pair = with_copy(learned, recipe, generator)
            total_loss = 0.0
            for images, labels in batches(pair, recipe.batch_size, generator, recipe.drop_last):
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
                    result = _evaluate_epoch(shown, data.test, held_out, total_loss / per_epoch)
                    if result.validation_accuracy is not None and result.validation_accuracy > best_accuracy:
                        best_accuracy, best_weights = result.validation_accuracy, copy.deepcopy(shown.state_dict())
                yield Progress(step, recipe.epochs * per_epoch, epoch, loss, seconds, result)
                started = time.perf_counter()
    finally:
        if best_weights is not None:
            model.load_state_dict(best_weights)
        elif averages:
            model.load_state_dict(averages.module.state_dict())
        model.eval()


def split(digits: Digits, validation: int) -> tuple[Digits, Digits]:
    """The digits without the last `validation` ones, and those."""
    boundary = len(digits) - validation
    return digits[:boundary], digits[boundary:]


def with_copy(digits: Digits, recipe: Recipe, generator: torch.Generator) -> Digits:
    """The digits and, where the recipe asks for one, an augmented copy of each after them, or in their place."""
    if not recipe.copies:
        return digits
    copies = augment(digits.images, recipe.copies, generator)
    if not recipe.originals:
        return Digits(copies, digits.labels)
    return Digits(torch.cat([digits.images, copies]), digits.labels.repeat(2))


def _count_steps(data: Data, recipe: Recipe) -> int:
    """The steps of an epoch."""
    digits = len(data.train) - recipe.validation
    if recipe.copies and recipe.originals:
        digits *= 2
    return digits // recipe.batch_size if recipe.drop_last else -(-digits // recipe.batch_size)


def _count_all_steps(data: Data, recipe: Recipe) -> int:
    return recipe.epochs * _count_steps(data, recipe) + (_count_all_steps(data, recipe.then) if recipe.then else 0)


def _averages(model: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """What keeps a moving average of weights and of batch statistics, where the recipe asks for it."""
    if not recipe.averaging:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging), use_buffers=True)


def _evaluate_epoch(model: nn.Module, test: Digits, held_out: Digits, train_loss: float) -> EpochResult:
    tested = evaluate(model, test)
    validation_accuracy = evaluate(model, held_out).accuracy if len(held_out) else None
    return EpochResult(train_loss, tested.loss, tested.accuracy, validation_accuracy)
