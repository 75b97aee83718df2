from collections.abc import Iterator

import gradio as gr
import pytest

from mnist_demo.errors import DataError, InputError
from mnist_demo.ui.events import LONGEST_MESSAGE, address, friendly, session
from tests.conftest import request_of


def test_the_cores_errors_become_messages_and_others_stay_what_they_are():
    @friendly
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
    @friendly
    def handler() -> Iterator[int]:
        yield 1
        raise InputError("No more.")

    values = handler()
    assert next(values) == 1
    with pytest.raises(gr.Error, match=r"No more\."):
        next(values)


def test_a_message_repeats_little_of_what_was_sent():
    @friendly
    def handler(name: str) -> None:
        raise InputError(f"There is no {name!r}.")

    with pytest.raises(gr.Error) as caught:
        handler("x" * 1_000_000)
    assert caught.value.message == "There is no '" + "x" * (LONGEST_MESSAGE - 13) + "…"


@pytest.mark.parametrize(("sent", "name"), [("2zp1k4rdq3m", "2zp1k4rdq3m"), (None, ""), ("x" * 65, "")])
def test_a_page_has_a_short_name(sent: str | None, name: str):
    assert session(request_of(sent)) == name


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_visitors_are_counted_by_what_one_of_them_has(host: str, counted: str):
    assert address(request_of("a page", host)) == counted


def test_the_servers_places_are_nobodys_business():
    @friendly
    def handler() -> None:
        raise DataError("A file is damaged.", "Replace /srv/data/MNIST.")

    with pytest.raises(gr.Error) as caught:
        handler()
    assert caught.value.message == "A file is damaged."
