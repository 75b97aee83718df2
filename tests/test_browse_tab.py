import base64
import gc
import time
from pathlib import Path
from typing import Any

import pytest

from mnist_demo.classifier import DEFAULT_MODEL, Classifier
from mnist_demo.data import Data
from mnist_demo.pendigits import FILE, PenDigit
from mnist_demo.ui import browse
from mnist_demo.ui.browse import Handlers
from mnist_demo.ui.shared_data import Loaded, SharedData
from mnist_demo.ui.shelf import Shelf


@pytest.fixture
def handlers(practice: Data) -> Handlers:
    data = SharedData(None)
    data.loaded = Loaded(practice)
    return Handlers(Shelf(), data)


def wait(handler: Any, query: Any) -> dict[str, Any]:
    """The answer, once it is there."""
    for _ in range(2_000):
        if "busy" not in (answer := handler(query)):
            return answer
        time.sleep(0.01)
    raise AssertionError(answer)


def test_a_wall_tells_its_digits_counts_and_figures(handlers: Handlers, practice: Data):
    softmax = Classifier.load("softmax")
    read = [softmax.predict_prepared(image[0].numpy()).digit for image in practice.test.images]
    truth = practice.test.labels.tolist()
    wrong = [row for row in range(200) if read[row] != truth[row]]
    assert wrong

    wall = wait(handlers.look, {"model": "softmax", "show": "wrong", "page": "7"})
    assert wall["rows"] == wrong and wall["read"] == [read[row] for row in wrong]
    assert wall["truth"] == [truth[row] for row in wrong]
    assert wall["counts"]["show"] == {"all": 200, "right": 200 - len(wrong), "wrong": len(wrong)}
    assert wall["counts"]["truth"][""] == len(wrong) and wall["found"] == len(wrong) and wall["pages"] == 1
    assert wall["chosen"] == {"show": "wrong"}  # there is no page 7
    assert f"softmax reads {200 - len(wrong)} of 200 right" in wall["summary"] and wall["notice"] == ""
    assert wall["confusion"][truth[wrong[0]]][read[wrong[0]]] > 0
    assert sum(right for right, _ in wall["per_class"]) == 200 - len(wrong)


def test_while_a_model_reads_one_hears_how_far_it_is_and_then_it_is_remembered(handlers: Handlers, monkeypatch):
    calls = []
    evaluate = browse.evaluate

    def count(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return evaluate(*args, **options)

    monkeypatch.setattr(browse, "evaluate", count)
    assert handlers.look({"model": "cnn"})["busy"] == "cnn is about to read 200 digits…"
    wait(handlers.look, {"model": "cnn"})
    assert "rows" in handlers.look({"model": "cnn", "order": "unsure"}) and calls == [1]


def test_while_the_data_come_one_hears_so():
    handlers = Handlers(Shelf(), SharedData(None))
    said = [handlers.look({})["busy"] for _ in range(5)]
    assert all(said)


def test_one_digit_is_told_with_its_neighbours_and_every_model(handlers: Handlers, practice: Data):
    rows = wait(handlers.look, {"model": "softmax", "show": "wrong", "order": "confident"})["rows"]
    digit = handlers.digit({"model": "softmax", "show": "wrong", "order": "confident", "row": str(rows[1])})
    assert (digit["row"], digit["previous"], digit["next"]) == (rows[1], rows[0], rows[2])
    assert base64.b64decode(digit["image"]) == practice.test.images[rows[1]].numpy().tobytes()
    assert [verdict["model"] for verdict in digit["models"]] == handlers.shelf.shipped()
    assert sum(digit["shares"]) == pytest.approx(100, abs=0.5)
    assert digit["shares"].index(max(digit["shares"])) == digit["read"] != digit["truth"]
    alone = handlers.digit(
        {"model": "softmax", "show": "wrong", "row": str(next(r for r in range(200) if r not in rows))}
    )
    assert (alone["previous"], alone["next"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"show": "<b>"}, "show is '<b>'; choose from"),
        ({"model": "a token/softmax, yours 1"}, "The model 'softmax, yours 1' is not here (any more)"),
        ({"other": "nobody"}, "The model 'nobody' is not here (any more)"),
        ({"set": "pen"}, "There is no set of digits 'pen'."),
        ({"set": "../../etc"}, "There is no set of digits '../../etc'."),
        ({"page": "-1"}, "page is '-1'; it must be a number."),
    ],
)
def test_what_cannot_be_had_is_told_beside_the_full_wall(handlers: Handlers, query: dict, message: str):
    wall = wait(handlers.look, query)
    assert message in wall["notice"] and wall["notice"].endswith("Here are all digits of the test set.")
    assert wall["found"] == 200 and wall["chosen"] == {} and DEFAULT_MODEL in wall["summary"]
    for handler in (handlers.digit, handlers.wall_file, handlers.table_file):  # nothing stands in for these
        assert message in wait(handler, query | {"row": "5"})["error"]


