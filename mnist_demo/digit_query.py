"""Filter, sort and paginate evaluated digits, and convert the query to and from URL parameters."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from mnist_demo.errors import InputError
from mnist_demo.evaluation import Evaluation

SHOW = ("all", "right", "wrong")
COMPARE = ("", "only this one", "only the other")  # digits that only one of two models classifies correctly
ORDER = ("stored", "unsure", "confident", "random")
DIGITS = tuple(range(10))
FILTERS: dict[str, tuple] = {"show": SHOW, "truth": (None, *DIGITS), "read": (None, *DIGITS), "compare": COMPARE}
MAX_SEED = 9_999
PAGE_SIZE = 100  # digits per page


@dataclass(frozen=True)
class DigitQuery:
    """Filters, order and page. By default, all digits in stored order."""

    show: str = "all"  # one of SHOW: all, correct or incorrect predictions
    truth: int | None = None  # only digits with this label
    read: int | None = None  # only digits with this prediction
    compare: str = ""  # one of COMPARE; ignored without a second model
    order: str = "stored"  # one of ORDER; "confident" shows confident errors first
    seed: int = 0  # of the random order, 0 to MAX_SEED
    page: int = 0  # from 0

    def __post_init__(self) -> None:
        for name, choices in (FILTERS | {"order": ORDER}).items():
            if (value := getattr(self, name)) not in choices:
                listed = ", ".join(repr(choice) for choice in choices if choice is not None)
                raise InputError(f"{name} is {str(value)[:40]!r}; choose from: {listed}.")
        for name, number, maximum in (("seed", self.seed, MAX_SEED), ("page", self.page, 10**6)):
            if not 0 <= number <= maximum:
                raise InputError(f"{name} is {number}; it must be from 0 to {maximum:,}.")


def find_rows(query: DigitQuery, evaluation: Evaluation, other: Evaluation | None = None) -> Tensor:
    """Return the indices of all digits that match, in the query's order and on all pages: int64 (M,)."""
    rows = torch.nonzero(_matches(query, evaluation, other))[:, 0]
    if query.order == "random":
        return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(query.seed))]
    if query.order == "unsure":
        return rows[evaluation.confidences[rows].argsort(stable=True)]
    if query.order == "confident":  # errors by falling confidence, then correct predictions by rising confidence
        confidences = evaluation.confidences[rows]
        return rows[torch.where(evaluation.correct[rows], confidences, -confidences).argsort(stable=True)]
    return rows


def page_rows(rows: Tensor, page: int) -> Tensor:
    """Return the rows on a page, int64 (PAGE_SIZE or fewer,); the last page if there are not that many."""
    page = min(page, count_pages(rows) - 1)
    return rows[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]


def count_pages(rows: Tensor) -> int:
    """Return the number of pages; at least one, which may be empty."""
    return max(1, -(-len(rows) // PAGE_SIZE))


def count_by_filter(
    query: DigitQuery, evaluation: Evaluation, other: Evaluation | None = None
) -> dict[str, dict[Any, int]]:
    """For each filter, count the digits that each of its choices would match, with the other filters unchanged."""
    return {
        name: {choice: int(_matches(replace(query, **{name: choice}), evaluation, other).sum()) for choice in choices}
        for name, choices in FILTERS.items()
    }


def _matches(query: DigitQuery, evaluation: Evaluation, other: Evaluation | None) -> Tensor:
    mask = torch.ones(len(evaluation.labels), dtype=torch.bool)
    if query.show != "all":
        mask &= evaluation.correct == (query.show == "right")
    if query.truth is not None:
        mask &= evaluation.labels == query.truth
    if query.read is not None:
        mask &= evaluation.predictions == query.read
    if query.compare and other is not None:
        first, second = (evaluation, other) if query.compare == "only this one" else (other, evaluation)
        mask &= first.correct & ~second.correct
    return mask


def to_params(query: DigitQuery) -> dict[str, str]:
    """Return the query as URL parameters, without those that have their default value."""
    return {name: str(value) for name, value in asdict(query).items() if value != getattr(DigitQuery, name)}


def from_params(params: Mapping[str, str]) -> DigitQuery:
    """Parse URL parameters and ignore unknown ones. Raises InputError for an invalid value."""
    values: dict[str, Any] = {field.name: params[field.name] for field in fields(DigitQuery) if params.get(field.name)}
    for name in [name for name in values if name not in ("show", "compare", "order")]:
        if not (values[name].isascii() and values[name].isdigit() and len(values[name]) <= 7):
            raise InputError(f"{name} is {values[name][:40]!r}; it must be a number.")
        values[name] = int(values[name])
    return DigitQuery(**values)
