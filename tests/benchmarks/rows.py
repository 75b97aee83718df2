"""The result tables of benchmarks: what was measured, the value, the target, and whether it was met."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from mnist_demo.devices import hardware_name
from mnist_demo.reports import format_percent, markdown_table


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    what: str
    figure: str
    target: str
    met: bool


def at_least(what: str, fraction: float, target: float) -> Row:
    return Row(what, format_percent(fraction), f"at least {format_percent(target)}", fraction >= target)


def at_most(what: str, value: float, target: float, show: Callable[[float], str] = format_percent) -> Row:
    return Row(what, show(value), f"at most {show(target)}", value <= target)


def for_information(what: str, fraction: float) -> Row:
    return Row(what, format_percent(fraction), "", True)


def print_rows(rows: Sequence[Row]) -> int:
    """Print the table and the hardware. Return the exit status: 1 if a target was missed."""
    print(markdown_table(["what", "measured", "target"], [[row.what, row.figure, row.target] for row in rows]))
    print(f"\nMeasured on {hardware_name()}, torch {torch.__version__}.")
    for row in rows:
        if not row.met:
            print(f"MISSED: {row.what}: {row.figure}, {row.target}")
    return 0 if all(row.met for row in rows) else 1
