"""One command that checks all, for a person and for CI: python -m tests [arguments of pytest]"""

import os
import subprocess
import sys
from pathlib import Path

TWO_AT_ONCE = ["-n", "2", "--dist", "loadfile"]  # each waits for half of its time
CHECKS = (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["pytest", *TWO_AT_ONCE, *sys.argv[1:]])


def main() -> int:
    # Threads that spin while they wait for each other take the cores from the other process: two trainings at once take
    # 15 s instead of more than 100.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for check in CHECKS:
        print("==", *check, flush=True)
        if code := subprocess.run([sys.executable, "-m", *check], cwd=Path(__file__).parent.parent).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
