"""The folder of uploads. `create_folder` must be called before Gradio is imported, which then reads its variable."""

import atexit
import os
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

FOLDER_VARIABLE = "GRADIO_TEMP_DIR"
MAX_BYTES = 1_000_000_000  # of all uploads
MAX_FILES = 10_000
MAX_AGE = 1200.0  # seconds


def create_folder() -> TemporaryDirectory:
    """Give Gradio an upload folder that belongs to this process and user alone, until the process ends.

    Gradio's own folder is shared by all programs and users. Raise OSError if the folder cannot be created.
    """
    parent = Path(os.environ.get(FOLDER_VARIABLE) or gettempdir()).resolve()
    parent.mkdir(parents=True, exist_ok=True)
    folder = TemporaryDirectory(prefix="mnist-demo-", dir=parent, ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    os.environ[FOLDER_VARIABLE] = folder.name
    return folder


def clean() -> None:
    """Delete uploads over the limits, oldest first. Gradio keeps those that no component has received."""
    files = []
    for path in Path(os.environ[FOLDER_VARIABLE]).rglob("*"):
        with suppress(OSError):  # deleted meanwhile
            if path.is_file():
                files.append((path.stat().st_mtime, path.stat().st_size, path))
    oldest, total = time.time() - MAX_AGE, 0
    for count, (modified, size, path) in enumerate(sorted(files, reverse=True), start=1):
        total += size
        if total > MAX_BYTES or count > MAX_FILES or modified < oldest:
            with suppress(OSError):
                path.unlink()
                path.parent.rmdir()  # fails unless it is empty
