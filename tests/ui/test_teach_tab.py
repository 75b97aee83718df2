import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch

from mnist_demo.checkpoints import load_checkpoint, to_bytes
from mnist_demo.data.non_digits import scribble
from mnist_demo.data.synthetic import design_strokes, synthetic_paths
from mnist_demo.personalize.finetune import FinetuneSettings
from mnist_demo.personalize.user_digits import MAX_BYTES, MAX_DIGITS, UserDigit, dump_user_digits, parse_user_digits
from mnist_demo.ui import teach_tab
from mnist_demo.ui.model_events import ModelEvents
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.jobs import NOTHING_LEARNED, PersonalizeJob
from mnist_demo.ui.teach_tab import TeachTab
from tests.conftest import make_request

CLIENT = "192.0.2.1"
REQUEST = make_request("a page")


@pytest.fixture
def tab(services: Services) -> TeachTab:
    return TeachTab(services, ModelEvents(services))


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> list[PersonalizeJob]:
    """Let fine-tunings last until they are stopped; return the list of those that started."""
    started: list[PersonalizeJob] = []

    class RecordedJob(PersonalizeJob):
        def __post_init__(self) -> None:
            started.append(self)
            super().__post_init__()

    monkeypatch.setattr(teach_tab, "PersonalizeJob", RecordedJob)
    monkeypatch.setattr(teach_tab, "settings_for", lambda recipe: FinetuneSettings(steps=10**6, copies=0))
    return started


def draw_digits(count: int = 4) -> list[UserDigit]:
    rng = np.random.default_rng(0)
    return [UserDigit.check(synthetic_paths(i % 10, rng), i % 10) for i in range(count)]


def upload(folder: Path, content: str) -> dict[str, str]:
    """Store a file as an upload; return what the page sends."""
    file = folder / "digits.json"
    file.write_text(content)
    return {"path": str(file)}


def finetune(tab: TeachTab, query: Any, key: str = "softmax", request: Any = REQUEST) -> Iterator[dict]:
    data = query | {"model": key} if isinstance(query, dict) else query
    return tab.finetune(SimpleNamespace(_data=data), request)  # type: ignore[arg-type]


def test_a_finetuned_copy_becomes_a_model_of_the_session(tab: TeachTab, uploads: Path):
    before = tab.models.find("softmax").model.state_dict()["1.weight"].clone()
    last = list(finetune(tab, upload(uploads, dump_user_digits(draw_digits()))))[-1]
    assert last["status"].startswith("softmax + your handwriting: Taught in ") and last["done"]
    assert last["measured_steps"] == list(range(0, 151, 15)) and last["steps"] == 150
    assert len(last["held_out_predictions"]) == 4 and len(last["user_accuracy"]) == len(last["test_accuracy"]) == 11
    (held_out, _, _), (fitted, first, after), (test, accuracy, change) = last["table"]
    assert (held_out, fitted) == ("Your digits, held out", "All your digits")
    assert first.endswith(" of 4") and after == "4 of 4"
    assert test == f"{tab.datasets.get().name}, test digits"
    assert accuracy.endswith("%") and re.fullmatch(r"[\d.]+% \([+-]\d+\.\d\d\)", change)
    assert tab.models.choices("a page")[0] == ("softmax + your handwriting", last["key"])
    assert torch.equal(tab.models.find("softmax").model.state_dict()["1.weight"], before)
    assert not torch.equal(tab.models.find(last["key"]).model.state_dict()["1.weight"], before)


def test_a_finetuned_model_joins_the_runs_of_its_session(tab: TeachTab, uploads: Path):
    last = list(finetune(tab, upload(uploads, dump_user_digits(draw_digits()))))[-1]
    state = tab.add_run(last, REQUEST)
    (run,) = state["runs"]
    assert run["key"] == state["key"] == last["key"] and run["name"] == "softmax + your handwriting"
    assert state["status"] == "softmax + your handwriting is ready: select it in Draw or Browse."
    assert f"Taught in {run['seconds']}." in last["status"]  # without the seconds of softmax itself
    assert tab.add_run(last, make_request("another page")) == gr.skip()


@pytest.mark.parametrize("state", [None, "softmax", [], {}, {"key": None}, {"key": ["a"]}, {"key": "softmax"}])
def test_a_state_without_a_new_model_adds_no_run(tab: TeachTab, state: Any):
    assert tab.add_run(state, REQUEST) == gr.skip()


