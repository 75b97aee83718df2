from pathlib import Path

import numpy as np
import pytest

from mnist_demo import plots
from mnist_demo.data.synthetic import synthetic_digits
from mnist_demo.errors import InputError


def test_each_pixels_value_is_written_in_a_contrasting_color(tmp_path: Path):
    image = synthetic_digits(1, seed=0)[0][0]
    figure = plots.pixel_values(image, "a zero")
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts] == [str(value) for value in image.ravel()]
    assert [text.get_color() for text in texts] == ["white" if value < 125 else "black" for value in image.ravel()]
    plots.save_figure(figure, tmp_path / "zero.png")
    assert (tmp_path / "zero.png").read_bytes().startswith(b"\x89PNG")


def test_a_figure_that_cannot_be_written_raises_an_error(tmp_path: Path):
    figure = plots.pixel_values(np.zeros((2, 2), dtype=np.uint8), "nothing")
    for path in (tmp_path / "absent" / "zero.png", tmp_path / "zero.xyz"):
        with pytest.raises(InputError, match=f"The file .*{path.name} could not be written"):
            plots.save_figure(figure, path)
    with pytest.raises(InputError, match=r"zero needs an extension that names its format, such as \.png"):
        plots.save_figure(figure, tmp_path / "zero")
    assert list(tmp_path.iterdir()) == []


def test_a_grid_of_digits_has_a_title_and_the_address_above_it():
    images, labels = synthetic_digits(12, seed=0)
    figure = plots.digit_grid(
        images, labels.tolist(), labels.tolist(), title="sketch: 3 of 12 $x$", source="http://a/?b"
    )
    assert [text.get_text() for text in figure.texts] == ["sketch: 3 of 12 $x$", "http://a/?b"]
    top = figure.axes[0].get_position().y1 * figure.get_figheight()
    assert figure.get_figheight() - top > 0.5  # inches
    assert plots.to_png(figure).startswith(b"\x89PNG")
