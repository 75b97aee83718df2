"""Files that are written completely or not at all."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_SUFFIX = ".part"  # of the temporary folders that hold files being written
STALE_AFTER = 10.0  # seconds after which such a folder counts as left behind


def write_atomically(path: Path, content: bytes) -> None:
    """Write a temporary file beside `path`, then rename it; create the folder if needed. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=path.stem, suffix=_SUFFIX) as folder:
        temporary = Path(folder, "part")
        temporary.write_bytes(content)
        temporary.replace(path)


def check_can_write(path: Path) -> None:
    """Raise OSError if the permissions or the file's name would make `write_atomically` fail."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=path.stem, suffix=_SUFFIX):
        path.exists()  # raises if the name is too long


def remove_partial_files(folder: Path) -> None:
    """Remove what a killed program left in `folder` while it was writing there."""
    for left in folder.glob(f"*{_SUFFIX}"):
        with suppress(OSError):  # the folder may be read-only, or another program may remove it first
            if left.is_dir() and time.time() - left.stat().st_mtime > STALE_AFTER:
                shutil.rmtree(left)
