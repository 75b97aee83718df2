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

from mnist_demo import checkpoints, cli, train_command
from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import load_metadata
from mnist_demo.data import Dataset
from mnist_demo.errors import CheckpointError
from mnist_demo.recipes import RECIPES
from tests.conftest import ROOT, draw_photo


@pytest.fixture(autouse=True)
def small_synthetic_dataset(monkeypatch: pytest.MonkeyPatch, synthetic: Dataset):
    monkeypatch.setattr(cli, "synthetic_dataset", lambda: synthetic)


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


def test_a_model_is_saved_elsewhere_if_the_disk_is_full(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    save, full = train_command.save_checkpoint, tmp_path / "full"

    def save_elsewhere(path: Path, *rest: Any) -> None:
        if path.parent == full:
            raise CheckpointError(f"The checkpoint {path} could not be written: No space left on device")
        save(path, *rest)

    monkeypatch.setattr(train_command, "save_checkpoint", save_elsewhere)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cli.main(["train", "softmax", "--epochs", "1", "--data", "synthetic", "--out", str(full / "mine")]) == 0
    printed = capsys.readouterr()
    assert "No space left on device" in printed.err
    saved = re.search(r"saved to (\S+/mine\.safetensors)", printed.out)
    assert saved and Path(saved[1]).parent != full and load_metadata(Path(saved[1])).steps == 6


def test_several_seeds_are_printed_with_their_mean_and_spread(tmp_path: Path, capsys: pytest.CaptureFixture):
    arguments = ["train", "softmax", "--epochs", "1", "--seeds", "3", "--seed", "5", "--data", "synthetic"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    each = [float(found) for found in re.findall(r"^seed [567]: test accuracy ([\d.]+)%", printed, re.MULTILINE)]
    assert len(each) == 3 and f"3 seeds: test accuracy {sum(each) / 3:.1f}"[:-1] in printed
    assert f"{min(each):.2f}% to {max(each):.2f}%, standard deviation " in printed
    assert cli.main([*arguments, "--out", str(tmp_path)]) == 1
    assert "--seeds saves nothing, so it cannot be combined with --out" in capsys.readouterr().err


def test_train_saves_a_model_that_evaluate_and_predict_use(
    tmp_path: Path, capsys: pytest.CaptureFixture, synthetic: Dataset
):
    out = tmp_path / "mine.safetensors"
    arguments = ["train", "softmax", "--epochs", "3", "--batch-size", "20", "--lr", "0.2", "--seed", "4"]
    assert cli.main([*arguments, "--data", "synthetic", "--out", str(out), "--log", "30"]) == 0
    printed = capsys.readouterr().out
    assert f"{synthetic.name}: 600 training and 200 test digits" in printed
    assert "step 30 of 90: loss" in printed and "epoch  3 of 3: cost" in printed and str(out) in printed
    with safe_open(out, framework="pt") as file:
        header = file.metadata()
    changed = json.loads(header["recipe"])
    assert (changed["epochs"], changed["batch_size"], changed["lr"], header["seed"]) == (3, 20, 0.2, "4")
    assert json.loads(header["data_source"]) == synthetic.name

    assert cli.main(["evaluate", str(out), "--data", "synthetic"]) == 0
    assert f"| `{out}` | {100 * float(header['test_accuracy']):.2f}%" in capsys.readouterr().out

    draw_photo("crossed 7").save(tmp_path / "seven.png")
    assert cli.main(["predict", str(tmp_path / "seven.png"), "--model", str(out)]) == 0
    assert "seven.png: 7 (" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("few_pen_digits")
def test_calibration_is_fitted_to_held_out_writers_and_borrowed_by_the_recipe_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synthetic: Dataset
):
    monkeypatch.setattr(checkpoints, "CHECKPOINT_FOLDER", tmp_path)
    monkeypatch.setattr(train_command, "CHECKPOINT_FOLDER", tmp_path)
    monkeypatch.setattr(cli, "load_data", lambda where: synthetic)
    for name, validation in (("sketch-dev", 50), ("sketch", 0)):
        short = dataclasses.replace(RECIPES[name], epochs=1, fine_tune=None, validation_size=validation)
        monkeypatch.setitem(RECIPES, name, short)
        assert cli.main(["train", name, "--data", "somewhere", "--out", str(tmp_path / name)]) == 0
    assert cli.main(["train", "sketch", "--lr", "0.1", "--data", "somewhere", "--out", str(tmp_path / "other")]) == 0
    names = ("sketch-dev", "sketch", "other")
    fitted, borrowed, other = (load_metadata(tmp_path / f"{name}.safetensors").calibration for name in names)
    assert fitted == borrowed != Calibration() == other


def test_sketch_reports_missing_pen_strokes_before_training(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert cli.main(["train", "sketch", "--data", "synthetic"]) == 1
    assert "--data must name a folder that has them" in capsys.readouterr().err
    assert cli.main(["train", "sketch", "--data", str(tmp_path)]) == 1
    assert "lacks pendigits" in capsys.readouterr().err


@pytest.mark.usefixtures("few_pen_digits")
def test_sketch_reports_missing_calibration_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(checkpoints, "CHECKPOINT_FOLDER", tmp_path)
    monkeypatch.setattr(cli, "load_data", lambda where: pytest.fail("loaded MNIST first"))
    assert cli.main(["train", "sketch", "--data", str(tmp_path)]) == 1
    assert "There is no checkpoint 'sketch-dev'" in capsys.readouterr().err


def test_predict_reports_drawings_that_are_not_digits(tmp_path: Path, capsys: pytest.CaptureFixture):
    for name, line in {"dash": ((50, 150), (250, 150)), "blank": ((0, 0), (0, 0))}.items():
        photo = Image.new("L", (300, 300), 255)
        if name != "blank":
            ImageDraw.Draw(photo).line(line, fill=0, width=12)
        photo.save(tmp_path / f"{name}.png")
    assert cli.main(["predict", str(tmp_path / "dash.png"), str(tmp_path / "blank.png")]) == 0
    dash, blank = capsys.readouterr().out.splitlines()
    assert "dash.png: not a digit; most similar to " in dash and blank.endswith("blank.png: no ink found")


def test_a_run_that_differs_from_its_recipe_is_saved_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synthetic: Dataset
):
    monkeypatch.setattr(train_command, "CHECKPOINT_FOLDER", tmp_path)
    arguments = ["train", "softmax", "--epochs", "1", "--lr", "0.2", "--seed", "2", "--data", "synthetic"]
    assert cli.main(arguments) == 0
    name = f"softmax-epochs-1-lr-0.2-seed-2-{synthetic.name.replace(' ', '-')}.safetensors"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_out_may_be_a_folder_or_a_file_with_or_without_its_suffix(tmp_path: Path, synthetic: Dataset):
    arguments = ["train", "softmax", "--epochs", "1", "--data", "synthetic", "--out"]
    name = f"softmax-epochs-1-{synthetic.name.replace(' ', '-')}.safetensors"
    paths = {
        str(tmp_path): name,
        f"{tmp_path}/new/a": "new/a.safetensors",
        f"{tmp_path}/b.safetensors": "b.safetensors",
    }
    for out, written in paths.items():
        assert cli.main([*arguments, out]) == 0
        assert (tmp_path / written).is_file()
    assert (tmp_path / name).stat().st_mode & 0o044 == 0o044  # other users may read it


def test_a_path_that_cannot_be_written_is_named_before_training(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "a", tmp_path / ("a" * 300)):
        assert cli.main(["train", "softmax", "--data", "synthetic", "--out", str(out)]) == 1
        printed = capsys.readouterr()
        assert "could not be written" in printed.err and printed.out == ""


@pytest.mark.parametrize(
    ("flag", "value", "problem"),
    [
        ("--seed", "-1", "greater than or equal to 0"),
        ("--seed", str(2**63), "less than or equal to 9223372036854775807"),
        ("--seed", "9" * 30, "less than or equal to 9223372036854775807"),
        ("--seed", "x", "a valid integer"),
        ("--seeds", "0", "greater than or equal to 1"),
        ("--log", "0", "greater than or equal to 1"),
        ("--log", "-5", "greater than or equal to 1"),
        ("--lr", "fast", "a valid number"),
        ("--device", "tpu", "'cuda'"),
    ],
)
def test_an_invalid_flag_is_named(flag: str, value: str, problem: str, capsys: pytest.CaptureFixture):
    assert cli.main(["train", "softmax", flag, value]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"Error: Invalid value for '{flag}': ") and problem in error


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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process's group")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_stop_training_and_save_the_model(tmp_path: Path, sent: signal.Signals):
    out = tmp_path / "mine.safetensors"
    out.write_bytes(b"an earlier model")
    command = [sys.executable, "-m", "mnist_demo", "train", "softmax", "--epochs", "500", "--data", "synthetic"]
    with subprocess.Popen(
        [*command, "--out", str(out)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch  2"):
                break
        process.send_signal(sent)
        printed, errors = process.communicate()
    saved = tmp_path / "mine-stopped.safetensors"
    assert process.returncode == 128 + sent and "Traceback" not in errors
    assert "Stopped at step" in printed and f"saved to {saved}" in printed
    metadata = load_metadata(saved)
    assert not metadata.finished and len(metadata.epochs) >= 2
    assert out.read_bytes() == b"an earlier model"
