"""Which digits of a set to look at, and in which order: pure functions over what a model made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from mnist_demo.errors import InputError
from mnist_demo.evaluation import Evaluation

SHOW = ("all", "right", "wrong")
# With a second model: what only the first reads, and what only the second does.
COMPARE = ("", "only this one", "only the other")
ORDER = ("stored", "unsure", "confident", "random")
DIGITS = tuple(range(10))
MAX_SEED = 9_999
PAGE = 100  # digits of a wall


@dataclass(frozen=True)
class Selection:
    """What is asked for. As it stands, every digit in the order in which it is stored."""

    show: str = "all"  # one of SHOW: all, those read right, those read wrong
    truth: int | None = None  # only digits that are this one
    read: int | None = None  # only digits that are read as this one
    compare: str = ""  # one of COMPARE, and of no effect without a second model
    order: str = "stored"  # one of ORDER: least sure first; wrong ones first, the most confident first; at random
    seed: int = 0  # of the order at random, up to MAX_SEED
    page: int = 0  # of PAGE digits each

    def __post_init__(self) -> None:
        _check("show", self.show, SHOW)
        _check("compare", self.compare, COMPARE)
        _check("order", self.order, ORDER)
        for name, digit in (("truth", self.truth), ("read", self.read)):
            if digit is not None:
                _check(name, digit, DIGITS)
        for name, number, most in (("seed", self.seed, MAX_SEED), ("page", self.page, 10**6)):
            if not 0 <= number <= most:
                raise InputError(f"{name} is {number}; it must be from 0 to {most:,}.")


def _check(name: str, value: object, allowed: tuple) -> None:
    if value not in allowed:
        raise InputError(f"{name} is {str(value)[:40]!r}; choose from: {', '.join(repr(each) for each in allowed)}.")


def select(selection: Selection, evaluation: Evaluation, other: Evaluation | None = None) -> Tensor:
    """The rows of the set that are asked for, in the order asked for: int64 (M,). Pages are not cut."""
    rows = torch.nonzero(_mask(selection, evaluation, other))[:, 0]
    if selection.order == "random":
        generator = torch.Generator().manual_seed(selection.seed)
        return rows[torch.randperm(len(rows), generator=generator)]
    if selection.order == "unsure":
        return rows[evaluation.confidences[rows].argsort(stable=True)]
    if selection.order == "confident":  # the wrong ones from sure to unsure, then the right ones from unsure to sure
        confidences = evaluation.confidences[rows]
        return rows[torch.where(evaluation.right[rows], confidences, -confidences).argsort(stable=True)]
    return rows


def page_of(rows: Tensor, page: int) -> Tensor:
    """The rows of a page, int64 (PAGE or less,); of the last one where there are not so many."""
    page = min(page, count_pages(rows) - 1)
    return rows[page * PAGE : (page + 1) * PAGE]


def count_pages(rows: Tensor) -> int:
    """How many pages there are, at least the one that says that nothing is there."""
    return max(1, -(-len(rows) // PAGE))


def count_choices(
    selection: Selection, evaluation: Evaluation, other: Evaluation | None = None
) -> dict[str, dict[Any, int]]:
    """For each filter, and each of its choices, how many digits one would see that chose it and left the rest."""
    choices: dict[str, tuple] = {"show": SHOW, "truth": (None, *DIGITS), "read": (None, *DIGITS), "compare": COMPARE}
    return {
        name: {choice: int(_mask(replace(selection, **{name: choice}), evaluation, other).sum()) for choice in allowed}
        for name, allowed in choices.items()
    }


def _mask(selection: Selection, evaluation: Evaluation, other: Evaluation | None) -> Tensor:
    mask = torch.ones(len(evaluation.labels), dtype=torch.bool)
    if selection.show != "all":
        mask &= evaluation.right == (selection.show == "right")
    if selection.truth is not None:
        mask &= evaluation.labels == selection.truth
    if selection.read is not None:
        mask &= evaluation.predictions == selection.read
    if selection.compare and other is not None:
        first, second = (evaluation, other) if selection.compare == "only this one" else (other, evaluation)
        mask &= first.right & ~second.right
    return mask


def to_query(selection: Selection) -> dict[str, str]:
    """The selection as parameters of an address; what is as it stands is left out."""
    return {
        field.name: str(getattr(selection, field.name))
        for field in fields(Selection)
        if getattr(selection, field.name) != field.default
    }


def from_query(query: Mapping[str, str]) -> Selection:
    """The selection that parameters of an address tell; others are left alone. Raises InputError for a value that
    `to_query` cannot have written."""
    values: dict[str, Any] = {}
    for field in fields(Selection):
        text = query.get(field.name, "")
        if not text:
            continue
        if isinstance(field.default, str):
            values[field.name] = text
        elif text.isascii() and text.isdigit() and len(text) <= 7:
            values[field.name] = int(text)
        else:
            raise InputError(f"{field.name} is {text[:40]!r}; it must be a number.")
    return Selection(**values)
