"""The device to compute on, the number of CPU threads, and the hardware's name to print beside measured times."""

import os
import platform
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

CPU_COUNT = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
NICE_LEVEL = 10  # Unix nice level of training, so that predictions go first


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Limit PyTorch to `count` CPU threads inside the block, for the calling thread only."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def lower_priority() -> None:
    """Lower the priority of the calling thread, and of threads it starts later, for good."""
    if sys.platform == "linux":  # elsewhere, only a whole process has a priority
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICE_LEVEL, os.getpriority(os.PRIO_PROCESS, thread)))


def default_device() -> str:
    """Return "cuda" if PyTorch finds a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def has_fast_bfloat16(device: str | torch.device) -> bool:
    """Return whether the device computes in bfloat16. CPUs without these instructions emulate it, twice as slowly."""
    return torch.device(device).type != "cpu" or torch.cpu._is_avx512_bf16_supported()


def run_on_all_cores(compute: Callable[[], Any]) -> Any:
    """Return `compute()`, run in a new low-priority thread with CPU_COUNT PyTorch threads.

    PyTorch's libgomp keeps a pool for every thread that has computed in parallel. When pools hold more threads than
    there are cores, all of them sleep after every layer. The pool of a thread that has ended is freed.
    """

    def work() -> Any:
        lower_priority()
        with torch_threads(CPU_COUNT):
            return compute()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def hardware_name(device: str | torch.device = "cpu") -> str:
    """Return the GPU's name, or the processor's name and number of cores, such as "AMD EPYC, 2 cores"."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")  # on Linux, platform.processor() is often empty
    found = re.search(r"model name\s*: (.+)", info.read_text(errors="replace")) if info.is_file() else None
    name = found[1].strip() if found else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
