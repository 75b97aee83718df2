"""Teaching a network one visitor's hand: its last layer is trained on, on their drawings among training digits.

All other layers stay as they are. So each digit passes through them once, every step is a small product of matrices,
and as many last layers as there are drawings learn side by side, each without one of them: what those say of the
drawing that they never saw is the honest account of what was learned.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from mnist_demo.augment import Affine, Elastic, augment
from mnist_demo.data import SEVERAL, Data, Digits
from mnist_demo.errors import InputError
from mnist_demo.handwriting import draw_nondigits
from mnist_demo.my_digits import MyDigit, check_count, to_digits
from mnist_demo.recipes import AUGMENTATIONS, Recipe

ONE_BY_ONE, FOLDS = 30, 10  # up to so many drawings each is left out alone; of more, a tenth at a time
AT_ONCE = 50  # digits looked at between two looks whether to stop


@dataclass(frozen=True)
class Teaching:
    """How a hand is learned. Chosen on the pen digits of writers 1 to 10, as `tests/benchmarks/teaching.py` says."""

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
    unseen: list[int]  # each by a network that learned only others: leave-one-out, or ten folds (see ONE_BY_ONE)
    test_accuracy: float  # share of the test set that is read right, 0 to 1
    test_loss: float  # mean cross-entropy there, nats


@dataclass(frozen=True, slots=True)
class Lesson:
    """Where a teaching is: yielded at least every tenth of a second or so."""

    step: int  # steps done; 0 while digits are looked at
    steps: int  # steps in all
    loss: float | None = None  # of this step's batch, nats
    reading: Reading | None = None  # at step 0 once, before anything is learned, and after each round
    seconds: float = 0.0  # spent so far, measuring included, the caller's own work not


def for_recipe(recipe: Recipe) -> Teaching:
    """How a network of that recipe is taught: with its own label smoothing, so that it stays as sure as it was."""
    return Teaching(label_smoothing=recipe.label_smoothing)


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
    seconds = 0.0
    with closing(_teach(model.to(device).eval(), digits, data, settings, seed, device)) as lessons:
        while not (stop and stop.is_set()):
            started = time.perf_counter()
            lesson = next(lessons, None)
            seconds += time.perf_counter() - started
            if lesson is None:
                return
            yield replace(lesson, seconds=seconds)


def check_consistent(digits: Sequence[MyDigit]) -> None:
    """Raise InputError unless the digits can be taught: as many as may be, and no drawing twice with two labels."""
    check_count(len(digits))
    first: dict[tuple, int] = {}
    for number, one in enumerate(digits, 1):
        before = first.setdefault(one.strokes, number)
        if digits[before - 1].label != one.label:
            raise InputError(
                f"Digits {before} and {number} are the same drawing, labelled {digits[before - 1].label} and "
                f"{one.label}. Correct one, or take it out."
            )


def make_folds(digits: Sequence[MyDigit]) -> Tensor:
    """Which are left out together: int64 (N,), a number from 0 each. Copies of a drawing are, so that none tells of the
    other; beyond ONE_BY_ONE drawings a tenth are, with equal shares of each label."""
    drawings = sorted({one.strokes: one.label for one in digits}.items(), key=lambda item: item[1])
    count = len(drawings) if len(drawings) <= ONE_BY_ONE else FOLDS
    fold = {strokes: i % count for i, (strokes, _) in enumerate(drawings)}
    return torch.tensor([fold[one.strokes] for one in digits])


def _teach(
    model: nn.Sequential,
    digits: Sequence[MyDigit],
    data: Data,
    settings: Teaching,
    seed: int,
    device: str | torch.device,
) -> Generator[Lesson, None, None]:
    body, last = model[:-1], model[-1]
    if not isinstance(last, nn.Linear):
        raise TypeError(f"The last layer must be nn.Linear to be taught; it is {type(last).__name__}.")
    wait = Lesson(0, settings.steps)
    generator = torch.Generator().manual_seed(seed)

    def look(images: Tensor, maps: tuple[Affine | Elastic, ...] = ()) -> Generator[Lesson, None, Tensor]:
        """What the layers before the last make of uint8 images, or of copies under `maps`: float32 (N, features)."""
        features = []
        for part in images.split(AT_ONCE):
            seen = augment(part, maps, generator) if maps else part
            with torch.no_grad():
                features.append(body(seen.to(device).float().div_(255)))
            yield wait
        return torch.cat(features)

    drawn = []
    for first in range(0, len(digits), AT_ONCE):
        drawn.append(to_digits(digits[first : first + AT_ONCE]))
        yield wait
    own = _join(drawn)
    own_features = yield from look(own.images)
    if settings.copies:
        copies = yield from look(own.images.repeat(settings.copies, 1, 1, 1), settings.maps)
        own_features = torch.cat([own_features, copies])
    rows = torch.arange(len(own)).repeat(1 + settings.copies)  # which drawing each of them is of
    others = [data.train[torch.randperm(len(data.train), generator=generator)[: settings.pool]]]
    if last.out_features > SEVERAL:
        rng = np.random.default_rng(seed)
        for first in range(0, settings.nondigits, AT_ONCE):
            others.append(draw_nondigits(min(AT_ONCE, settings.nondigits - first), rng))
            yield wait
    pool = _join(others)
    pool_features = yield from look(pool.images)
    test_features = yield from look(data.test.images)

    folds = make_folds(digits).to(device)
    count = 1 + int(folds.max()) + 1  # last layers: one that learns all, and one for each fold, which learns the others
    weight = last.weight.detach().repeat(count, 1).requires_grad_()
    bias = last.bias.detach().repeat(count).requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=settings.lr, fused=True)
    own_labels, pool_labels, test_labels = (each.labels.to(device) for each in (own, pool, data.test))

    def answer(features: Tensor) -> Tensor:
        """Logits (N, count, outputs)."""
        return linear(features, weight, bias).unflatten(1, (count, -1))

    def read() -> Reading:
        with torch.no_grad():
            last.weight.copy_(weight[: last.out_features])
            last.bias.copy_(bias[: last.out_features])
            answers = answer(own_features[: len(own)])[..., :10].argmax(dim=-1)  # (N, count)
            tested = linear(test_features, last.weight, last.bias)[:, :10]
            accuracy = (tested.argmax(dim=1) == test_labels).double().mean().item()
            unseen = answers.gather(1, 1 + folds[:, None])[:, 0]
            return Reading(answers[:, 0].tolist(), unseen.tolist(), accuracy, cross_entropy(tested, test_labels).item())

    yield replace(wait, reading=read())
    measured = {round(settings.steps * i / settings.rounds) for i in range(1, settings.rounds + 1)}
    try:
        for step in range(settings.steps):
            optimizer.param_groups[0]["lr"] = settings.lr * (1 - step / settings.steps)
            mine = torch.randint(len(rows), (settings.own,), generator=generator)
            theirs = torch.randint(len(pool), (settings.others,), generator=generator).to(device)
            which = rows[mine].to(device)
            labels = torch.cat([own_labels[which], pool_labels[theirs]])
            features = torch.cat([own_features[mine.to(device)], pool_features[theirs]])
            logits = answer(features)  # (batch, count, outputs)
            losses = cross_entropy(
                logits.flatten(0, 1),
                labels.repeat_interleave(count),
                reduction="none",
                label_smoothing=settings.label_smoothing,
            ).unflatten(0, (-1, count))
            learns = torch.ones_like(losses)
            learns[torch.arange(settings.own), 1 + folds[which]] = 0  # what a fold leaves out
            by_layer = (losses * learns).sum(dim=0) / learns.sum(dim=0)  # (count,)
            optimizer.zero_grad()
            by_layer.sum().backward()
            optimizer.step()
            reading = read() if step + 1 in measured else None
            yield Lesson(step + 1, settings.steps, by_layer[0].item(), reading)
    finally:
        read()


def _join(parts: Sequence[Digits]) -> Digits:
    return Digits(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))
