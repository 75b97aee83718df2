"""The tables that benchmarks print: what is measured, the figure, what is aimed for, and whether it is met."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from mnist_demo.hardware import hardware_name
from mnist_demo.reports import percent, table


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    figure: str
    aim: str
    met: bool


def at_least(what: str, share: float, aim: float) -> Row:
    return Row(what, percent(share), f"at least {percent(aim)}", share >= aim)


def at_most(what: str, value: float, aim: float, show: Callable[[float], str] = percent) -> Row:
    return Row(what, show(value), f"at most {show(aim)}", value <= aim)


def for_information(what: str, share: float) -> Row:
    return Row(what, percent(share), "", True)


def print_rows(rows: Sequence[Row]) -> int:
    """Print the table and the hardware; the exit status, 1 where a row is missed."""
    print(table(["what", "measured", "aim"], [[row.what, row.figure, row.aim] for row in rows]))
    print(f"\nMeasured on {hardware_name()}, torch {torch.__version__}.")
    for row in rows:
        if not row.met:
            print(f"MISSED: {row.what}: {row.figure}, {row.aim}")
    return 0 if all(row.met for row in rows) else 1
