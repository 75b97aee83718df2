"""The commands evaluate, predict, show and recipes, and the help and errors of every command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from mnist_demo import checkpoints, cli
from mnist_demo.data import Dataset
from mnist_demo.recipes import RECIPES
from tests.conftest import ROOT, draw_photo


def test_help_explains_every_command(capsys: pytest.CaptureFixture):
    for command, words in {
        "train": "Ctrl-C or SIGTERM stops",
        "evaluate": "percentage of each digit",
        "predict": "dark on light or light on dark",
        "show": "pixel's value",
        "recipes": "what our checkpoint reaches",
    }.items():
        assert cli.main([command, "--help"]) == 0
        assert words in " ".join(capsys.readouterr().out.split())


def test_predict_reports_drawings_that_are_not_digits(tmp_path: Path, capsys: pytest.CaptureFixture):
    for name, line in {"dash": ((50, 150), (250, 150)), "blank": ((0, 0), (0, 0))}.items():
        photo = Image.new("L", (300, 300), 255)
        if name != "blank":
            ImageDraw.Draw(photo).line(line, fill=0, width=12)
        photo.save(tmp_path / f"{name}.png")
    assert cli.main(["predict", str(tmp_path / "dash.png"), str(tmp_path / "blank.png")]) == 0
    dash, blank = capsys.readouterr().out.splitlines()
    assert "dash.png: not a digit; most similar to " in dash and blank.endswith("blank.png: no ink found")


def test_models_with_the_same_file_name_are_evaluated_separately(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture
):
    checkpoint.rename(tmp_path / "cnn.safetensors")
    assert cli.main(["evaluate", "cnn", str(tmp_path / "cnn.safetensors"), "--data", "synthetic"]) == 0
    rows = capsys.readouterr().out.splitlines()[4:]
    assert rows[0].startswith("| `cnn` ") and rows[1].startswith(f"| `{tmp_path / 'cnn.safetensors'}` ")
    assert rows[0].split("|")[2] != rows[1].split("|")[2]


def test_output_is_utf_8_in_every_code_page():
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "mnist_demo", "recipes"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True).stdout
    assert "→" in printed.decode("utf-8")


def test_ctrl_c_outside_a_training_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load_data", interrupt)
    assert cli.main(["evaluate", "softmax"]) == 130
    assert capsys.readouterr().err == "Interrupted; nothing was saved.\n"


def test_evaluate_prints_the_percentage_of_each_digit(capsys: pytest.CaptureFixture, synthetic: Dataset):
    assert cli.main(["evaluate", "softmax", "cnn", "--data", "synthetic"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{synthetic.name}, 200 test digits" in lines[0]
    assert [line.split("|")[1].strip() for line in lines[4:]] == ["`softmax`", "`cnn`"]
    assert len(lines[4].split("|")) == 16


def test_the_data_may_be_named_by_a_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setenv("MNIST_DEMO_DATA", "synthetic")
    assert cli.main(["show", "17", "--model", "softmax"]) == 0
    assert "test digit 17: labeled 7" in capsys.readouterr().out


def test_predict_continues_after_an_invalid_photo(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    draw_photo("plain 7").save(tmp_path / "seven.png")
    assert cli.main(["predict", str(tmp_path / "text.png"), str(tmp_path / "seven.png")]) == 1
    printed = capsys.readouterr()
    assert "text.png is not a valid image" in printed.err and "seven.png: 7" in printed.out


def test_predict_reads_a_photo_by_its_content_and_names_a_format_that_it_does_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    draw_photo("plain 7").save(tmp_path / "seven.pdf", "PNG")
    draw_photo("plain 7").save(tmp_path / "seven.png", "TIFF")
    assert cli.main(["predict", str(tmp_path / "seven.pdf"), str(tmp_path / "seven.png")]) == 1
    printed = capsys.readouterr()
    assert "seven.pdf: 7" in printed.out and "seven.png is a TIFF; save it as PNG or JPEG." in printed.err


def test_show_prints_one_test_digit_and_plots_its_pixels(
    tmp_path: Path, capsys: pytest.CaptureFixture, synthetic: Dataset
):
    assert cli.main(["show", "17", "--data", "synthetic", "--out", str(tmp_path / "digit.png")]) == 0
    assert f"{synthetic.name} test digit 17: labeled 7, predicted " in capsys.readouterr().out
    assert (tmp_path / "digit.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(["show", "--data", "synthetic"]) == 0
    assert cli.main(["show", "200", "--data", "synthetic"]) == 1
    assert "INDEX must be from 0 to 199; got 200." in capsys.readouterr().err
    assert cli.main(["show", "1", "--data", "synthetic", "--out", str(tmp_path / "digit.xyz")]) == 1
    assert "digit.xyz could not be written" in capsys.readouterr().err


def test_recipes_prints_the_test_accuracy_of_every_recipe(capsys: pytest.CaptureFixture):
    assert cli.main(["recipes"]) == 0
    printed = capsys.readouterr().out
    for name in RECIPES:
        metadata = checkpoints.load_metadata(checkpoints.find_checkpoint(name))
        row = next(line for line in printed.splitlines() if line.startswith(f"| `{name}` "))
        assert f"{100 * metadata.test_accuracy:.2f}%" in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "cn"], "Unknown recipe 'cn'; choose from sketch"),
        (["train", "softmax", "--epochs", "0"], "epochs must be a whole number of at least 1; got 0."),
        (["evaluate", "nothing"], "There is no checkpoint 'nothing'; give a path, or a name: sketch"),
        (["predict", "seven.png", "--model", "nothing"], "There is no checkpoint 'nothing'"),
    ],
)
def test_errors_are_printed_as_one_clear_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture):
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err.startswith(f"Error: {message}")


def test_without_data_and_mirrors_the_error_explains_how_to_install_mnist(
    tmp_path: Path, no_mirror: None, capsys: pytest.CaptureFixture
):
    assert cli.main(["train", "softmax", "--data", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "train-images-idx3-ubyte.gz could not be downloaded (127.0.0.1: Connection refused)" in error
    assert "To place MNIST by hand, put its four unpacked files (train-images-idx3-ubyte, " in error
    assert str(tmp_path / "MNIST" / "raw") in error and "Traceback" not in error


def test_missing_data_are_downloaded(tmp_path: Path, mirror, capsys: pytest.CaptureFixture):
    assert cli.main(["evaluate", "softmax", "--data", str(tmp_path / "new")]) == 0
    assert "MNIST, 200 test digits" in capsys.readouterr().out
