import platform

import psutil
import pytest

from mnist_demo.ui.memory import give_back
from tests.conftest import run_async


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep no such pools")
def test_what_was_freed_goes_back_to_the_system():
    memory = psutil.Process().memory_info
    blocks = [b"x" * 100_000 for _ in range(1000)]
    last = b"x" * 100_000  # which keeps the pool from shrinking by itself
    taken = memory().rss
    blocks.clear()
    run_async(give_back())
    assert taken - memory().rss > 50 * 10**6 and last
