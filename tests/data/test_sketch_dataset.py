from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from mnist_demo.data import MULTIPLE_DIGITS, NOT_A_DIGIT, Dataset, sketch_dataset
from mnist_demo.data.pen_digits import PEN_DIGITS_FILE, PenDigit
from mnist_demo.data.sketch_dataset import (
    create_sketch_dataset,
    degrade_sampling,
    draw_parts,
    fit_to_field,
    has_pen_strokes,
    load_pen_strokes,
    render_digits,
    render_non_digits,
    sample_per_writer,
)
from mnist_demo.data.unipen import STROKES_FOLDER, Drawing


@pytest.fixture
def drawings(few_pen_digits: list[PenDigit]) -> list[Drawing]:
    """Digits of three writers, and an A, an l, a plus and a 71 of a fourth."""
    stroke = np.array([[0.0, 0.0], [5.0, 9.0], [10.0, 0.0]])
    others = [Drawing(label, "w", "donor", [stroke, stroke + 12]) for label in ("A", "l", "+", "71")]
    return load_pen_strokes(Path(), "all").training + others


def test_the_training_set_contains_drawn_images_before_mnist(synthetic: Dataset, drawings: list[Drawing]):
    data = create_sketch_dataset(synthetic, drawings)
    drawn = len(data.train) - len(synthetic.train)
    assert drawn == 30 * (1 + sketch_dataset.WARPED_COPIES) + 4 * 20 + 3
    assert torch.equal(data.train.images[drawn:], synthetic.train.images) and data.test is synthetic.test
    assert data.train.labels.bincount().tolist()[NOT_A_DIGIT:] == [20 + 20 + 2, 20 + 1]


def test_each_image_names_its_part_and_twins_of_digits_are_left_out(drawings: list[Drawing]):
    images, parts = draw_parts(drawings)
    counts = {"digits": 30, "warped digits": 60, "letters and symbols": 2, "numbers": 1}
    counts |= dict.fromkeys(("synthetic digits", "non-digits", "halves", "rows"), 20)
    assert Counter(parts) == counts and len(images) == len(parts)
    digits = torch.tensor([part in ("digits", "warped digits", "synthetic digits") for part in parts])
    assert torch.equal(images.labels < NOT_A_DIGIT, digits)


def test_zeros_of_two_strokes_are_copied_more_often(few_pen_digits: list[PenDigit]):
    ring = np.array([[5.0, 0.0], [0.0, 5.0], [5.0, 9.0], [9.0, 5.0], [5.0, 0.0]])
    slashed = Drawing("0", "w", "donor", [ring, np.array([[9.0, -1.0], [0.0, 10.0]])])
    drawings = load_pen_strokes(Path(), "all").training
    assert Counter(draw_parts([*drawings, slashed])[1])["warped digits"] == 60 + sketch_dataset.SLASHED_ZERO_COPIES


@pytest.mark.usefixtures("few_pen_digits")
def test_a_fifth_of_the_writers_is_held_out_unless_all_train(monkeypatch: pytest.MonkeyPatch):
    unipen = [Drawing("5", f"a-{n}", "a", [np.zeros((2, 2))]) for n in range(5)]
    monkeypatch.setattr(sketch_dataset, "load_drawings", lambda folder: unipen)
    for which, held_out in (("all", set()), ("training", {"uci-30", "a-2"})):
        strokes = load_pen_strokes(Path(), which)
        assert {one.writer for one in strokes.held_out} == held_out
        assert not held_out & {one.writer for one in strokes.training}
    digits, writers = render_digits(strokes.held_out)
    assert writers == ["uci-30"] * 10 + ["a-2"] and digits.labels.tolist() == [*range(10), 5]


def test_a_writer_gives_at_most_so_many_drawings_evenly_over_the_labels():
    drawings = [Drawing(label, writer, "a", []) for writer in ("x", "y") for label in "1" * 50 + "2" * 3]
    chosen = Counter((one.writer, one.label) for one in sample_per_writer(drawings, 10, np.random.default_rng(0)))
    assert chosen == {("x", "1"): 7, ("x", "2"): 3, ("y", "1"): 7, ("y", "2"): 3}


def test_the_data_folder_needs_every_collection_of_pen_strokes(tmp_path: Path):
    (tmp_path / PEN_DIGITS_FILE).parent.mkdir()
    (tmp_path / PEN_DIGITS_FILE).touch()
    assert not has_pen_strokes(tmp_path)
    (tmp_path / STROKES_FOLDER).mkdir()
    assert has_pen_strokes(tmp_path)


def test_the_same_seed_gives_the_same_dataset(synthetic: Dataset, drawings: list[Drawing]):
    one, same, other = (create_sketch_dataset(synthetic, drawings, seed=seed).checksum for seed in (1, 1, 2))
    assert one == same != other


def test_non_digits_alternate_with_two_digits():
    drawn = render_non_digits(4, np.random.default_rng(0))
    assert drawn.labels.tolist() == [NOT_A_DIGIT, MULTIPLE_DIGITS] * 2 and drawn.images.shape == (4, 1, 28, 28)
    assert drawn.images.flatten(1).any(dim=1).all()


def test_paths_of_any_size_are_scaled_to_the_field():
    for scale in (1e-3, 1.0, 1e6):
        (path,) = fit_to_field([np.array([[1.0, 2.0], [3.0, 6.0]]) * scale])
        assert path.min() == 0 and path.max() == pytest.approx(100)


def test_degraded_paths_stay_close_to_the_original():
    rng = np.random.default_rng(0)
    path = np.stack([np.linspace(0, 100, 200), np.linspace(0, 50, 200)], axis=1)
    for _ in range(50):
        (rough,) = degrade_sampling([path], rng)
        assert np.abs(rough[:, 1] - rough[:, 0] / 2).max() < 2 and np.abs(rough[[0, -1]] - path[[0, -1]]).max() <= 1.25
