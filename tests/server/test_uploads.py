import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mnist_demo.server import uploads
from tests.conftest import ROOT


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
    uploads.clean()  # of a folder that does not exist
    stray, old = upload(folder, "tmpabc", age=2000), upload(folder, "hash1/old.png", age=1500)
    new, outside = upload(folder, "hash2/new.png", age=100), upload(folder.parent, "outside/file", age=5000)
    (folder / "link").symlink_to(outside)
    uploads.clean()
    assert not stray.exists() and not old.parent.exists() and new.exists() and outside.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
@pytest.mark.parametrize("parent", ["", "shared/uploads"])
def test_each_process_has_a_private_upload_folder_and_deletes_only_that(tmp_path: Path, parent: str):
    environment = os.environ | {"TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": str(tmp_path / parent) if parent else ""}
    foreign = upload(tmp_path / parent, "gradio/a.png", age=5000)
    program = """if True:
    import os, runpy, sys
    uploads = runpy.run_path("mnist_demo/server/uploads.py")  # without PyTorch, which takes seconds
    uploads["create_folder"]()
    uploads["clean"]()
    print(os.environ["GRADIO_TEMP_DIR"], flush=True)
    sys.stdin.read()"""
    command = [sys.executable, "-c", program]
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8", "cwd": ROOT}
    processes = [subprocess.Popen(command, env=environment, **options) for _ in range(2)]
    folders = [Path(process.stdout.readline().strip()) for process in processes]  # type: ignore[union-attr]
    assert len(set(folders)) == 2
    for process, folder in zip(processes, folders, strict=True):
        assert folder.parent == tmp_path / parent and stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "hash").mkdir()
        (folder / "hash/a.png").write_bytes(b"x")
        process.communicate()
        assert not folder.exists()
    assert foreign.exists()


@pytest.mark.parametrize("limit", ["MAX_BYTES", "MAX_FILES"])
def test_over_a_limit_the_oldest_uploads_are_deleted(folder: Path, limit: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uploads, limit, 3)
    files = [upload(folder, f"{i}/a.png", age=100 - i, size=1) for i in range(5)]
    uploads.clean()
    assert [path.exists() for path in files] == [False, False, True, True, True]
