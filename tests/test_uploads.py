import os
import time
from pathlib import Path

from mnist_demo.ui.uploads import MOST_BYTES, MOST_FILES, OLDEST_SECONDS, clean


def upload(folder: Path, name: str, age: float, size: int = 10) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_old_files_go_with_their_folders_and_others_stay(tmp_path: Path):
    stray, old = upload(tmp_path, "tmpabc", 2000), upload(tmp_path, "hash1/old.png", 1500)
    new = upload(tmp_path, "hash2/new.png", 100)
    clean(tmp_path, MOST_BYTES, MOST_FILES, OLDEST_SECONDS)
    assert not stray.exists() and not old.parent.exists() and new.exists()


def test_of_too_many_bytes_the_oldest_go(tmp_path: Path):
    files = [upload(tmp_path, f"{i}/a.png", 100 - i, size=40) for i in range(5)]
    clean(tmp_path, 100, MOST_FILES, OLDEST_SECONDS)
    assert [path.exists() for path in files] == [False, False, False, True, True]


def test_of_too_many_files_the_oldest_go(tmp_path: Path):
    files = [upload(tmp_path, f"{i}/a.png", 100 - i) for i in range(5)]
    clean(tmp_path, MOST_BYTES, 3, OLDEST_SECONDS)
    assert [path.exists() for path in files] == [False, False, True, True, True]


def test_what_a_link_leads_to_stays(tmp_path: Path):
    outside = upload(tmp_path, "outside/file", 5000)
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "link").symlink_to(outside)
    clean(tmp_path / "uploads", MOST_BYTES, MOST_FILES, OLDEST_SECONDS)
    assert outside.exists()


def test_a_folder_that_is_not_there_is_no_matter(tmp_path: Path):
    clean(tmp_path / "nothing", MOST_BYTES, MOST_FILES, OLDEST_SECONDS)
