"""Recipes: a model and how to train it, one for each model of the tutorials, and our own."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from torch import nn, optim
from torch.optim.lr_scheduler import OneCycleLR

from mnist_demo.data.augment import Affine, Elastic
from mnist_demo.errors import InputError, describe_value
from mnist_demo.models import MODELS, build_model

PEN_WRITERS = {"": "none", "all": "all writers", "training": "four fifths of the writers"}
OPTIMIZERS: dict[str, type[optim.Optimizer]] = {"SGD": optim.SGD, "Adam": optim.Adam, "AdamW": optim.AdamW}


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a trained model except the data, the seed and the device."""

    name: str
    network: str = "conv5 16, conv5 32, linear"  # a key of MODELS
    optimizer: str = "Adam"  # a key of OPTIMIZERS
    lr: float = 1e-3  # learning rate, above 0
    momentum: float = 0.0  # of SGD, 0 to below 1
    batch_size: int = 100  # digits per step
    epochs: int = 5  # passes through the training set
    drop_last: bool = False  # skip an epoch's last batch if it is smaller
    weight_decay: float = 0.0  # of SGD and AdamW
    train_fraction: float = 1.0  # train on the first part of the training digits; above 0, at most 1
    one_cycle: bool = False  # lr rises for a fifth of the steps, then falls to 0 (L. Smith, 2018); else constant
    ema_decay: float = 0.0  # of the moving average of the weights that training ends with, per step; 0 for none
    label_smoothing: float = 0.0  # share of each label spread over all classes (C. Szegedy et al., 2016)
    bfloat16: bool = False  # train in 16 bits on devices with hardware support
    augmentation: tuple[Affine | Elastic, ...] = ()  # transforms of the augmented copy of each digit, in order
    resample_each_epoch: bool = True  # draw new random transforms for each epoch, else once
    keep_originals: bool = True  # train on the digits and their augmented copies, else on the copies alone
    pen_writers: str = ""  # a key of PEN_WRITERS: also train on non-digits and on the pen strokes of these people
    based_on: str = ""  # recipe whose checkpoint it starts from and takes its calibration from; else random weights
    validation_size: int = 0  # hold out this many last training digits; keep the epoch with the best accuracy on them
    fine_tune: "Recipe | None" = None  # train with this recipe afterwards
    # Descriptions, which comparisons ignore:
    source: str = field(default="", compare=False)  # "ours", or the tutorial that describes the model
    reported_result: str = field(default="", compare=False)  # the result that the tutorial reports

    def __post_init__(self) -> None:
        registries: tuple[tuple[str, dict[str, Any]], ...] = (
            ("network", MODELS), ("optimizer", OPTIMIZERS), ("pen_writers", PEN_WRITERS)
        )  # fmt: skip
        for name, choices in registries:
            if getattr(self, name) not in choices:
                raise InputError(
                    f"Unknown {name} {getattr(self, name)!r}; choose from: {'; '.join(filter(None, choices))}."
                )
        for name, minimum in (("batch_size", 1), ("epochs", 1), ("validation_size", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < minimum:
                raise InputError(f"{name} must be a whole number of at least {minimum}; got {value!r}.")
        if not 0 < self.lr < float("inf"):
            raise InputError(f"lr, the learning rate, must be a number above 0; got {self.lr!r}.")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must be at least 0 and below 1; got {self.momentum!r}.")
        if not 0 < self.train_fraction <= 1:
            raise InputError(f"train_fraction must be above 0 and at most 1; got {self.train_fraction!r}.")

    @property
    def all_epochs(self) -> int:
        """The number of epochs, including fine-tuning."""
        return self.epochs + (self.fine_tune.all_epochs if self.fine_tune else 0)

    def build(self, seed: int = 0) -> nn.Sequential:
        """Build the untrained model on the CPU; the same seed gives the same weights."""
        return build_model(self.network, seed)

    def build_optimizer(self, model: nn.Module) -> optim.Optimizer:
        """Create the optimizer of all of the model's parameters."""
        own = {"SGD": ("momentum", "weight_decay"), "Adam": (), "AdamW": ("weight_decay",)}[self.optimizer]
        options: dict[str, Any] = {name: getattr(self, name) for name in ("lr", *own)}
        return OPTIMIZERS[self.optimizer](model.parameters(), **options | {"fused": True})  # faster for small batches

    def build_schedule(self, optimizer: optim.Optimizer, steps: int) -> OneCycleLR | None:
        """Create the scheduler of the learning rate over `steps` steps, or None if the rate is constant."""
        return OneCycleLR(optimizer, self.lr, total_steps=max(steps, 10), pct_start=0.2) if self.one_cycle else None

    def change(self, **values: Any) -> "Recipe":
        """Return a copy with new values; None means unchanged. A changed recipe has no fine-tuning."""
        changes = {key: value for key, value in values.items() if value is not None}
        return dataclasses.replace(self, **changes, fine_tune=None) if changes else self

    def diff(self, other: "Recipe") -> dict[str, Any]:
        """Return the values that differ from those of `other`, by field name."""
        names = [field.name for field in dataclasses.fields(self) if field.compare and field.name != "name"]
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(other, name)}


_ROTATED = (Affine(degrees=15, translate=0.1, scale=(0.9, 1.1), scale_apart=True),)  # as in tutorial 001's appendix
_ROTATED_TWICE = (Affine(degrees=25), Affine(degrees=45, translate=0.1, scale=(0.8, 1.2)))  # as in tutorial 001
_HANDWRITING = Affine(degrees=12, translate=0.06, scale=(0.88, 1.12), scale_apart=True, shear=0.2), Elastic()
_WEAKER = Affine(degrees=6, translate=0.03, scale=(0.94, 1.06), scale_apart=True, shear=0.1), Elastic(pixels=0.4)

# The augmentations that the page offers, by name.
AUGMENTATIONS: dict[str, tuple[Affine | Elastic, ...]] = {
    "none": (),
    "rotated up to 15°, moved, scaled": _ROTATED,
    "rotated twice, up to 70°": _ROTATED_TWICE,
    "like handwriting": _HANDWRITING,
    "like handwriting, weaker": _WEAKER,
}


# Our own: many epochs at a high learning rate, then a few at a low one with averaged weights.
_SKETCH = Recipe(
    "sketch-dev", "conv3 16-32-64-64-128-128, linear", "SGD", lr=0.15, momentum=0.9, batch_size=128, epochs=20,
    drop_last=True, weight_decay=5e-4, one_cycle=True, label_smoothing=0.05, bfloat16=True, augmentation=_HANDWRITING,
    keep_originals=False, pen_writers="training", validation_size=5_000, source="ours",
)  # fmt: skip
_SKETCH_GENTLY = dataclasses.replace(_SKETCH, epochs=6, lr=0.01, ema_decay=0.999, augmentation=_WEAKER)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # The default model: `sketch-dev` and the digits that were held out to judge it.
        dataclasses.replace(
            _SKETCH_GENTLY, name="sketch", pen_writers="all", validation_size=0, based_on="sketch-dev"
        ),
        dataclasses.replace(_SKETCH, fine_tune=_SKETCH_GENTLY),
        # 99% after one epoch; docs/performance.md compares the alternatives.
        Recipe("fast", "cosine6 16, conv3 32, 256", "Adam", lr=0.03, one_cycle=True, label_smoothing=0.1,
               bfloat16=True, batch_size=250, epochs=1, source="ours"),
        Recipe("softmax", "784-10", "SGD", lr=0.1, batch_size=100, epochs=15, drop_last=True,
               source="002, softmax regression", reported_result="training loss 0.5355 → 0.2744; 88.6%"),
        Recipe("mlp-500", "784-500-500-10 ReLU", "Adam", lr=1e-3, batch_size=100, epochs=5, validation_size=5_000,
               source="000, a fully connected network", reported_result="96.21%"),
        Recipe("mlp-512", "784-512-10 ReLU", "SGD", lr=0.1, batch_size=20, epochs=10,
               source="001, a multi-layer perceptron", reported_result="97%"),
        Recipe("mlp-512-augmented", "784-512-10 ReLU", "SGD", lr=0.1, batch_size=20, epochs=10,
               augmentation=_ROTATED_TWICE, source="001, with augmentation", reported_result="98%"),
        Recipe("mlp-dropout", "784-512-120-84-10 ReLU, dropout", "Adam", lr=1e-3, batch_size=20, epochs=10,
               augmentation=_ROTATED_TWICE, source="001, deeper, with dropout", reported_result="98%"),
        Recipe("mlp-128", "784-128-10 ReLU, dropout", "Adam", lr=1e-3, batch_size=20, epochs=10,
               augmentation=_ROTATED, resample_each_epoch=False,
               source="001, the Keras appendix", reported_result="not given"),
        Recipe("mlp-sigmoid", "784-512-256-10 sigmoid", "SGD", lr=0.01, momentum=0.5, batch_size=32, epochs=10,
               source="003, sigmoid activations", reported_result="31.45% after 1 epoch, 90.27% after 10"),
        Recipe("cnn", "conv5 16, conv5 32, linear", "Adam", lr=0.01, batch_size=100, epochs=10,
               source="004, a convolutional network", reported_result="training loss 0.041; accuracy not given"),
    )
}  # fmt: skip


def find_recipe(name: str) -> Recipe:
    """Return the recipe called `name`. Raises InputError with the list of names."""
    if not isinstance(name, str) or name not in RECIPES:  # clients may send any JSON value
        raise InputError(f"Unknown recipe {describe_value(name)}; choose from {', '.join(RECIPES)}.")
    return RECIPES[name]
