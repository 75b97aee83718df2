from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from mnist_demo.errors import DataError, InputError
from mnist_demo.ui.handlers import MAX_MESSAGE, read_upload, session_id, user_errors
from tests.conftest import make_request


def test_errors_of_the_core_become_messages_and_others_pass_through():
    @user_errors
    def handler(value: int) -> int:
        if value < 0:
            raise InputError("Too small.")
        return 10 // value

    assert handler(5) == 2
    with pytest.raises(gr.Error) as caught:
        handler(-1)
    assert caught.value.message == "Too small." and not caught.value.print_exception
    with pytest.raises(ZeroDivisionError):
        handler(0)


def test_generators_yield_until_their_error():
    @user_errors
    def handler() -> Iterator[int]:
        yield 1
        raise InputError("No more.")

    values = handler()
    assert next(values) == 1
    with pytest.raises(gr.Error, match=r"No more\."):
        next(values)


def test_long_messages_are_cut():
    @user_errors
    def handler(name: str) -> None:
        raise InputError(f"There is no {name!r}.")

    with pytest.raises(gr.Error) as caught:
        handler("x" * 1_000_000)
    assert caught.value.message == "There is no '" + "x" * (MAX_MESSAGE - 13) + "…"


def test_messages_hide_the_servers_paths():
    @user_errors
    def handler() -> None:
        raise DataError("A file is damaged.", "Replace /srv/data/MNIST.")

    with pytest.raises(gr.Error) as caught:
        handler()
    assert caught.value.message == "A file is damaged."


@pytest.mark.parametrize(("sent", "expected"), [("2zp1k4rdq3m", "2zp1k4rdq3m"), (None, ""), ("x" * 65, "")])
def test_a_session_id_is_short(sent: str | None, expected: str):
    assert session_id(make_request(sent)) == expected


def test_an_upload_is_read(uploads: Path):
    (uploads / "digits.json").write_bytes(b"seven")
    assert read_upload(str(uploads / "digits.json"), max_bytes=5) == b"seven"


def test_an_upload_over_the_size_limit_is_refused(uploads: Path):
    (uploads / "digits.json").write_bytes(b"seven")
    with pytest.raises(InputError, match=r"^The file has 5 bytes; the limit is 4\.$"):
        read_upload(str(uploads / "digits.json"), max_bytes=4)


def test_files_outside_the_upload_folder_are_refused(uploads: Path, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (uploads / "link").symlink_to(secret)
    (uploads / "folder").symlink_to(tmp_path)
    beside = tmp_path / f"{uploads.name}-beside"
    beside.write_text("secret")
    for path in (secret, uploads / ".." / "secret", uploads / "link", uploads / "folder" / "secret", beside):
        assert path.is_file()
        with pytest.raises(InputError, match=r"^The file is not an upload, or was deleted; upload it again\.$"):
            read_upload(str(path), max_bytes=100)


def test_missing_files_and_folders_are_refused(uploads: Path):
    for path in (uploads / "missing", uploads, "missing", "", "~"):
        with pytest.raises(InputError, match=r"^The file is not an upload, or was deleted; upload it again\.$"):
            read_upload(str(path), max_bytes=100)


@pytest.mark.parametrize("path", [None, 7, ["a.json"], {"path": "a.json"}, b"a.json", "a\0b", "x" * 9_999])
def test_bad_paths_are_refused(uploads: Path, path: Any):
    with pytest.raises(InputError, match="upload it again"):
        read_upload(path, max_bytes=100)
