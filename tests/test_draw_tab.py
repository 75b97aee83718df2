from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from mnist_demo.classifier import DEFAULT_MODEL, Classifier
from mnist_demo.practice import design_strokes
from mnist_demo.recipes import Recipe
from mnist_demo.ui.draw import Handlers
from mnist_demo.ui.shelf import Shelf
from tests.conftest import draw, request_of
from tests.test_figures import decode

VISITOR = request_of("a visitor")
SEVEN = design_strokes("plain 7")


@pytest.fixture
def handlers() -> Handlers:
    return Handlers(Shelf())


def test_a_drawing_is_answered_by_the_model_that_was_asked(handlers: Handlers):
    answer = handlers.read([{"strokes": SEVEN, "model": "softmax"}])[0]
    assert (answer["shown"], answer["model"], answer["notice"]) == ("7", "softmax", "") and "models" not in answer


def test_drawings_that_are_read_together_are_answered_as_alone(handlers: Handlers):
    drawings: list[Any] = [
        {"strokes": design_strokes(name), "model": model}
        for name in ("plain 7", "open 4", "curly 2")
        for model in ("softmax", "sketch", "cnn")
    ]
    drawings[4:4] = [None, {"strokes": [], "model": "sketch"}]
    alone = [handlers.read([drawing])[0] for drawing in drawings]
    for answer, expected in zip(handlers.read(drawings), alone, strict=True):
        assert answer.pop("shares", []) == pytest.approx(expected.pop("shares", []), abs=0.1)
        assert answer == expected


def test_all_models_answer_where_all_are_asked(handlers: Handlers):
    answer = handlers.read([{"strokes": SEVEN, "model": "cnn", "every": True}])[0]
    assert [verdict["model"] for verdict in answer["models"]] == handlers.shelf.shipped()
    chosen = next(verdict for verdict in answer["models"] if verdict["model"] == "cnn")
    assert (chosen["shown"], chosen["remark"]) == (answer["shown"], answer["remark"])


def test_a_visitors_own_model_answers_whoever_knows_its_key(handlers: Handlers):
    visit = handlers.shelf.visit("a visitor")
    softmax = handlers.shelf.find("softmax")
    visit.trained[f"{visit.token}/softmax, yours 1"] = type(softmax)("softmax, yours 1", softmax.model)
    answer = handlers.read([{"strokes": SEVEN, "model": f"{visit.token}/softmax, yours 1", "every": True}])[0]
    assert answer["model"] == "softmax, yours 1" and answer["notice"] == ""
    assert [verdict["model"] for verdict in answer["models"]] == [*handlers.shelf.shipped(), "softmax, yours 1"]


def test_a_network_of_no_use_answers_with_one_line_and_disturbs_nobody(handlers: Handlers, recipe: Recipe):
    model = recipe.build()
    with torch.no_grad():
        model[1].weight.fill_(3e38)  # type: ignore[union-attr, operator]
    visit = handlers.shelf.visit("a visitor")
    visit.trained[f"{visit.token}/huge"] = Classifier("huge", model)
    models = ("sketch", f"{visit.token}/huge", "sketch")
    first, second, third = handlers.read([{"strokes": SEVEN, "model": model} for model in models])
    assert second == {"error": "The network huge is of no use: its answers are no numbers."}
    assert first["shown"] == third["shown"] == "7"


@pytest.mark.parametrize("key", ["unguessable/softmax, yours 1", "", None, 7, ["sketch"], {}])
def test_the_default_stands_in_for_a_model_that_is_gone_and_says_so(handlers: Handlers, key: Any):
    answer = handlers.read([{"strokes": SEVEN, "model": key}])[0]
    assert answer["shown"] == "7" and answer["model"] == DEFAULT_MODEL
    assert answer["notice"].endswith(f"is not here (any more): {DEFAULT_MODEL} answers instead.")
    assert "unguessable" not in answer["notice"]


@pytest.mark.parametrize(
    ("drawing", "error"),
    [
        (None, "A drawing must be an object with strokes and model; got NoneType."),
        ([SEVEN], "A drawing must be an object with strokes and model; got list."),
        ({}, "Strokes must be a list of strokes, each a list of (x, y); got NoneType."),
        ({"strokes": [[[float("nan"), 1]]]}, "Stroke 1 has a coordinate that is no finite number up to 1e+09."),
        ({"strokes": [[[1, 2]]] * 501}, "The drawing has 501 strokes; at most 500 are read."),
        (
            {"strokes": [[[1, 2]] * 20_001]},
            "The drawing has 20,001 points; at most 20,000 are read. Send fewer of them.",
        ),
    ],
)
def test_what_is_no_drawing_gets_a_clear_line(handlers: Handlers, drawing: Any, error: str):
    assert handlers.read([drawing])[0] == {"error": error}


def test_a_picture_is_answered_with_the_ink_that_was_found(handlers: Handlers, tmp_path: Path):
    path = tmp_path / "seven.png"
    draw("plain 7").save(path)
    answer = handlers.read_picture(str(path), "sketch", VISITOR)
    assert answer["shown"] == "7" and len(answer["models"]) == len(handlers.shelf.shipped())
    drawn, found = np.asarray(Image.open(path)) < 128, decode(answer["ink"]) < 128
    assert np.mean(drawn == found) > 0.99


def test_no_picture_is_a_blank_and_what_is_none_gets_a_clear_line(handlers: Handlers, tmp_path: Path):
    assert handlers.read_picture(None, "sketch", VISITOR)["remark"] == "No picture yet"
    path = tmp_path / "blank.png"
    Image.new("L", (50, 50), 200).save(path)
    assert handlers.read_picture(str(path), "sketch", VISITOR)["remark"] == "No ink was found"
    path = tmp_path / "text.png"
    path.write_text("no picture")
    with pytest.raises(gr.Error, match="What was sent is no picture that can be read") as caught:
        handlers.read_picture(str(path), "sketch", VISITOR)
    assert str(tmp_path) not in str(caught.value)


def test_where_there_is_no_checkpoint_it_says_what_to_do(tmp_path: Path):
    answer = Handlers(Shelf(tmp_path)).read([{"strokes": SEVEN, "model": ""}])[0]
    assert answer == {"error": "There is no model yet; train one in the Train tab."}
