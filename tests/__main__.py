"""Check style, types and tests: python -m tests [--all] [arguments of pytest]

Without --all, tests marked `slow` are left out: browser variants, fuzzing at length, and those that wait.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def main() -> int:
    arguments = sys.argv[1:]
    if is_complete := "--all" in arguments:
        arguments.remove("--all")
    selection = [] if is_complete else ["-m", "not slow"]
    # Threads that spin while they wait take the cores from the other process, which makes training seven times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for style in (["ruff", "check"], ["ruff", "format", "--check"]):
        if code := start(*style).wait():
            return code
    types = start("mypy", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # beside the tests, which often wait
    tests = start("pytest", "-n", "2", *selection, *arguments).wait()
    print("== mypy", types.communicate()[0].decode(), sep="\n", end="")
    return tests or types.returncode


def start(*module: str, **options: Any) -> subprocess.Popen:
    print("==", *module, flush=True)
    return subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, **options)


if __name__ == "__main__":
    sys.exit(main())
