import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from safetensors import safe_open

from mnist_demo import __main__ as cli
from mnist_demo import checkpoints, commands
from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import load_record
from mnist_demo.data import Data
from mnist_demo.errors import CheckpointError
from mnist_demo.pendigits import PenDigit
from mnist_demo.recipes import RECIPES
from tests.conftest import ROOT, draw


@pytest.fixture(autouse=True)
def little_practice_data(monkeypatch: pytest.MonkeyPatch, practice):
    monkeypatch.setattr(commands, "practice_data", lambda: practice)


def test_help_of_every_command_says_what_it_does(capsys: pytest.CaptureFixture):
    for command, words in {
        "train": "Ctrl-C or SIGTERM stops",
        "evaluate": "percentage of each digit",
        "predict": "dark on light or light on dark",
        "show": "pixel's value",
        "recipes": "what ours came to",
    }.items():
        with pytest.raises(SystemExit) as caught:
            cli.main([command, "--help"])
        assert caught.value.code == 0 and words in " ".join(capsys.readouterr().out.split())


def test_a_disk_that_fills_up_meanwhile_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    save, full = commands.save_checkpoint, tmp_path / "full"

    def save_elsewhere(path: Path, *rest: Any) -> None:
        if path.parent == full:
            raise CheckpointError(f"The checkpoint {path} could not be written: No space left on device")
        save(path, *rest)

    monkeypatch.setattr(commands, "save_checkpoint", save_elsewhere)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cli.main(["train", "softmax", "--epochs", "1", "--data", "practice", "--out", str(full / "mine")]) == 0
    printed = capsys.readouterr()
    assert "No space left on device" in printed.err
    kept = re.search(r"kept in (\S+/mine\.safetensors)", printed.out)
    assert kept and Path(kept[1]).parent != full and load_record(Path(kept[1])).steps == 6


def test_several_seeds_are_told_with_their_mean_and_spread(tmp_path: Path, capsys: pytest.CaptureFixture):
    arguments = ["train", "softmax", "--epochs", "1", "--seeds", "3", "--seed", "5", "--data", "practice"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    each = [float(found) for found in re.findall(r"^seed [567]: test accuracy ([\d.]+) %", printed, re.MULTILINE)]
    assert len(each) == 3 and f"3 seeds: test accuracy {sum(each) / 3:.1f}"[:-1] in printed
    assert f"{min(each):.2f} % to {max(each):.2f} %, standard deviation " in printed
    assert cli.main([*arguments, "--out", str(tmp_path)]) == 1
    assert "--seeds measures and saves nothing" in capsys.readouterr().err


def test_train_saves_a_network_that_evaluate_and_predict_use(tmp_path: Path, capsys: pytest.CaptureFixture):
    out = tmp_path / "mine.safetensors"
    arguments = ["train", "softmax", "--epochs", "3", "--batch-size", "20", "--lr", "0.2", "--seed", "4"]
    assert cli.main([*arguments, "--data", "practice", "--out", str(out), "--log", "30"]) == 0
    printed = capsys.readouterr().out
    assert "practice digits: 600 training and 200 test digits" in printed
    assert "step 30 of 90: loss" in printed and "epoch  3 of 3: cost" in printed and str(out) in printed
    with safe_open(out, framework="pt") as file:
        header = file.metadata()
    changed = json.loads(header["recipe"])
    assert (changed["epochs"], changed["batch_size"], changed["lr"], header["seed"]) == (3, 20, 0.2, "4")
    assert header["data_source"] == '"practice digits"'

    assert cli.main(["evaluate", str(out), "--data", "practice"]) == 0
    assert f"| `{out}` | {100 * float(header['test_accuracy']):.2f} %" in capsys.readouterr().out

    draw("crossed 7").save(tmp_path / "seven.png")
    assert cli.main(["predict", str(tmp_path / "seven.png"), "--model", str(out)]) == 0
    assert "seven.png: 7 (" in capsys.readouterr().out


def test_train_calibrates_on_the_writers_it_left_out_and_lends_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_writers: list[PenDigit], practice: Data
):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    monkeypatch.setattr(commands, "load_pen_digits", lambda folder: few_writers)
    monkeypatch.setattr(commands, "get_data", lambda where: practice)
    for name, validation in (("sketch-24", 50), ("sketch", 0)):
        brief = dataclasses.replace(RECIPES[name], epochs=1, then=None, validation=validation)
        monkeypatch.setitem(RECIPES, name, brief)
        assert cli.main(["train", name, "--data", "somewhere", "--out", str(tmp_path / name)]) == 0
    assert cli.main(["train", "sketch", "--lr", "0.1", "--data", "somewhere", "--out", str(tmp_path / "other")]) == 0
    names = ("sketch-24", "sketch", "other")
    measured, lent, other = (load_record(tmp_path / f"{name}.safetensors").calibration for name in names)
    assert measured == lent != Calibration() == other