def test_a_finetuned_model_is_finetuned_again_from_its_base_model(tab: TeachTab, uploads: Path, tmp_path: Path):
    query = upload(uploads, dump_user_digits(draw_digits(3)))
    first = list(finetune(tab, query))[-1]
    second = list(finetune(tab, query, first["key"]))[-1]
    assert second["user_accuracy"] == first["user_accuracy"]  # a model that was trained on the digits knows them
    assert second["table"] == first["table"]
    classifier = tab.models.find(second["key"])
    assert classifier.name == "softmax + your handwriting #2" and classifier.metadata
    file = tmp_path / "mine.safetensors"
    file.write_bytes(to_bytes(classifier.model, classifier.metadata))
    _, metadata = load_checkpoint(file)
    assert metadata.data_source == "MNIST and 3 of your digits"


def test_finetuning_an_uploaded_model_again_warns_that_the_digits_may_not_test_it(tab: TeachTab, uploads: Path):
    query = upload(uploads, dump_user_digits(draw_digits(3)))
    first = list(finetune(tab, query))[-1]
    tab.models.session("a page").base_models.clear()  # as of an upload
    last = list(finetune(tab, query, first["key"]))[-1]
    assert last["status"].endswith("digits that it was trained on then do not test it.")


def count_read(tab: TeachTab, key: str, digits: list[UserDigit]) -> int:
    """Count the digits that the page's Draw tab would read as their labels."""
    predictions = [tab.models.find(key).predict_strokes(digit.strokes) for digit in digits]
    return sum(each.is_digit and each.digit == one.label for each, one in zip(predictions, digits, strict=True))


def test_a_digit_that_the_model_refuses_is_not_read(tab: TeachTab, uploads: Path):
    rng, sketch = np.random.default_rng(0), tab.models.find("sketch")
    refused: list[UserDigit] = []
    read: list[UserDigit] = []
    while len(refused) < 10 or len(read) < 2:
        seven = UserDigit.check([add_waves(path, rng) for path in design_strokes("plain 7")], 7)
        prediction = sketch.predict_strokes(seven.strokes)
        if prediction.digit == 7:  # the best guess
            (read if prediction.is_digit else refused).append(seven)
    digits = refused[:10] + read[:2]
    last = list(finetune(tab, upload(uploads, dump_user_digits(digits)), "sketch"))[-1]
    (_, held_out, _), (_, fitted, after), _ = last["table"]
    assert held_out == fitted == "2 of 12"
    assert after == f"{count_read(tab, last['key'], digits)} of 12"
    assert last["suggestion"] == {}


def add_waves(path: Any, rng: np.random.Generator) -> Any:
    points = np.array(path, float)
    along = np.linspace(0, 1, 40) * (len(points) - 1)
    line = np.stack([np.interp(along, range(len(points)), points[:, axis]) for axis in (0, 1)], axis=1)
    return (line + rng.uniform(2, 14) * np.sin(along[:, None] * rng.uniform(5, 30) + rng.uniform(0, 6, 2))).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "all_are_read"), [(3, True), (4, False)])
def test_taught_scribbles_are_counted_as_they_are_read_afterwards(
    tab: TeachTab, uploads: Path, seed: int, all_are_read: bool
):
    rng = np.random.default_rng(seed)
    scribbles = [UserDigit.check(scribble(rng), 3) for _ in range(12)]
    last = list(finetune(tab, upload(uploads, dump_user_digits(scribbles)), "sketch"))[-1]
    (_, before, held_out), (_, _, after), _ = last["table"]
    assert before == f"{count_read(tab, 'sketch', scribbles)} of 12" and held_out != "12 of 12"
    assert after == f"{count_read(tab, last['key'], scribbles)} of 12" and (after == "12 of 12") == all_are_read
    if all_are_read:
        assert not tab.models.find(last["key"]).predict_strokes(scribble(rng)).is_digit  # a new one is still refused


def test_a_model_that_reads_all_digits_is_said_and_one_that_errs_is_offered(tab: TeachTab, uploads: Path):
    sketch = tab.models.find("sketch")
    digits = [digit for digit in draw_digits(30) if count_read(tab, sketch.name, [digit])]
    last = list(finetune(tab, upload(uploads, dump_user_digits(digits)), "sketch"))[-1]
    assert last["status"].endswith("sketch read all of your digits before, so it had nothing to learn.")
    weaker = last["suggestion"]["model"]
    wrong = len(digits) - count_read(tab, weaker, digits)
    assert wrong and last["suggestion"]["text"] == f"wrong about {wrong} of them"


