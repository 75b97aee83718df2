import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from mnist_demo.classifier import BLANK, Prediction
from mnist_demo.practice import practice_digits
from mnist_demo.ui import figures

IMAGES, LABELS = practice_digits(45, seed=3)


def decode(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))))


def test_an_answer_shows_digit_percentages_and_what_was_seen():
    html = figures.answer(Prediction(3, [0.02, 0.0, 0.0, 0.915, 0.0, 0.065, 0.0, 0.0, 0.0, 0.0], IMAGES[3]))
    assert '<div class="digit">3</div><div class="confidence">91.5 %</div>' in html
    assert re.findall(r'style="width:([\d.]+)%"', html) == ["2.0", "0.0", "0.0", "91.5", "0.0", "6.5", *["0.0"] * 4]
    assert html.count('"row best"') == 1
    url = re.search(r'src="([^"]+)"', html)
    assert url and np.array_equal(decode(url[1]), IMAGES[3])


def test_a_blank_asks_for_a_digit_and_claims_nothing():
    html = figures.answer(BLANK)
    assert "Draw a digit" in html and "10.0 %" not in html and "best" not in html
    assert set(re.findall(r'style="width:([\d.]+)%"', html)) == {"0.0"}


@pytest.mark.parametrize(("several", "remark"), [(False, "Not a digit, likest to 3"), (True, "One digit at a time")])
def test_what_is_no_digit_is_not_read(several: bool, remark: str):
    html = figures.answer(Prediction(3, [0.1, 0.0, 0.0, 0.9, *[0.0] * 6], IMAGES[3], 0.2, False, several))
    assert f'<div class="digit">?</div><div class="confidence">{remark}</div>' in html and "unread" in html
    assert "90.0 %" in html  # what it is likest


def test_a_wall_shows_each_digit_from_one_sprite_marked_right_or_wrong():
    predictions = LABELS.tolist()
    predictions[7] = 1
    html = figures.wall(IMAGES, predictions, LABELS.tolist())
    verdicts = re.findall(r'<li class="(\w+)"', html)
    assert [i for i, verdict in enumerate(verdicts) if verdict == "wrong"] == [7] and len(verdicts) == 45
    assert "1 (7)" in html and html.count("url(") == 1
    sprite = 255 - decode(re.search(r"url\(([^)]+)\)", html)[1])  # type: ignore[index]
    places = re.findall(r"\*(-?\d+)px\) calc\(var\(--zoom\)\*(-?\d+)px", html)
    for image, (x, y) in zip(IMAGES, places, strict=True):
        left, top = -int(x), -int(y)
        assert np.array_equal(sprite[top : top + 28, left : left + 28], image)