def test_sketch_needs_pen_strokes_and_a_calibration_before_it_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, few_writers: list[PenDigit]
):
    assert cli.main(["train", "sketch", "--data", "practice"]) == 1
    assert "--data must name a folder that has them" in capsys.readouterr().err
    assert cli.main(["train", "sketch", "--data", str(tmp_path)]) == 1
    assert "lacks pendigits" in capsys.readouterr().err
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    monkeypatch.setattr(commands, "load_pen_digits", lambda folder: few_writers)
    monkeypatch.setattr(commands, "get_data", lambda where: pytest.fail("looked for MNIST first"))
    assert cli.main(["train", "sketch", "--data", str(tmp_path)]) == 1
    assert "There is no checkpoint 'sketch-24'" in capsys.readouterr().err


def test_predict_says_what_is_no_digit(tmp_path: Path, capsys: pytest.CaptureFixture):
    for name, line in {"dash": ((50, 150), (250, 150)), "blank": ((0, 0), (0, 0))}.items():
        picture = Image.new("L", (300, 300), 255)
        if name != "blank":
            ImageDraw.Draw(picture).line(line, fill=0, width=12)
        picture.save(tmp_path / f"{name}.png")
    assert cli.main(["predict", str(tmp_path / "dash.png"), str(tmp_path / "blank.png")]) == 0
    dash, blank = capsys.readouterr().out.splitlines()
    assert "dash.png: not a digit; likest to " in dash and blank.endswith("blank.png: no ink found")


def test_a_run_that_differs_from_its_recipe_gets_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    arguments = ["train", "softmax", "--epochs", "1", "--lr", "0.2", "--seed", "2", "--data", "practice"]
    assert cli.main(arguments) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["softmax-epochs-1-lr-0.2-seed-2-practice-digits.safetensors"]


def test_a_run_is_written_where_it_is_told_to(tmp_path: Path):
    practice = ["train", "softmax", "--epochs", "1", "--data", "practice", "--out"]
    name = "softmax-epochs-1-practice-digits.safetensors"
    places = {
        str(tmp_path): name,
        f"{tmp_path}/new/a": "new/a.safetensors",
        f"{tmp_path}/b.safetensors": "b.safetensors",
    }
    for out, written in places.items():
        assert cli.main([*practice, out]) == 0
        assert (tmp_path / written).is_file()
    assert (tmp_path / name).stat().st_mode & 0o044 == 0o044  # others may read it, where the umask lets them


def test_a_place_that_cannot_be_written_is_named_before_training(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "a", tmp_path / ("a" * 300)):
        assert cli.main(["train", "softmax", "--data", "practice", "--out", str(out)]) == 1
        printed = capsys.readouterr()
        assert "could not be written" in printed.err and printed.out == ""


@pytest.mark.parametrize(
    "value", [["--seed", "-1"], ["--seed", "9" * 30], ["--seed", "x"], ["--log", "0"], ["--log", "-5"]]
)
def test_numbers_out_of_range_are_named(value: list[str], capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        cli.main(["train", "softmax", *value])
    assert f"argument {value[0]}: '{value[1]}' is no whole number from" in capsys.readouterr().err


def test_models_of_one_file_name_are_measured_each(tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture):
    checkpoint.rename(tmp_path / "cnn.safetensors")
    assert cli.main(["evaluate", "cnn", str(tmp_path / "cnn.safetensors"), "--data", "practice"]) == 0
    rows = capsys.readouterr().out.splitlines()[4:]
    assert rows[0].startswith("| `cnn` ") and rows[1].startswith(f"| `{tmp_path / 'cnn.safetensors'}` ")
    assert rows[0].split("|")[2] != rows[1].split("|")[2]


def test_output_is_utf_8_whatever_the_consoles_code_page():
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "mnist_demo", "recipes"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True).stdout
    assert "→" in printed.decode("utf-8")


