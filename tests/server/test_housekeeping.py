import asyncio
import os
import platform
import time
from pathlib import Path

import psutil
import pytest

from mnist_demo.server import housekeeping
from mnist_demo.server.housekeeping import clean_uploads, run_jobs, trim_memory
from tests.conftest import run_async


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return tmp_path / "uploads"


def upload(folder: Path, name: str, age: float, size: int = 10) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_old_uploads_are_deleted_with_their_folders_but_nothing_that_a_link_leads_to(folder: Path):
    clean_uploads()  # of a folder that does not exist
    stray, old = upload(folder, "tmpabc", age=2000), upload(folder, "hash1/old.png", age=1500)
    new, outside = upload(folder, "hash2/new.png", age=100), upload(folder.parent, "outside/file", age=5000)
    (folder / "link").symlink_to(outside)
    clean_uploads()
    assert not stray.exists() and not old.parent.exists() and new.exists() and outside.exists()


@pytest.mark.parametrize("limit", ["MAX_UPLOAD_BYTES", "MAX_UPLOAD_FILES"])
def test_over_a_limit_the_oldest_uploads_are_deleted(folder: Path, limit: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(housekeeping, limit, 3)
    files = [upload(folder, f"{i}/a.png", age=100 - i, size=1) for i in range(5)]
    clean_uploads()
    assert [path.exists() for path in files] == [False, False, True, True, True]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep no pools of freed memory")
def test_freed_memory_is_returned_to_the_system():
    memory = psutil.Process().memory_info
    blocks = [b"x" * 100_000 for _ in range(1000)]
    last = b"x" * 100_000  # it keeps the pool from shrinking by itself
    used = memory().rss
    blocks.clear()
    trim_memory()
    assert used - memory().rss > 50 * 10**6 and last


def test_a_job_that_fails_is_logged_and_all_go_on(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setattr(housekeeping, "preload", lambda: None)
    monkeypatch.setattr(housekeeping, "PRELOAD_SECONDS", 0.0)
    monkeypatch.setattr(housekeeping, "PAUSE_SECONDS", 0.01)
    runs: list[None] = []

    async def fail() -> None:
        raise ValueError("disk full")

    async def count() -> None:
        runs.append(None)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run_jobs(fail, count), 0.5)

    run_async(run())
    assert len(runs) > 1 and caplog.text.count("ValueError: disk full") > 1
