"""Fine-tune a model's last layer on one user's drawings, mixed with training digits.

Each digit passes through the other layers once, which makes cross-validation cheap: one last layer per fold is trained
at the same time, without the fold's drawings. Its predictions for them show how well the model has adapted.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import Metadata
from mnist_demo.data import NOT_A_DIGIT, Dataset, concatenate
from mnist_demo.data.augment import Affine, Elastic
from mnist_demo.evaluation import UNCALIBRATED, Evaluation
from mnist_demo.personalize.features import (
    LabeledFeatures,
    extract_features,
    render_user_digits,
    sample_training_digits,
)
from mnist_demo.personalize.user_digits import UserDigit, make_folds, validate_labels
from mnist_demo.recipes import AUGMENTATIONS, Recipe

_SUFFIX = " of your digits"  # ends the data source of a fine-tuned model


@dataclass(frozen=True)
class FinetuneSettings:
    """Hyperparameters of fine-tuning. See docs/personalization.md for the alternatives that were tried."""

    lr: float = 0.01  # of Adam at the first step; decays linearly to 0
    steps: int = 150
    user_batch: int = 16  # user drawings per step
    mnist_batch: int = 112  # training digits per step, to prevent forgetting
    copies: int = 24  # augmented copies of each drawing
    augmentation: tuple[Affine | Elastic, ...] = AUGMENTATIONS["like handwriting"]  # of the copies
    pool_size: int = 5_000  # random training digits from which `mnist_batch` is drawn
    non_digits: int = 500  # added to the pool for models that recognize non-digits
    label_smoothing: float = 0.0  # fraction of each label that is spread over all outputs
    measurements: int = 10  # during training, at equal intervals


@dataclass(frozen=True, slots=True)
class Measurement:
    """Results at one step, with one prediction per drawing, in their order.

    A prediction is a digit 0 to 9, or NOT_A_DIGIT for a drawing below the threshold of the calibration.
    """

    fitted: list[int]  # predictions by the model that was trained on all drawings
    held_out: list[int]  # predictions by models that were not trained on that drawing (see `make_folds`)
    test_accuracy: float  # on the test set, 0 to 1
    test_loss: float  # mean cross-entropy on the test set, nats
    per_class_accuracy: list[float]  # on the test set for each digit 0 to 9; 0 for a digit without examples


@dataclass(frozen=True, slots=True)
class FinetuneProgress:
    """Progress, yielded after each 50 digits of preparation and then after each step."""

    step: int  # steps completed; 0 during preparation
    steps: int  # steps in total
    loss: float | None = None  # of this step's batch, nats
    measurement: Measurement | None = None  # before the first step, at equal intervals, and when stopped
    seconds: float = 0.0  # elapsed so far, without the time that the caller takes


def settings_for(recipe: Recipe) -> FinetuneSettings:
    """Return the settings for a model of that recipe. See docs/personalization.md."""
    # A model trained on many writers has less to learn and more to lose. Label smoothing keeps the confidences.
    return FinetuneSettings(lr=0.001 if recipe.pen_writers else 0.01, label_smoothing=recipe.label_smoothing)


def finetune(
    model: nn.Sequential,
    digits: Sequence[UserDigit],
    data: Dataset,
    settings: FinetuneSettings = FinetuneSettings(),
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    calibration: Calibration = UNCALIBRATED,
    stop: Event | None = None,
) -> Generator[FinetuneProgress, None, None]:
    """Train the last layer of `model`, an nn.Linear, in place. Move the model to `device` and to evaluation mode.

    The first Measurement shows the model before fine-tuning, and the last one shows the result. To stop, close the
    generator or set `stop` from another thread; the model keeps what it has learned. The same seed, device and number
    of threads give the same weights. `calibration` is the model's; by default no drawing is refused. Raise InputError
    for too few or too many digits, or a drawing with two labels.
    """
    validate_labels(digits)
    stop = stop or Event()
    seconds, started = 0.0, time.perf_counter()
    prepared = model.to(device).eval()
    with closing(_prepare_and_train(prepared, digits, data, settings, seed, device, calibration, stop)) as run:
        for progress in run:
            seconds += time.perf_counter() - started
            if stop.is_set() and not (progress and progress.step):
                return
            yield replace(progress or FinetuneProgress(0, settings.steps), seconds=seconds)
            started = time.perf_counter()


def finetuned_metadata(metadata: Metadata, data: Dataset, count: int, last: FinetuneProgress) -> Metadata:
    """Update a model's metadata after fine-tuning on `count` digits. `last` must have a measurement.

    The seconds are those of the fine-tuning alone.
    """
    assert last.measurement
    return replace(
        metadata,
        data_source=f"{metadata.data_source} and {count}{_SUFFIX}",
        data_checksum=data.checksum,
        test_accuracy=last.measurement.test_accuracy,
        test_loss=last.measurement.test_loss,
        per_class_accuracy=last.measurement.per_class_accuracy,
        steps=metadata.steps + last.step,
        finished=metadata.finished and last.step == last.steps,
        seconds=last.seconds,
    )


def is_finetuned(metadata: Metadata) -> bool:
    """Return whether a model was fine-tuned before. Drawings that it was trained on cannot test it."""
    return metadata.data_source.endswith(_SUFFIX)


def _prepare_and_train(
    model: nn.Sequential,
    digits: Sequence[UserDigit],
    data: Dataset,
    settings: FinetuneSettings,
    seed: int,
    device: str | torch.device,
    calibration: Calibration,
    stop: Event,
) -> Generator[FinetuneProgress | None, None, None]:
    """Yield None during preparation, then the progress of training."""
    body, last = model[:-1], model[-1]
    assert isinstance(last, nn.Linear)
    generator = torch.Generator().manual_seed(seed)
    drawings = yield from render_user_digits(digits)
    user = yield from extract_features(body, drawings, device)
    if settings.copies:
        repeated = concatenate([drawings] * settings.copies)
        copies = yield from extract_features(body, repeated, device, settings.augmentation, generator)
        user = LabeledFeatures(torch.cat([user.features, copies.features]), torch.cat([user.labels, copies.labels]))
    non_digits = settings.non_digits if last.out_features > 10 else 0
    pool = yield from sample_training_digits(data, settings.pool_size, non_digits, generator)
    mnist = yield from extract_features(body, pool, device)
    test = yield from extract_features(body, data.test, device)
    yield from _train(last, user, make_folds(digits).to(device), mnist, test, settings, generator, calibration, stop)


def _train(
    last: nn.Linear,
    user: LabeledFeatures,
    folds: Tensor,
    mnist: LabeledFeatures,
    test: LabeledFeatures,
    settings: FinetuneSettings,
    generator: torch.Generator,
    calibration: Calibration,
    stop: Event,
) -> Generator[FinetuneProgress, None, None]:
    """Train copies of `last` side by side on the same batches, and copy the first one's weights back into `last`.

    The first copy is trained on everything; each other copy leaves out one fold. `user` holds the drawings, whose
    `folds` are given, followed by all their augmented copies in the same order.
    """
    layers = 2 + int(folds.max())
    weight = last.weight.detach().repeat(layers, 1).requires_grad_()
    bias = last.bias.detach().repeat(layers).requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=settings.lr, fused=True)
    fold_of = folds.repeat(len(user) // len(folds))

    def forward(features: Tensor) -> Tensor:
        return linear(features, weight, bias).unflatten(1, (layers, -1))  # (N, layers, outputs)

    def measure() -> Measurement:
        with torch.no_grad():
            last.weight.copy_(weight[: last.out_features])
            last.bias.copy_(bias[: last.out_features])
            outputs = forward(user.features[: len(folds)])
            predictions = outputs[..., :10].argmax(dim=-1)  # (N, layers)
            predictions[calibration.scores(outputs) < calibration.threshold] = NOT_A_DIGIT
            logits = last(test.features)[:, :10]
            loss = cross_entropy(logits, test.labels).item()
            tested = Evaluation(logits.softmax(dim=1), logits.argmax(dim=1), test.labels, loss)
            fitted, held_out = predictions[:, 0], predictions.gather(1, 1 + folds[:, None])[:, 0]
            return Measurement(fitted.tolist(), held_out.tolist(), tested.accuracy, loss, tested.per_class_accuracy)

    yield FinetuneProgress(0, settings.steps, measurement=measure())
    measured_steps = {round(settings.steps * i / settings.measurements) for i in range(1, settings.measurements + 1)}
    try:
        for step in range(settings.steps):
            optimizer.param_groups[0]["lr"] = settings.lr * (1 - step / settings.steps)
            user_rows = torch.randint(len(user), (settings.user_batch,), generator=generator).to(weight.device)
            mnist_rows = torch.randint(len(mnist), (settings.mnist_batch,), generator=generator).to(weight.device)
            labels = torch.cat([user.labels[user_rows], mnist.labels[mnist_rows]])
            logits = forward(torch.cat([user.features[user_rows], mnist.features[mnist_rows]]))
            targets, smoothing = labels[:, None].expand(-1, layers), settings.label_smoothing
            losses = cross_entropy(logits.transpose(1, 2), targets, reduction="none", label_smoothing=smoothing)
            is_trained = torch.ones_like(losses)  # (batch, layers); 0 where the layer leaves the drawing out
            is_trained[torch.arange(settings.user_batch), 1 + fold_of[user_rows]] = 0
            layer_losses = (losses * is_trained).sum(dim=0) / is_trained.sum(dim=0)
            optimizer.zero_grad()
            layer_losses.sum().backward()
            optimizer.step()
            is_last = stop.is_set()
            measurement = measure() if is_last or step + 1 in measured_steps else None
            yield FinetuneProgress(step + 1, settings.steps, layer_losses[0].item(), measurement)
            if is_last:
                return
    finally:
        measure()
