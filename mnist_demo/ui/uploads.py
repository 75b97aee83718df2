"""Uploaded files, which are kept for a while and not without number. Gradio deletes those that it knows of when they
are old; not what was sent under another name or broke off, and any number may come meanwhile."""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from anyio import to_thread

LOOK_SECONDS = 10.0  # between two looks
MOST_BYTES = 1_000_000_000  # of all together
MOST_FILES = 10_000
OLDEST_SECONDS = 1200.0
_FOLDER = "GRADIO_TEMP_DIR"  # the variable that names the folder to Gradio


def choose_folder() -> None:
    """One of our own, unless it was chosen: Gradio's is shared with other programs, whose files are not ours."""
    os.environ.setdefault(_FOLDER, str(Path(tempfile.gettempdir(), "mnist-demo-uploads")))


def clean(folder: Path, most_bytes: int, most_files: int, oldest: float) -> None:
    """Delete the files below a folder that are older than so many seconds, and the oldest beyond so many bytes or
    files."""
    files = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # another has deleted it
            if path.is_file() and not path.is_symlink():
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
    total, count, now = sum(size for _, size, _ in files), len(files), time.time()
    for changed, size, path in sorted(files):
        if total <= most_bytes and count <= most_files and changed > now - oldest:
            break
        with suppress(OSError):
            path.unlink()
            total, count = total - size, count - 1
            path.parent.rmdir()  # where it is empty


async def look() -> None:
    await to_thread.run_sync(clean, Path(os.environ[_FOLDER]), MOST_BYTES, MOST_FILES, OLDEST_SECONDS)