@pytest.mark.parametrize("query", [None, [], "look", 7, {"show": ["all"]}, {"model": {"a": 1}, "page": 2.5}, {7: "7"}])
def test_any_payload_is_answered_without_an_exception(handlers: Handlers, query: Any):
    for handler in (handlers.look, handlers.digit, handlers.table_file):
        answer = wait(handler, query)
        assert "error" in answer or isinstance(query, dict)


def test_a_random_digit_is_one_of_those_chosen(handlers: Handlers):
    query = {"model": "softmax", "truth": "3"}
    rows = wait(handlers.look, query)["rows"]
    seen = {handlers.digit(query | {"row": "random"})["row"] for _ in range(30)}
    assert len(seen) > 3 and seen <= set(rows)
    assert "error" in handlers.digit(query | {"row": "random", "show": "right", "read": "4"})


@pytest.mark.parametrize("row", ["", "200", "-1", "1.0", "٣", "9" * 5_000, "x"])
def test_a_digit_that_is_not_there_is_told(handlers: Handlers, row: str):
    error = wait(handlers.digit, {"row": row})["error"]
    assert (
        error.startswith("There is no digit") and error.endswith("the set has those from 0 to 199.") and len(error) < 99
    )


def test_pen_digits_are_offered_where_they_are_and_drawn(
    practice: Data, few_writers: list[PenDigit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).touch()
    data = SharedData(tmp_path)
    data.loaded = Loaded(practice)
    handlers = Handlers(Shelf(), data)
    monkeypatch.setattr(browse, "load_pen_digits", lambda folder: few_writers)
    assert "pen" in handlers.sets()
    wall = wait(handlers.look, {"set": "pen"})
    assert wall["found"] == len(few_writers) and wall["truth"][:5] == [each.digit for each in few_writers[:5]]
    assert wall["summary"].endswith("(pen digits; it learned from 30 of their 30 writers)")
    assert wait(handlers.look, {"set": "pen", "model": "cnn"})["summary"].endswith("(pen digits)")


def test_the_files_hold_the_whole_set_and_the_wall(handlers: Handlers):
    table = wait(handlers.table_file, {"model": "softmax", "show": "wrong"})
    lines = base64.b64decode(table["content"]).decode().splitlines()
    assert lines[0] == "index,truth,prediction,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9" and len(lines) == 201
    picture = handlers.wall_file({"model": "softmax", "truth": "3"})
    assert base64.b64decode(picture["content"])[:4] == b"\x89PNG" and picture["name"].endswith(".png")
    empty = handlers.wall_file({"model": "softmax", "show": "right", "truth": "3", "read": "4"})
    assert empty == {"error": "There is no digit on this wall to download."}


def test_what_was_read_is_forgotten_with_its_model(handlers: Handlers):
    visit = handlers.shelf.visit("a visitor")
    key, network = f"{visit.token}/mine", handlers.shelf.find("softmax").model
    visit.trained[key] = Classifier("mine", network)
    del visit
    wall = wait(handlers.look, {"model": key})
    assert wall["summary"].startswith("mine reads") and key not in str(wall)
    assert len(handlers._background._jobs) == 1
    handlers.shelf.end("a visitor")
    assert "is not here" in wait(handlers.look, {"model": key})["notice"]
    gc.collect()
    assert [classifier.name for classifier in handlers._background._jobs] == [DEFAULT_MODEL]


def test_a_damaged_file_of_pen_digits_is_told_without_its_place(practice: Data, tmp_path: Path):
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text("no digits")
    data = SharedData(tmp_path)
    data.loaded = Loaded(practice)
    error = wait(Handlers(Shelf(), data).look, {"set": "pen"})["error"]
    assert "is damaged" in error and str(tmp_path) not in error
