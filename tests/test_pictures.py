from pathlib import Path

import numpy as np
import pytest

from mnist_demo import pictures
from mnist_demo.errors import InputError
from mnist_demo.practice import practice_digits


def test_each_pixels_value_is_written_in_its_cell_readably(tmp_path: Path):
    image = practice_digits(1, seed=0)[0][0]
    figure = pictures.pixel_values(image, "a zero")
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts] == [str(value) for value in image.ravel()]
    assert [text.get_color() for text in texts] == ["white" if value < 125 else "black" for value in image.ravel()]
    pictures.save(figure, tmp_path / "zero.png")
    assert (tmp_path / "zero.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path):
    figure = pictures.pixel_values(np.zeros((2, 2), dtype=np.uint8), "nothing")
    for path in (tmp_path / "absent" / "zero.png", tmp_path / "zero.xyz"):
        with pytest.raises(InputError, match=f"The picture .*{path.name} could not be written"):
            pictures.save(figure, path)
    with pytest.raises(InputError, match=r"zero needs an ending that names its format, such as \.png"):
        pictures.save(figure, tmp_path / "zero")
    assert list(tmp_path.iterdir()) == []
