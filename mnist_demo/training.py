"""Training as a generator: it computes and reports plain numbers; what is printed, drawn or saved is the caller's."""

import copy
import time
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

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
    ends with the weights of the epoch that read them best, also when stopped early. Close the generator to stop; the
    model keeps what it has learned, in evaluation mode. The same seed, device and number of threads give the same
    weights, bit for bit (tested on the CPU). Raises InputError where the data are too few for the recipe, or when the
    loss runs away.
    """
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
    optimizer = recipe.build_optimizer(model)
    learned, held_out = split(data.train.to(device), recipe.validation)
    per_epoch = _count_steps(len(learned) * (2 if recipe.copies else 1), recipe)
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
                loss_tensor = cross_entropy(model(images), labels)
                loss_tensor.backward()
                optimizer.step()
                loss = loss_tensor.item()
                step += 1
                total_loss += loss
                seconds += time.perf_counter() - started
                if not loss < DIVERGED:  # also catches NaN
                    raise InputError(f"Training diverged at step {step}: the loss is {loss:.3g}. Try a smaller lr.")
                result = None
                if step == epoch * per_epoch:
                    result = _evaluate_epoch(model, data.test, held_out, total_loss / per_epoch)
                    if result.validation_accuracy is not None and result.validation_accuracy > best_accuracy:
                        best_accuracy, best_weights = result.validation_accuracy, copy.deepcopy(model.state_dict())
                yield Progress(step, recipe.epochs * per_epoch, epoch, loss, seconds, result)
                started = time.perf_counter()
    finally:
        if best_weights is not None:
            model.load_state_dict(best_weights)
        model.eval()


def split(digits: Digits, validation: int) -> tuple[Digits, Digits]:
    """The digits without the last `validation` ones, and those."""
    boundary = len(digits) - validation
    return digits[:boundary], digits[boundary:]


def with_copy(digits: Digits, recipe: Recipe, generator: torch.Generator) -> Digits:
    """The digits and, where the recipe asks for one, an augmented copy of each after them."""
    if not recipe.copies:
        return digits
    copies = augment(digits.images, recipe.copies, generator)
    return Digits(torch.cat([digits.images, copies]), digits.labels.repeat(2))


def _count_steps(digits: int, recipe: Recipe) -> int:
    return digits // recipe.batch_size if recipe.drop_last else -(-digits // recipe.batch_size)


def _evaluate_epoch(model: nn.Module, test: Digits, held_out: Digits, train_loss: float) -> EpochResult:
    tested = evaluate(model, test)
    validation_accuracy = evaluate(model, held_out).accuracy if len(held_out) else None
    return EpochResult(train_loss, tested.loss, tested.accuracy, validation_accuracy)