def test_ctrl_c_outside_a_training_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "get_data", interrupt)
    assert cli.main(["evaluate", "softmax"]) == 130
    assert capsys.readouterr().err == "Interrupted; nothing was saved.\n"


def test_evaluate_prints_the_percentage_of_each_digit(capsys: pytest.CaptureFixture):
    assert cli.main(["evaluate", "softmax", "cnn", "--data", "practice"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "practice digits, 200 test digits" in lines[0]
    assert [line.split("|")[1].strip() for line in lines[4:]] == ["`softmax`", "`cnn`"]
    assert len(lines[4].split("|")) == 16


def test_predict_goes_on_after_a_bad_picture(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    draw("plain 7").save(tmp_path / "seven.png")
    assert cli.main(["predict", str(tmp_path / "text.png"), str(tmp_path / "seven.png")]) == 1
    printed = capsys.readouterr()
    assert "text.png is no picture" in printed.err and "seven.png: 7" in printed.out


def test_show_prints_one_test_digit_and_pictures_its_pixels(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert cli.main(["show", "17", "--data", "practice", "--out", str(tmp_path / "digit.png")]) == 0
    assert "practice digits test digit 17: 7, read as " in capsys.readouterr().out
    assert (tmp_path / "digit.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(["show", "--data", "practice"]) == 0
    assert cli.main(["show", "200", "--data", "practice"]) == 1
    assert "INDEX must be from 0 to 199; got 200." in capsys.readouterr().err
    assert cli.main(["show", "1", "--data", "practice", "--out", str(tmp_path / "digit.xyz")]) == 1
    assert "digit.xyz could not be written" in capsys.readouterr().err


def test_recipes_prints_every_recipe_with_its_figures(capsys: pytest.CaptureFixture):
    assert cli.main(["recipes"]) == 0
    printed = capsys.readouterr().out
    for name in RECIPES:
        record = checkpoints.load_record(checkpoints.find_checkpoint(name))
        row = next(line for line in printed.splitlines() if line.startswith(f"| `{name}` "))
        assert f"{100 * record.test_accuracy:.2f} %" in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "cn"], "Unknown recipe 'cn'; choose from sketch"),
        (["train", "softmax", "--epochs", "0"], "epochs must be a whole number of at least 1; got 0."),
        (["evaluate", "nothing"], "There is no checkpoint 'nothing'; give a path, or a name: sketch"),
        (["predict", "seven.png", "--model", "nothing"], "There is no checkpoint 'nothing'"),
    ],
)
def test_mistakes_end_with_one_clear_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture):
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err.startswith(f"Error: {message}")


def test_without_data_and_mirrors_it_says_how_to_place_the_files(
    tmp_path: Path, no_mirror: None, capsys: pytest.CaptureFixture
):
    assert cli.main(["train", "softmax", "--data", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "train-images-idx3-ubyte.gz could not be downloaded (http://127.0.0.1:9/: " in error
    assert "To place MNIST by hand, put its four unpacked files (train-images-idx3-ubyte, " in error
    assert str(tmp_path / "MNIST" / "raw") in error and "Traceback" not in error


def test_absent_data_are_downloaded(tmp_path: Path, mirror, capsys: pytest.CaptureFixture):
    assert cli.main(["evaluate", "softmax", "--data", str(tmp_path / "new")]) == 0
    assert "MNIST, 200 test digits" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process's group")
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_training_and_say_what_was_kept(tmp_path: Path, asked: signal.Signals):
    out = tmp_path / "mine.safetensors"
    out.write_bytes(b"an earlier model")
    command = [sys.executable, "-m", "mnist_demo", "train", "softmax", "--epochs", "500", "--data", "practice"]
    with subprocess.Popen(
        [*command, "--out", str(out)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch  2"):
                break
        process.send_signal(asked)
        printed, errors = process.communicate()
    kept = tmp_path / "mine-stopped.safetensors"
    assert process.returncode == 128 + asked and "Traceback" not in errors
    assert "Stopped at step" in printed and f"kept in {kept}" in printed
    record = checkpoints.load_record(kept)
    assert not record.finished and len(record.epochs) >= 2
    assert out.read_bytes() == b"an earlier model"
