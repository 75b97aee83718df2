import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_demo.files import UNDER_WAY, check_room, remove_leftovers, write_whole
from tests.conftest import ROOT, no_room

# Writes a file, and is killed when all is written but for the new name.
KILLED = """
import os, signal, sys
from pathlib import Path
from mnist_demo.files import write_whole
Path.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), b"new")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_who_is_killed_while_writing_leaves_the_old_file_and_what_the_next_start_removes(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    write_whole(path, b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL and path.read_bytes() == b"old"
    left = [each for each in tmp_path.iterdir() if each != path]
    assert len(left) == 1
    remove_leftovers(tmp_path)
    assert left[0].exists()  # another program might be at it
    os.utime(left[0], (0, left[0].stat().st_mtime - UNDER_WAY))
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_what_only_looks_like_a_leftover_is_let_be(tmp_path: Path):
    (tmp_path / "mine.part").touch()
    os.utime(tmp_path / "mine.part", (0, 0))
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "absent")
    assert (tmp_path / "mine.part").exists()


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    write_whole(path, b"old")
    with no_room(1000), pytest.raises(OSError, match="File too large"):
        write_whole(path, bytes(2000))
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_too_long_is_found_before_anything_is_written(tmp_path: Path):
    with pytest.raises(OSError, match="too long"):
        check_room(tmp_path / ("x" * 300))
    check_room(tmp_path / "new" / "short")
    assert list((tmp_path / "new").iterdir()) == []
