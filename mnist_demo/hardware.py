"""What this machine is, in a few words, to stand beside every measured second; and how many of its cores work."""

import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

ALL_CORES = torch.get_num_threads()  # as PyTorch would have it: a thread a core, or what OMP_NUM_THREADS says
_working = 0  # how many are within `all_cores`; PyTorch has one number of threads for all
_counting = threading.Lock()


@contextmanager
def all_cores() -> Iterator[None]:
    """Work on many digits within, shared among all cores.

    Only the page needs this: it works with one thread else (`app.py` sets that), since to share out a single drawing
    costs more than it brings.
    """
    _change_working(+1)
    try:
        yield
    finally:
        _change_working(-1)


def _change_working(by: int) -> None:
    global _working
    with _counting:
        _working += by
        torch.set_num_threads(ALL_CORES if _working else 1)


def hardware_name(device: str | torch.device = "cpu") -> str:
    """The GPU's name, or the processor's and its number of cores, such as "AMD EPYC, 2 cores"."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor_name()}, {os.cpu_count()} cores"


def _processor_name() -> str:
    info = Path("/proc/cpuinfo")  # Linux; elsewhere the platform module knows
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
