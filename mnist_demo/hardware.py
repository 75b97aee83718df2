"""What this machine is, in a few words, to stand beside every measured second; and how many of its cores work."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

ALL_CORES = torch.get_num_threads()  # as PyTorch would have it: a thread a core, or what OMP_NUM_THREADS says


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Have PyTorch work with so many threads within; the number belongs to the thread that asks."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
