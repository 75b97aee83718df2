"""The command train: what it saves, and what it refuses before it trains."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from mnist_demo import checkpoints, cli, train_command
from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import load_metadata
from mnist_demo.data import Dataset
from mnist_demo.errors import CheckpointError
from mnist_demo.recipes import RECIPES
from tests.conftest import ROOT, draw_photo


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
