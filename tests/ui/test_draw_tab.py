import re
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from mnist_demo.data.synthetic import design_strokes
from mnist_demo.ui.draw_tab import DrawTab
from mnist_demo.ui.services import Services
from tests.conftest import decode_png, draw_photo, make_request

REQUEST = make_request("a page")
SEVEN = design_strokes("plain 7")


@pytest.fixture
def tab(services: Services) -> DrawTab:
    return DrawTab(services)


def test_choices_describe_the_shared_models(tab: DrawTab):
    choices = {key: name for name, key in tab.models.described_choices()}
    assert re.fullmatch(r"softmax · no hidden layer · 92\.\d%", choices["softmax"])
    assert re.fullmatch(r"sketch · 6 convolutions · 99\.\d%", choices["sketch"])
    assert choices["mlp-128"].startswith("mlp-128 · 1 hidden layer · ")


def test_a_photo_is_predicted_and_its_ink_returned(tab: DrawTab, tmp_path: Path):
    path = tmp_path / "seven.png"
    draw_photo("plain 7").save(path)
    response = tab.predict_photo(str(path), "sketch", REQUEST)
    assert response["digit"] == 7 and len(response["votes"]) == len(tab.models.shared_names())
    drawn, found = np.asarray(Image.open(path)) < 128, decode_png(response["ink"]) < 128
    assert np.mean(drawn == found) > 0.99


@pytest.mark.parametrize("name", ["seven.txt", "seven.pdf", "seven"])
def test_an_uploaded_photo_is_read_by_its_content_whatever_its_name(tab: DrawTab, tmp_path: Path, name: str):
    draw_photo("plain 7").save(tmp_path / name, "PNG")
    assert tab.predict_photo(str(tmp_path / name), "sketch", REQUEST)["digit"] == 7


def test_an_upload_that_is_not_read_is_named_with_what_to_do(tab: DrawTab, tmp_path: Path):
    draw_photo("plain 7").save(tmp_path / "seven.png", "TIFF")
    with pytest.raises(gr.Error, match=r"^'The file is a TIFF; save it as PNG or JPEG\.'$"):
        tab.predict_photo(str(tmp_path / "seven.png"), "sketch", REQUEST)


def test_missing_and_blank_photos_get_a_note_and_bad_files_an_error(tab: DrawTab, tmp_path: Path):
    assert tab.predict_photo(None, "sketch", REQUEST)["blank"] == "No photo yet"
    path = tmp_path / "blank.png"
    Image.new("L", (50, 50), 200).save(path)
    assert tab.predict_photo(str(path), "sketch", REQUEST)["blank"] == "No ink was found"
    path = tmp_path / "text.png"
    path.write_text("not an image")
    with pytest.raises(gr.Error, match="The file is not a valid image") as caught:
        tab.predict_photo(str(path), "sketch", REQUEST)
    assert str(tmp_path) not in str(caught.value)