def test_the_models_to_teach_include_those_of_the_session(tab: TeachTab, uploads: Path):
    last = list(finetune(tab, upload(uploads, dump_user_digits(draw_digits()))))[-1]
    assert tab.update_choices(REQUEST)["choices"][0] == ("softmax + your handwriting", last["key"])
    assert last["key"] not in str(tab.update_choices(make_request("another page")))


@pytest.mark.parametrize("query", [None, [], {}, {"path": 7}, {"content": "[]"}])
def test_queries_without_a_path_are_refused(tab: TeachTab, uploads: Path, query: Any):
    message = "The file cannot be read; upload it again."
    assert list(finetune(tab, query)) == [{"status": message, "done": True}]
    assert tab.validate(query, CLIENT) == {"error": message}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<b>no</b>", "The file is not valid JSON. Choose a file of digits that you downloaded here."),
        (
            json.dumps({"format": "mnist-demo digits", "version": 1, "digits": []}),
            f"There must be from 1 to {MAX_DIGITS} digits; got 0.",
        ),
        (" " * (MAX_BYTES + 1), "The file has 5,000,001 bytes; the limit is 5,000,000."),
    ],
)
def test_a_bad_file_is_refused(tab: TeachTab, uploads: Path, content: str, message: str):
    query = upload(uploads, content)
    assert list(finetune(tab, query)) == [{"status": message, "done": True}]
    assert tab.validate(query, CLIENT) == {"error": message}
    session = tab.models.session("a page")
    assert session.models == {} and not session.is_training


def test_files_that_are_not_uploads_are_refused(tab: TeachTab, uploads: Path, tmp_path: Path):
    query = upload(tmp_path, dump_user_digits(draw_digits(1)))
    message = "The file is not an upload, or was deleted; upload it again."
    assert list(finetune(tab, query)) == [{"status": message, "done": True}]
    assert tab.validate(query, CLIENT) == {"error": message}


def test_a_drawing_with_two_labels_is_refused(tab: TeachTab, uploads: Path):
    (digit,) = draw_digits(1)
    (state,) = finetune(tab, upload(uploads, dump_user_digits([digit, replace(digit, label=9)])))
    assert state["status"].startswith("Digits 1 and 2 are the same drawing, labeled 0 and 9.") and state["done"]


def test_a_validated_file_contains_the_same_digits(tab: TeachTab, uploads: Path):
    response = tab.validate(upload(uploads, dump_user_digits(draw_digits(2))), CLIENT)
    assert parse_user_digits(response["content"]) == draw_digits(2)


def test_an_unavailable_model_gives_an_error(tab: TeachTab, uploads: Path):
    (state,) = finetune(tab, upload(uploads, dump_user_digits(draw_digits(1))), "gone")
    assert state["status"].startswith("The model 'gone' is no longer available") and state["done"]


def test_finetuning_stops_at_the_time_limit(
    tab: TeachTab, uploads: Path, endless: list[PersonalizeJob], monkeypatch: pytest.MonkeyPatch
):
    states = finetune(tab, upload(uploads, dump_user_digits(draw_digits(3))))
    assert any(state["status"].startswith("Step ") for state in states)
    endless[0]._deadline = 0
    last = list(states)[-1]
    assert ": Stopped at step " in last["status"] and last["key"] and last["done"]
    assert last["status"].endswith(" (this server's time limit); it keeps what it learned.")


def test_nothing_is_learned_without_time(tab: TeachTab, uploads: Path):
    tab.max_seconds = 0
    last = list(finetune(tab, upload(uploads, dump_user_digits(draw_digits(20)))))[-1]
    assert last == {"status": NOTHING_LEARNED, "done": True}
    assert tab.models.session("a page").models == {}


def test_stop_ends_a_finetuning_and_a_session_runs_one_at_a_time(
    tab: TeachTab, uploads: Path, endless: list[PersonalizeJob]
):
    query = upload(uploads, dump_user_digits(draw_digits(3)))
    states = finetune(tab, query)
    assert any(state["status"].startswith("Step ") for state in states)
    (refused,) = finetune(tab, query)
    assert refused["status"].startswith("You are training a model already") and refused["done"]
    waiting = finetune(tab, query, request=make_request("another page"))
    assert next(waiting)["status"].endswith("you are number 1 in the queue.")
    tab.model_events.stop(REQUEST)
    last = list(states)[-1]
    assert ": Stopped at step " in last["status"] and "time limit" not in last["status"]
    waiting.close()  # type: ignore[attr-defined]
    assert not tab.models.session("another page").is_training and len(endless) == 1
