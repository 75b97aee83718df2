"""Teaching a network one visitor's hand: its last layer is trained on, on their drawings among training digits.

All other layers stay as they are. So each digit passes through them once, every step is a small product of matrices,
and as many last layers as there are drawings learn side by side, each without one of them: what those say of the
drawing that they never saw is the honest account of what was learned.
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from mnist_demo.augment import Affine, Elastic
from mnist_demo.checkpoints import Record
from mnist_demo.data import Data
from mnist_demo.features import Seen, draw_others, draw_own, join, look
from mnist_demo.my_digits import MyDigit, check_consistent, make_folds
from mnist_demo.recipes import AUGMENTATIONS, Recipe

_YOURS = " of your digits"  # ends the source of a taught network's data


@dataclass(frozen=True)
class Teaching:
    """How a hand is learned.

    What each choice brought, where writers 2, 4 and 6 of UCI's pen digits taught `cnn` three of each digit: the share
    of their errors that is gone (83 %) and the points gained on the first 2,000 of MNIST's test digits (+0.8), with
    another in its place, one seed each:

    - 32 drawings and 96 digits a step: 87 %, +0.5; 8 and 120: 78 %, +1.0. With `softmax`, which has the least room, in
      the three mixtures 80 %, -2.2; 72 %, -1.1; and 53 %, -0.6;
    - an lr of 0.003: 63 %, +0.6; of 0.02: 90 %, +0.8; of 0.03: 91 %, +0.7;
    - half the steps at 0.015: 85 %, +0.7;
    - no copies: 59 %, +0.8; 8 of them: 90 %, +0.7;
    - a pool of 2,500: 86 %, +0.7;
    - the network's own answers as the labels of the training digits (Z. Li and D. Hoiem, "Learning without forgetting",
      2017): 86 %, +0.2; and as half of them: 86 %, +0.6.

    All layers, at 0.001, the only lr tried: 63 % of writers 1, 2, 4, 6 and 8, at 20 times the time a step.
    """

    lr: float = 0.01  # of Adam at the first step; falls evenly to 0
    steps: int = 150
    own: int = 16  # drawings of a step
    others: int = 112  # digits of a step from the training set, lest it forget them
    copies: int = 24  # of each drawing, augmented, that are learned beside it
    maps: tuple[Affine | Elastic, ...] = AUGMENTATIONS["as hands vary"]  # that make them
    pool: int = 5_000  # digits of the training set, drawn at random, from which `others` are taken
    nondigits: int = 500  # drawings that are none, beside those, for networks that know what is no digit
    label_smoothing: float = 0.0  # share of each label that is spread over all outputs
    rounds: int = 10  # after each, equal parts of the steps, it is measured


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read at a time of a teaching. Of the visitor's drawings, in their order, a digit 0 to 9 each."""

    learned: list[int]  # by the network that learned them all
    unseen: list[int]  # each by a network that learned only others: leave-one-out, or ten folds (`make_folds`)
    test_accuracy: float  # share of the test set that is read right, 0 to 1
    test_loss: float  # mean cross-entropy there, nats
    per_class_accuracy: list[float]  # the same share for each digit 0 to 9; 0 where there is none


@dataclass(frozen=True, slots=True)
class Lesson:
    """Where a teaching is: yielded after each fifty digits that are looked at, then after each step."""

    step: int  # steps done; 0 while digits are looked at
    steps: int  # steps in all
    loss: float | None = None  # of this step's batch, nats
    reading: Reading | None = None  # at step 0 once, before anything is learned; after each round; where it is stopped
    seconds: float = 0.0  # spent so far, measuring included, the caller's own work not


def for_recipe(recipe: Recipe) -> Teaching:
    """How a network of that recipe is taught: with its own label smoothing, so that it stays as sure as it was.

    One that knows the hands of many writers has less to learn and more to lose: at a tenth of the lr, `sketch-24` loses
    0.08 points on the first 2,000 of MNIST's test digits, not 0.20, and writers 27 and 28 have no more digits misread,
    4 where they had 5. Three hooks that it reads as sixes still suffice to have `sketch` read others as fours.
    """
    return Teaching(lr=0.001 if recipe.writers else 0.01, label_smoothing=recipe.label_smoothing)


def teach(
    model: nn.Sequential,
    digits: Sequence[MyDigit],
    data: Data,
    settings: Teaching = Teaching(),
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    stop: Event | None = None,
) -> Generator[Lesson, None, None]:
    """Train the last layer of `model`, nn.Linear, in place, moved to `device` and in evaluation mode throughout.

    The first Lesson with a Reading tells how it was before, the last how it is. Close the generator to stop, or set
    `stop` from another thread: the model keeps what it has learned. The same seed, device and number of threads give
    the same weights. Raises InputError where there are no digits or too many, or one drawing has two labels.
    """
    check_consistent(digits)
    wait = Lesson(0, settings.steps)
    is_stopped = stop.is_set if stop else lambda: False
    seconds, started = 0.0, time.perf_counter()
    with closing(_teach(model.to(device).eval(), digits, data, settings, seed, device, is_stopped)) as lessons:
        for lesson in lessons:
            seconds += time.perf_counter() - started
            if is_stopped() and not (lesson and lesson.step):
                return
            yield replace(lesson or wait, seconds=seconds)
            started = time.perf_counter()


