import base64
import io
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from mnist_demo.practice import design_strokes
from mnist_demo.recipes import RECIPES
from mnist_demo.ui.recipe_fields import values_of
from tests.conftest import ROOT, draw, free_port, wait_for
from tests.wire import JOIN, NEWS, Wire


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def picture(name: str) -> str:
    file = io.BytesIO()
    draw(name).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_strokes_are_read_over_http(client: Client):
    answer = client.predict(design_strokes("plain 7"), "cnn", api_name="/predict_strokes")
    assert answer["digit"] == 7 and answer["model"] == "cnn"
    assert len(answer["probabilities"]) == 10 and sum(answer["probabilities"]) == pytest.approx(1)
    blank = client.predict(strokes=[], api_name="/predict_strokes")
    assert blank["digit"] is None and blank["probabilities"] == [0.1] * 10


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "DATA:image/png;base64,\n"])
def test_a_picture_is_read_over_http(client: Client, prefix: str):
    broken_in_lines = "\n".join(textwrap.wrap(picture("plain 7"), 76))
    assert client.predict(image=prefix + broken_in_lines, api_name="/predict_image")["digit"] == 7


@pytest.mark.parametrize(
    ("endpoint", "values", "message"),
    [
        ("/predict_strokes", ["7", "cnn"], "Strokes must be a list of strokes"),
        ("/predict_strokes", [[], "cn"], "The model 'cn' is not here"),
        ("/predict_strokes", [[], "../checkpoints/cnn"], "is not here"),
        ("/predict_image", ["7,7", ""], "this is no base64"),
        ("/predict_image", ["abcd", ""], "is no picture that can be read"),
        ("/predict_image", ["A" * 15_000_000, ""], "too large; at most 10 MB"),
    ],
)
def test_bad_input_over_http_gets_one_clear_line(client: Client, endpoint: str, values: list, message: str):
    with pytest.raises(AppError, match=message) as caught:
        client.predict(*values, api_name=endpoint)
    assert str(ROOT) not in str(caught.value) and "Traceback" not in str(caught.value)


def test_the_api_page_documents_exactly_these_endpoints(address: str):
    endpoints = httpx.get(f"{address}gradio_api/info").json()["named_endpoints"]
    assert endpoints.keys() == {"/predict_strokes", "/predict_image"}
    assert all("probabilities (ten" in endpoint["description"] for endpoint in endpoints.values())


def test_files_of_the_project_are_not_served(address: str):
    for path in ("app.py", "README.md", "checkpoints/cnn.safetensors"):
        assert httpx.get(f"{address}gradio_api/file={ROOT / path}").status_code == 403


def run_app(*flags: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "app.py", *flags],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for result in (run_app("--port", port), run_app(MNIST_DEMO_PORT=port)):
            assert result.returncode == 1
            assert f"cannot be served on port {port}" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "flags", [["--port", "99999"], ["--host", "192.0.2.1"], ["--host", "no such host", "--port", "1"]]
)
def test_an_address_that_is_not_ours_is_named_at_once(flags: list[str]):
    result = run_app(*flags)
    place = " ".join(flags).replace("--", "")
    assert result.returncode == 1 and f"cannot be served on {place}: " in result.stderr
    assert "Traceback" not in result.stderr


def test_flags_are_explained_and_checked():
    printed = run_app("--help").stdout
    assert all(flag in printed for flag in ("--host", "--port", "--data", "--share", "$MNIST_DEMO_PORT"))
    assert "argument --port: invalid int value: 'x'" in run_app(MNIST_DEMO_PORT="x").stderr
    assert "MNIST_DEMO_SHARE is 'maybe'; it must be one of 1, yes, true, 0, no, false" in (
        run_app(MNIST_DEMO_SHARE="maybe").stderr
    )
    assert "argument --train-slots: '0' is no whole number of at least 1" in run_app("--train-slots", "0").stderr
    assert "argument --train-seconds: 'long' is no whole" in run_app(MNIST_DEMO_TRAIN_SECONDS="long").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_sigterm_ends_the_page_and_its_trainings_and_leaves_no_upload(tmp_path: Path):
    port, environment = free_port(), os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}
    command = [sys.executable, "app.py", "--port", str(port), "--data", "practice"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as process:
        wait_for(port, process)
        address = f"http://127.0.0.1:{port}/"
        assert httpx.post(f"{address}gradio_api/upload", files={"files": ("a.png", b"x", "image/png")}).is_success
        assert any(path.is_file() for path in tmp_path.rglob("*"))
        values = values_of(RECIPES["mlp-500"]) | {"epochs": 500}
        joined = Wire.of(address).training("a visitor", "mlp-500", *values.values())
        assert httpx.post(address + JOIN, json=joined).is_success
        with httpx.stream("GET", address + NEWS, params={"session_hash": "a visitor"}, timeout=60) as news:
            assert any("images a second" in line for line in news.iter_lines())
            process.terminate()
            printed, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert "Terminated; trainings under way were stopped" in printed and "Traceback" not in printed
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
