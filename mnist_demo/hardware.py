"""What this machine is, in a few words, to stand beside every measured second."""

import os
import platform
from pathlib import Path

import torch


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
