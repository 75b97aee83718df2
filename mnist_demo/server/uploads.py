"""The folder of uploads. `create_folder` must be called before Gradio is imported, which then reads its variable."""

import atexit
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

FOLDER_VARIABLE = "GRADIO_TEMP_DIR"
MAX_BYTES = 1_000_000_000  # of all uploads
MAX_FILES = 10_000
MAX_AGE = 1200.0  # seconds


def create_folder() -> None:
    """Give Gradio an upload folder that belongs to this process and user alone, until the process ends.

    Gradio's own folder is shared by all programs and users. Raise OSError if the folder cannot be created.
    """
    parent = Path(os.environ.get(FOLDER_VARIABLE) or tempfile.gettempdir()).resolve()
    parent.mkdir(parents=True, exist_ok=True)
    os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="mnist-demo-", dir=parent)
    atexit.register(delete_folder)


def delete_folder() -> None:
    shutil.rmtree(os.environ[FOLDER_VARIABLE], ignore_errors=True)


def clean() -> None:
    """Delete uploads over the limits, oldest first. Gradio keeps those that no component has received."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    files = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # deleted meanwhile
            if path.is_file() and not path.is_symlink():
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
    oldest, total = time.time() - MAX_AGE, 0
    for count, (modified, size, path) in enumerate(sorted(files, reverse=True), start=1):
        total += size
        if total > MAX_BYTES or count > MAX_FILES or modified < oldest:
            with suppress(OSError):
                path.unlink()
                path.parent.rmdir()  # fails unless it is empty
