"""What this machine is, in a few words, to stand beside every measured second; and how many of its cores work."""

import os
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

ALL_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
POLITE = 10  # how far training stands back for those who draw (Unix' nice)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Have PyTorch work with so many threads within; the number belongs to the thread that asks."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def stand_back() -> None:
    """Have the thread that asks, and those it starts, compute when no other has anything to do. On Linux, where a
    priority belongs to a thread; elsewhere nothing is done. There is no way back."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(POLITE, os.getpriority(os.PRIO_PROCESS, thread)))


def default_device() -> str:
    """Where to train: a CUDA GPU where there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def has_fast_bfloat16(device: str | torch.device) -> bool:
    """Whether 16 bits are not slower there than 32; CPUs that lack them would compute them by other means."""
    return torch.device(device).type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def on_all_cores(compute: Callable[[], Any]) -> Any:
    """What `compute` gives, computed by a thread of its own with ALL_CORES, which stands back.

    Each thread that has computed with several keeps a team of them (in libgomp, which PyTorch uses on Linux). Once all
    teams together have more threads than there are cores, each goes to sleep after every layer, and a small network
    takes 1.6 times as long to train. So no thread should have a team that does not train.
    """

    def work() -> Any:
        stand_back()
        with threads(ALL_CORES):
            return compute()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


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
