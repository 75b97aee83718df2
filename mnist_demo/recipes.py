"""Recipes: a network and how it is trained, one entry for each system that the tutorials describe."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from mnist_demo.augment import Affine
from mnist_demo.errors import InputError
from mnist_demo.models import MODELS, build_model

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a trained network but the data, the seed and the device."""

    name: str
    network: str = "conv5 16, conv5 32, linear"  # a key of MODELS
    optimizer: str = "Adam"  # a key of OPTIMIZERS
    lr: float = 1e-3  # learning rate, above 0
    momentum: float = 0.0  # of SGD, 0 to below 1
    batch_size: int = 100  # digits a step
    epochs: int = 5  # times through the training set
    drop_last: bool = False  # leave out an epoch's last batch where it is smaller
    copies: tuple[Affine, ...] = ()  # maps, in their order, of the augmented copy that joins the training set
    redraw_copies: bool = True  # draw the copy anew each epoch, else once
    validation: int = 0  # so many last training digits are held out; the epoch that reads them best is kept
    # Words, which decide nothing and are left out of comparisons:
    source: str = field(default="", compare=False)  # where the system is described
    documented: str = field(default="", compare=False)  # the result that the source reports

    def __post_init__(self) -> None:
        for name, choices in (("network", MODELS), ("optimizer", OPTIMIZERS)):
            if getattr(self, name) not in choices:
                raise InputError(f"Unknown {name} {getattr(self, name)!r}; choose from: {'; '.join(choices)}.")
        for name, least in (("batch_size", 1), ("epochs", 1), ("validation", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name} must be a whole number of at least {least}; got {value!r}.")
        if not 0 < self.lr < float("inf"):
            raise InputError(f"lr, the learning rate, must be a number above 0; got {self.lr!r}.")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must be at least 0 and below 1; got {self.momentum!r}.")

    def build(self, seed: int = 0) -> nn.Sequential:
        """The recipe's untrained network; the same seed gives the same weights."""
        return build_model(self.network, seed)

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The recipe's optimizer over all of the model's parameters."""
        options: dict[str, Any] = {"lr": self.lr, "fused": True}  # fused: Adam's step at batch 20 in 0.6 of the time
        if self.optimizer == "SGD":
            options["momentum"] = self.momentum
        return OPTIMIZERS[self.optimizer](model.parameters(), **options)

    def change(self, **values: Any) -> "Recipe":
        """A copy with other values, those that are None left as they are."""
        return dataclasses.replace(self, **{key: value for key, value in values.items() if value is not None})

    def to_dict(self) -> dict[str, Any]:
        """The recipe's values, as JSON can hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """A recipe from what `to_dict` gave and JSON kept. Raises TypeError or InputError for anything else."""
        copies = tuple(Affine(**{**affine, "scale": tuple(affine["scale"])}) for affine in values["copies"])
        return cls(**{**values, "copies": copies})


# Document 001 turns by RandomRotation(25), then maps by RandomAffine(45, translate=(.1, .1), scale=(.8, 1.2)).
_TURNED_TWICE = (Affine(degrees=25), Affine(degrees=45, translate=0.1, scale=(0.8, 1.2)))

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "softmax",
            network="784-10",
            optimizer="SGD",
            lr=0.1,
            batch_size=100,
            epochs=15,
            drop_last=True,
            source="002, softmax regression",
            documented="cost 0.5355 → 0.2744; 88.6 %",
        ),
        Recipe(
            "mlp-500",
            network="784-500-500-10 ReLU",
            batch_size=100,
            epochs=5,
            validation=5_000,
            source="000, a fully connected network",
            documented="96.21 %",
        ),
        Recipe(
            "mlp-512",
            network="784-512-10 ReLU",
            optimizer="SGD",
            lr=0.1,
            batch_size=20,
            epochs=10,
            source="001, a multi-layer perceptron",
            documented="97 %",
        ),
        Recipe(
            "mlp-512-augmented",
            network="784-512-10 ReLU",
            optimizer="SGD",
            lr=0.1,
            batch_size=20,
            epochs=10,
            copies=_TURNED_TWICE,
            source="001, the same with augmentation",
            documented="98 %",
        ),
        Recipe(
            "mlp-dropout",
            network="784-512-120-84-10 ReLU, dropout",
            batch_size=20,
            epochs=10,
            copies=_TURNED_TWICE,
            source="001, a deeper one with dropout",
            documented="98 %",
        ),
        Recipe(
            "mlp-128",
            network="784-128-10 ReLU, dropout",
            batch_size=20,
            epochs=10,
            copies=(Affine(degrees=15, translate=0.1, scale=(0.9, 1.1), scale_apart=True),),
            redraw_copies=False,
            source="001, the Keras appendix",
            documented="not given",
        ),
        Recipe(
            "mlp-sigmoid",
            network="784-512-256-10 sigmoid",
            optimizer="SGD",
            lr=0.01,
            momentum=0.5,
            batch_size=32,
            epochs=10,
            source="003, an MLP with sigmoids",
            documented="31.45 % after 1 epoch, 90.27 % after 10",
        ),
        Recipe(
            "cnn",
            network="conv5 16, conv5 32, linear",
            lr=0.01,
            batch_size=100,
            epochs=10,
            source="004, a convolutional network",
            documented="cost 0.041; no accuracy",
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises InputError with the names there are."""
    if name not in RECIPES:
        raise InputError(f"Unknown recipe {name!r}; choose from {', '.join(RECIPES)}.")
    return RECIPES[name]
