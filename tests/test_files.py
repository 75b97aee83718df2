import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_demo.files import STALE_AFTER, check_can_write, remove_partial_files, write_atomically
from tests.conftest import ROOT, limit_file_size

# Kills itself after writing the temporary file, before renaming it.
KILLED = """
import os, signal, sys
from pathlib import Path
from mnist_demo.files import write_atomically
Path.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path(sys.argv[1]), b"new")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_process_killed_while_writing_leaves_the_old_file_and_a_removable_folder(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    write_atomically(path, b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL and path.read_bytes() == b"old"
    left = [each for each in tmp_path.iterdir() if each != path]
    assert len(left) == 1
    remove_partial_files(tmp_path)
    assert left[0].exists()  # too recent: a running program may be writing it
    os.utime(left[0], (0, left[0].stat().st_mtime - STALE_AFTER))
    remove_partial_files(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_files_with_the_suffix_and_missing_folders_are_ignored(tmp_path: Path):
    (tmp_path / "mine.part").touch()
    os.utime(tmp_path / "mine.part", (0, 0))
    remove_partial_files(tmp_path)
    remove_partial_files(tmp_path / "absent")
    assert (tmp_path / "mine.part").exists()


def test_a_full_disk_leaves_only_the_old_file(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    write_atomically(path, b"old")
    with limit_file_size(1000), pytest.raises(OSError, match="File too large"):
        write_atomically(path, bytes(2000))
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_too_long_is_detected_before_writing(tmp_path: Path):
    with pytest.raises(OSError, match="too long"):
        check_can_write(tmp_path / ("x" * 300))
    check_can_write(tmp_path / "new" / "short")
    assert list((tmp_path / "new").iterdir()) == []
