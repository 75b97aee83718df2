"""The app in a process of its own, served on a local port."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Arguments of Python: the app with its synthetic digits from a file, or with a third of them, so trainings are short.
QUICK_START = ("-c", "from tests.serve import run_app; run_app()")
FEW_DIGITS = ("-c", "from tests.serve import run_app; run_app(3_000, 1_000)")


@contextmanager
def serve_app(
    data: str | Path, *flags: str, port: int = 0, may_complain: bool = False, program: Sequence[str] = ("app.py",)
) -> Iterator[str]:
    """Start the app in a process, on the given or a free port, and yield its URL.

    `data` is a data folder, or "synthetic". `flags` are further flags. `program` holds Python's arguments. A
    traceback in the log fails the test, unless the app `may_complain`.
    """
    port = port or free_port()
    command = [sys.executable, *program, "--port", str(port), "--data", str(data), *flags]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        with subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
            try:
                wait_for_port(port, process)
                yield f"http://127.0.0.1:{port}/"
            finally:
                process.terminate()
        log.seek(0)
        assert may_complain or "Traceback" not in (printed := log.read()), printed


def wait_for_port(port: int, process: subprocess.Popen) -> None:
    """Wait until the process listens on the port."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the app ended before it served its page")
