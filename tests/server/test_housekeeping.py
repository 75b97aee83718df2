import asyncio
import platform
from unittest.mock import AsyncMock

import psutil
import pytest

from mnist_demo.server import housekeeping
from mnist_demo.server.housekeeping import run_jobs, trim_memory
from tests.conftest import run_async


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
    failing, working = AsyncMock(side_effect=ValueError("disk full")), AsyncMock(return_value=None)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run_jobs(failing, working), 0.5)

    run_async(run())
    assert working.await_count > 1 and caplog.text.count("ValueError: disk full") > 1
