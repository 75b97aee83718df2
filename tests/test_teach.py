import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mnist_demo.checkpoints import load_checkpoint, to_bytes
from mnist_demo.data import Data
from mnist_demo.my_digits import MAX_DIGITS, MyDigit, parse_my_digits, write_my_digits
from mnist_demo.practice import practice_paths
from mnist_demo.ui.line import Line
from mnist_demo.ui.shared_data import Loaded, SharedData
from mnist_demo.ui.shelf import Shelf
from mnist_demo.ui.teach import NOTHING_LEARNED, Handlers
from tests.conftest import request_of

VISITOR = request_of("a visitor")


@pytest.fixture
def handlers(practice: Data) -> Handlers:
    data = SharedData(None)
    data.loaded = Loaded(practice)
    return Handlers(Shelf(), data, Line(1), max_seconds=60)


def digits(count: int = 4) -> list[MyDigit]:
    rng = np.random.default_rng(0)
    return [MyDigit.check(practice_paths(i % 10, rng), i % 10) for i in range(count)]


def learn(handlers: Handlers, sent: Any, key: str = "softmax", visitor: Any = VISITOR) -> Any:
    return handlers.learn(key, SimpleNamespace(_data=sent), visitor)  # type: ignore[arg-type]


def test_a_hand_is_learned_and_what_came_of_it_is_the_visits(handlers: Handlers):
    before = handlers.shelf.find("softmax").model.state_dict()["1.weight"].clone()
    news = list(learn(handlers, {"content": write_my_digits(digits())}))
    told, listed = news[-1]
    assert (
        told["status"].startswith("softmax, yours 1 (taught): Learned in ")
        and told["ended"]
        and told["at"] == list(range(0, 151, 15))
    )
    assert len(told["unseen"]) == 4 and len(told["own"]) == len(told["test"]) == 11
    (unseen, _, _), (learned, first, then), (test, accuracy, change) = told["rows"]
    assert "not shown" in unseen and "learned them all" in learned and first.endswith(" of 4") and then == "4 of 4"
    assert test == "The test set of practice digits" and accuracy.endswith(" %") and change.endswith(" points)")
    assert listed["key"] == told["key"] and listed["name"] == "softmax, yours 1 (taught)"
    assert handlers.shelf.choices("a visitor")[0] == (listed["name"], told["key"])
    assert torch.equal(handlers.shelf.find("softmax").model.state_dict()["1.weight"], before)
    assert not torch.equal(handlers.shelf.find(told["key"]).model.state_dict()["1.weight"], before)


def test_what_was_taught_is_taught_anew_from_what_it_was_before_and_can_be_saved(handlers: Handlers, tmp_path: Path):
    first = list(learn(handlers, {"content": write_my_digits(digits(3))}))[-1][0]
    told = list(learn(handlers, {"content": write_my_digits(digits(3))}, first["key"]))[-1][0]
    assert told["own"] == first["own"] and told["rows"] == first["rows"]  # or else it would know the digits already
    classifier = handlers.shelf.find(told["key"])
    assert classifier.name == "softmax, yours 2 (taught)" and classifier.record
    file = tmp_path / "mine.safetensors"
    file.write_bytes(to_bytes(classifier.model, classifier.record))
    _, record = load_checkpoint(file)
    assert record.data_source == "MNIST and 3 of your digits"


def test_of_an_uploaded_network_that_was_taught_the_account_is_doubted(handlers: Handlers):
    first = list(learn(handlers, {"content": write_my_digits(digits(3))}))[-1][0]
    visit = handlers.shelf.visit("a visitor")
    visit.origins.clear()  # as of one that was uploaded
    told = list(learn(handlers, {"content": write_my_digits(digits(3))}, first["key"]))[-1][0]
    assert told["status"].endswith("digits that it was given then are no test of it.")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (None, "Send the digits as the text of a file, under the name content."),
        ({"content": 7}, "Send the digits as the text of a file, under the name content."),
        ({"content": "<b>no</b>"}, "The file is no JSON; choose one that was downloaded here as your digits."),
        (
            {"content": json.dumps({"format": "mnist-demo digits", "version": 1, "digits": []})},
            f"There must be from 1 to {MAX_DIGITS} digits; got 0.",
        ),
    ],
)
def test_what_are_no_digits_is_told_and_nothing_is_taken(handlers: Handlers, sent: Any, message: str):
    assert [told for told, _ in learn(handlers, sent)] == [{"status": message, "ended": True}]
    assert handlers.check(sent) == {"error": message}
    assert handlers.shelf.visit("a visitor").trained == {} and not handlers.shelf.visit("a visitor").is_training


def test_a_drawing_with_two_labels_is_told(handlers: Handlers):
    (one,) = digits(1)
    content = write_my_digits([one, MyDigit(one.strokes, 9)])
    ((told, _),) = learn(handlers, {"content": content})
    assert told["status"].startswith("Digits 1 and 2 are the same drawing, labelled 0 and 9.") and told["ended"]


def test_a_file_that_was_checked_comes_back_as_digits(handlers: Handlers):
    checked = handlers.check({"content": write_my_digits(digits(2))})
    assert parse_my_digits(checked["content"]) == digits(2)


def test_a_model_that_is_gone_is_told(handlers: Handlers):
    told = [told for told, _ in learn(handlers, {"content": write_my_digits(digits(1))}, "gone")]
    assert len(told) == 1 and told[0]["status"].startswith("The model 'gone' is not here")


def test_a_teaching_ends_at_the_servers_limit_and_says_so(handlers: Handlers):
    limited = Handlers(handlers.shelf, handlers.data, Line(1), max_seconds=0)
    last = list(learn(limited, {"content": write_my_digits(digits(20))}, "sketch"))[-1][0]
    assert last["ended"] and (
        last["status"] == NOTHING_LEARNED or "(this server gives a teaching so long)" in last["status"]
    )


def test_stop_ends_it_and_one_training_of_a_visit_runs_at_once(handlers: Handlers):
    content = {"content": write_my_digits(digits(20))}
    teaching = learn(handlers, content, "cnn")
    next(teaching)
    ((told, _),) = learn(handlers, content)
    assert told["status"].startswith("A training of yours is under way")
    waiting = learn(handlers, content, visitor=request_of("another"))
    assert next(waiting)[0]["status"].endswith("you are number 1 in the line.")
    handlers.stop(VISITOR)
    last = list(teaching)[-1][0]
    assert last["status"] == NOTHING_LEARNED or last["status"].startswith(("Stopped at step ", "Learned in "))
    waiting.close()
    assert not handlers.shelf.visit("another").is_training
