"""Check style, types and tests: python -m tests [--all] [arguments of pytest]

Without --all, tests marked `slow` are left out: browser variants, fuzzing at length, and those that wait.
"""

import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    arguments = sys.argv[1:]
    if is_complete := "--all" in arguments:
        arguments.remove("--all")
    selection = [] if is_complete else ["-m", "not slow"]
    pytest = ["pytest", "-n", "2", "--dist", "worksteal", *selection, *arguments]
    # Threads that spin while they wait take the cores from the other process, which makes training seven times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for check in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], pytest):
        print("==", *check, flush=True)
        if code := subprocess.run([sys.executable, "-m", *check], cwd=Path(__file__).parent.parent).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