def record_taught(record: Record, data: Data, count: int, last: Lesson) -> Record:
    """The record of a network that was taught `count` digits, from what it was before and the last lesson, which has a
    Reading. Seed, threads and hardware are those of the training before."""
    assert last.reading
    return replace(
        record,
        data_source=f"{record.data_source} and {count}{_YOURS}",
        data_checksum=data.checksum,
        test_accuracy=last.reading.test_accuracy,
        test_loss=last.reading.test_loss,
        per_class_accuracy=last.reading.per_class_accuracy,
        steps=record.steps + last.step,
        finished=record.finished and last.step == last.steps,
        seconds=record.seconds + last.seconds,
    )


def was_taught(record: Record) -> bool:
    """Whether a network has learned drawings already, by which it should not be judged."""
    return record.data_source.endswith(_YOURS)


def _teach(
    model: nn.Sequential,
    digits: Sequence[MyDigit],
    data: Data,
    settings: Teaching,
    seed: int,
    device: str | torch.device,
    is_stopped: Callable[[], bool],
) -> Generator[Lesson | None, None, None]:
    body, last = model[:-1], model[-1]
    if not isinstance(last, nn.Linear):
        raise TypeError(f"The last layer must be nn.Linear to be taught; it is {type(last).__name__}.")
    generator = torch.Generator().manual_seed(seed)
    nondigits = settings.nondigits if last.out_features > 10 else 0
    drawings = yield from draw_own(digits)
    own = yield from look(body, drawings, device)
    if settings.copies:
        repeated = join([drawings] * settings.copies)
        copies = yield from look(body, repeated, device, settings.maps, generator)
        own = Seen(torch.cat([own.features, copies.features]), torch.cat([own.labels, copies.labels]))
    pool = yield from draw_others(data, settings.pool, nondigits, generator)
    others = yield from look(body, pool, device)
    test = yield from look(body, data.test, device)
    yield from _learn(last, own, make_folds(digits).to(device), others, test, settings, generator, is_stopped)


def _learn(
    last: nn.Linear,
    own: Seen,
    folds: Tensor,
    others: Seen,
    test: Seen,
    settings: Teaching,
    generator: torch.Generator,
    is_stopped: Callable[[], bool],
) -> Generator[Lesson, None, None]:
    """Train as many layers like `last` as there are folds, and one more: the first learns all, each other one all but
    a fold. They share the batches, and no more than that. `last` is given what the first has learned. `own` holds the
    drawings, whose `folds` are given, then all of their copies in turn."""
    layers = 2 + int(folds.max())
    weight = last.weight.detach().repeat(layers, 1).requires_grad_()
    bias = last.bias.detach().repeat(layers).requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=settings.lr, fused=True)
    fold_of = folds.repeat(len(own) // len(folds))

    def answer(features: Tensor) -> Tensor:
        return linear(features, weight, bias).unflatten(1, (layers, -1))  # (N, layers, outputs)

    def read() -> Reading:
        with torch.no_grad():
            last.weight.copy_(weight[: last.out_features])
            last.bias.copy_(bias[: last.out_features])
            answers = answer(own.features[: len(folds)])[..., :10].argmax(dim=-1)  # (N, layers)
            tested = last(test.features)[:, :10]
            right = tested.argmax(dim=1) == test.labels
            total = test.labels.bincount(minlength=10).clamp(min=1)
            return Reading(
                answers[:, 0].tolist(),
                answers.gather(1, 1 + folds[:, None])[:, 0].tolist(),
                int(right.sum()) / len(right),
                cross_entropy(tested, test.labels).item(),
                (test.labels[right].bincount(minlength=10).double() / total).tolist(),
            )

    yield Lesson(0, settings.steps, reading=read())
    measured = {round(settings.steps * i / settings.rounds) for i in range(1, settings.rounds + 1)}
    try:
        for step in range(settings.steps):
            optimizer.param_groups[0]["lr"] = settings.lr * (1 - step / settings.steps)
            mine = torch.randint(len(own), (settings.own,), generator=generator).to(weight.device)
            theirs = torch.randint(len(others), (settings.others,), generator=generator).to(weight.device)
            labels = torch.cat([own.labels[mine], others.labels[theirs]])
            logits = answer(torch.cat([own.features[mine], others.features[theirs]]))  # (batch, layers, outputs)
            losses = cross_entropy(
                logits.transpose(1, 2),
                labels[:, None].expand(-1, layers),
                reduction="none",
                label_smoothing=settings.label_smoothing,
            )
            learns = torch.ones_like(losses)  # (batch, layers)
            learns[torch.arange(settings.own), 1 + fold_of[mine]] = 0
            by_layer = (losses * learns).sum(dim=0) / learns.sum(dim=0)
            optimizer.zero_grad()
            by_layer.sum().backward()
            optimizer.step()
            is_last = is_stopped()
            reading = read() if is_last or step + 1 in measured else None
            yield Lesson(step + 1, settings.steps, by_layer[0].item(), reading)
            if is_last:
                return
    finally:
        read()
