import base64

import numpy as np
import pytest

from mnist_demo.classifier import BLANK, Prediction
from mnist_demo.practice import practice_digits
from mnist_demo.ui import figures
from tests.conftest import decode

IMAGES, LABELS = practice_digits(45, seed=3)


def test_an_answer_tells_digit_percentages_and_what_was_seen():
    answer = figures.answer(Prediction(3, [0.02, 0.0, 0.0, 0.915, 0.0, 0.065, 0.0, 0.0, 0.0, 0.0], IMAGES[3]))
    assert (answer["shown"], answer["remark"], answer["best"], answer["is_digit"]) == ("3", "91.5 %", 3, True)
    assert answer["shares"] == [2.0, 0.0, 0.0, 91.5, 0.0, 6.5, 0.0, 0.0, 0.0, 0.0]
    assert base64.b64decode(answer["image"]) == IMAGES[3].tobytes()


def test_a_blank_asks_for_a_digit_and_claims_nothing():
    answer = figures.answer(BLANK)
    assert (answer["shown"], answer["remark"], answer["best"], answer["shares"]) == ("?", "Draw a digit", None, [])


@pytest.mark.parametrize(
    ("several", "remark"), [(False, "That does not look like a digit"), (True, "One digit at a time")]
)
def test_what_is_no_digit_is_not_read_and_its_likest_is_told(several: bool, remark: str):
    prediction = Prediction(3, [0.1, 0.0, 0.0, 0.9, *[0.0] * 6], IMAGES[3], 0.2, False, several)
    answer = figures.answer(prediction)
    assert (answer["shown"], answer["remark"], answer["is_digit"]) == ("3", remark, False)
    assert answer["shares"][3] == 90.0
    assert figures.verdict("cnn", prediction) == {"model": "cnn", "shown": "3", "remark": remark}


def test_a_sprite_holds_each_digit_in_its_place():
    sprite = 255 - decode(figures.sprite(IMAGES))
    for i, image in enumerate(IMAGES):
        top, left = 28 * (i // figures.WALL_COLUMNS), 28 * (i % figures.WALL_COLUMNS)
        assert np.array_equal(sprite[top : top + 28, left : left + 28], image)


def test_heat_is_orange_above_zero_and_blue_below_and_clear_at_zero():
    picture = decode(figures.heat(np.array([[[2.0, -2.0], [0.0, 0.2]], [[0.0, 0.0], [0.0, -1.0]]]), columns=2))
    assert picture.shape == (2, 4, 4)
    assert tuple(picture[0, 0]) == (*figures.ORANGE, 255) and tuple(picture[0, 1]) == (*figures.BLUE, 255)
    assert picture[1, 0, 3] == 0 and 0 < picture[1, 1, 3] < picture[1, 3, 3] < 255
    assert not decode(figures.heat(np.zeros((1, 2, 2)), columns=1))[..., 3].any()
