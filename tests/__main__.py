"""One command that checks all, for a person and for CI: python -m tests [arguments of pytest]"""

import subprocess
import sys
from pathlib import Path

TWO_AT_ONCE = ["-n", "2", "--dist", "loadfile"]  # each waits for half of its time
CHECKS = (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["pytest", *TWO_AT_ONCE, *sys.argv[1:]])


def main() -> int:
    for check in CHECKS:
        print("==", *check, flush=True)
        if code := subprocess.run([sys.executable, "-m", *check], cwd=Path(__file__).parent.parent).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
