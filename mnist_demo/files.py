"""Files that appear whole or not at all, whatever happens meanwhile."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PART = ".part"  # how folders end that hold what is being written
UNDER_WAY = 10.0  # seconds in which a file may still be being written


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name beside `path` and rename it; its folder is made where it is absent. OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=path.stem, suffix=_PART) as scratch:
        part = Path(scratch, "part")
        part.write_bytes(content)
        part.replace(path)


def check_room(path: Path) -> None:
    """Raise OSError where `write_whole` would for want of rights or for the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=path.stem, suffix=_PART):
        path.exists()  # raises where the name is too long


def remove_leftovers(folder: Path) -> None:
    """Remove what a program left in the folder that was killed while it wrote there."""
    for left in folder.glob(f"*{_PART}"):
        with suppress(OSError):  # another program may do the same, or the folder be read-only
            if left.is_dir() and time.time() - left.stat().st_mtime > UNDER_WAY:
                shutil.rmtree(left)
