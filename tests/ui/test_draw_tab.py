import re
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from mnist_demo.classifier import DEFAULT_MODEL, Classifier
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.recipes import Recipe
from mnist_demo.ui.draw_tab import DrawTab
from mnist_demo.ui.services import Services
from mnist_demo.ui.services.datasets import Datasets
from mnist_demo.ui.services.model_store import ModelStore
from tests.conftest import decode_png, draw_photo, make_request

REQUEST = make_request("a page")
SEVEN = design_strokes("plain 7")


@pytest.fixture
def tab(services: Services) -> DrawTab:
    return DrawTab(services)


def add_model(tab: DrawTab, name: str, model: torch.nn.Module) -> str:
    """Add a model to a session and return its key."""
    session = tab.models.session("a page")
    session.models[f"{session.token}/{name}"] = Classifier(name, model)
    return f"{session.token}/{name}"


def test_the_selected_model_predicts_a_drawing(tab: DrawTab):
    response = tab.predict([{"strokes": SEVEN, "model": "softmax"}])[0]
    assert (response["label"], response["model"], response["notice"]) == ("7", "softmax", "")


def test_a_batch_of_drawings_gets_the_same_predictions_as_each_alone(tab: DrawTab):
    drawings: list[Any] = [
        {"strokes": design_strokes(name), "model": model}
        for name in ("plain 7", "open 4", "curly 2")
        for model in ("softmax", "sketch", "cnn")
    ]
    drawings[4:4] = [None, {"strokes": [], "model": "sketch"}]
    alone = [tab.predict([drawing])[0] for drawing in drawings]
    for response, expected in zip(tab.predict(drawings), alone, strict=True):
        assert response.pop("percentages", []) == pytest.approx(expected.pop("percentages", []), abs=0.1)
        assert response == expected


def test_a_session_model_predicts_for_clients_that_know_its_key(tab: DrawTab):
    key = add_model(tab, "softmax, yours 1", tab.models.find("softmax").model)
    response = tab.predict([{"strokes": SEVEN, "model": key}])[0]
    assert response["model"] == "softmax, yours 1" and response["notice"] == ""


def test_choices_describe_the_shared_models(tab: DrawTab):
    choices = {key: name for name, key in tab.models.described_choices()}
    assert re.fullmatch(r"softmax · no hidden layer · 92\.\d%", choices["softmax"])
    assert re.fullmatch(r"sketch · 6 convolutions · 99\.\d%", choices["sketch"])
    assert choices["mlp-128"].startswith("mlp-128 · 1 hidden layer · ")


def test_a_model_without_finite_predictions_gives_an_error_and_does_not_affect_others(tab: DrawTab, recipe: Recipe):
    model = recipe.build()
    with torch.no_grad():
        model[1].weight.fill_(3e38)  # type: ignore[union-attr, operator]
    keys = ("sketch", add_model(tab, "huge", model), "sketch")
    first, second, third = tab.predict([{"strokes": SEVEN, "model": key} for key in keys])
    assert second == {"error": "The model huge cannot be used: its probabilities are not finite."}
    assert first["label"] == third["label"] == "7"


@pytest.mark.parametrize("key", ["unguessable/softmax, yours 1", "", None, 7, ["sketch"], {}])
def test_the_default_model_replaces_an_unavailable_one_with_a_notice(tab: DrawTab, key: Any):
    response = tab.predict([{"strokes": SEVEN, "model": key}])[0]
    assert response["label"] == "7" and response["model"] == DEFAULT_MODEL
    assert response["notice"].endswith(f"is no longer available: {DEFAULT_MODEL} predicts instead.")
    assert "unguessable" not in response["notice"]


@pytest.mark.parametrize(
    ("drawing", "error"),
    [
        (None, "A drawing must be an object with strokes and model; got NoneType."),
        ([SEVEN], "A drawing must be an object with strokes and model; got list."),
        ({}, "Strokes must be a list of strokes, each a list of (x, y); got NoneType."),
        ({"strokes": [[[float("nan"), 1]]]}, "Stroke 1 has a coordinate that is not a finite number up to 1e+09."),
        ({"strokes": [[[1, 2]]] * 501}, "The drawing has 501 strokes; at most 500 are allowed. Draw fewer."),
        (
            {"strokes": [[[1, 2]] * 20_001]},
            "The drawing has 20,001 points; at most 20,000 are allowed. Send fewer points.",
        ),
    ],
)
def test_a_bad_drawing_gives_an_error(tab: DrawTab, drawing: Any, error: str):
    assert tab.predict([drawing])[0] == {"error": error}


def test_a_photo_is_predicted_and_its_ink_returned(tab: DrawTab, tmp_path: Path):
    path = tmp_path / "seven.png"
    draw_photo("plain 7").save(path)
    response = tab.predict_photo(str(path), "sketch", REQUEST)
    assert response["label"] == "7" and len(response["votes"]["models"]) == len(tab.models.shared_names())
    drawn, found = np.asarray(Image.open(path)) < 128, decode_png(response["ink"]) < 128
    assert np.mean(drawn == found) > 0.99


@pytest.mark.parametrize("name", ["seven.txt", "seven.pdf", "seven"])
def test_an_uploaded_photo_is_read_by_its_content_whatever_its_name(tab: DrawTab, tmp_path: Path, name: str):
    draw_photo("plain 7").save(tmp_path / name, "PNG")
    assert tab.predict_photo(str(tmp_path / name), "sketch", REQUEST)["label"] == "7"


def test_an_upload_that_is_not_read_is_named_with_what_to_do(tab: DrawTab, tmp_path: Path):
    draw_photo("plain 7").save(tmp_path / "seven.png", "TIFF")
    with pytest.raises(gr.Error, match=r"^'The file is a TIFF; save it as PNG or JPEG\.'$"):
        tab.predict_photo(str(tmp_path / "seven.png"), "sketch", REQUEST)


def test_missing_and_blank_photos_get_a_note_and_bad_files_an_error(tab: DrawTab, tmp_path: Path):
    assert tab.predict_photo(None, "sketch", REQUEST)["note"] == "No photo yet"
    path = tmp_path / "blank.png"
    Image.new("L", (50, 50), 200).save(path)
    assert tab.predict_photo(str(path), "sketch", REQUEST)["note"] == "No ink was found"
    path = tmp_path / "text.png"
    path.write_text("not an image")
    with pytest.raises(gr.Error, match="The file is not a valid image") as caught:
        tab.predict_photo(str(path), "sketch", REQUEST)
    assert str(tmp_path) not in str(caught.value)


def test_without_a_model_the_error_says_what_to_do(tmp_path: Path):
    tab = DrawTab(Services(Datasets(None), ModelStore(tmp_path)))
    response = tab.predict([{"strokes": SEVEN, "model": ""}])[0]
    assert response == {"error": "There is no model yet; train one in the Train tab."}
