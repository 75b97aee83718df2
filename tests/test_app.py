import base64
import io
import json
import os
import re
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
from typer.main import get_command

import app
from mnist_demo.data.synthetic import design_strokes
from tests.conftest import ROOT, draw_photo
from tests.protocol import EVENTS, JOIN, Protocol
from tests.served_app import free_port, wait_for_port


@pytest.fixture(scope="module")
def client(app_url: str) -> Client:
    return Client(app_url, verbose=False)


def photo_in_base64(name: str) -> str:
    file = io.BytesIO()
    draw_photo(name).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_strokes_are_classified_over_http(client: Client):
    prediction = client.predict(design_strokes("plain 7"), "cnn", api_name="/predict_strokes")
    assert prediction["digit"] == 7 and prediction["model"] == "cnn"
    assert len(prediction["probabilities"]) == 10 and sum(prediction["probabilities"]) == pytest.approx(1)
    blank = client.predict(strokes=[], api_name="/predict_strokes")
    assert blank["digit"] is None and blank["probabilities"] == [0.1] * 10


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "DATA:image/png;base64,\n"])
def test_a_photo_is_classified_over_http(client: Client, prefix: str):
    wrapped = "\n".join(textwrap.wrap(photo_in_base64("plain 7"), 76))
    assert client.predict(image=prefix + wrapped, api_name="/predict_image")["digit"] == 7


@pytest.mark.parametrize(
    ("endpoint", "values", "message"),
    [
        ("/predict_strokes", ["7", "cnn"], "Strokes must be a list of strokes"),
        ("/predict_strokes", [[], "cn"], "The model 'cn' is no longer available"),
        ("/predict_strokes", [[], "../checkpoints/cnn"], "is no longer available"),
        ("/predict_image", ["7,7", ""], "this is not base64"),
        ("/predict_image", ["abcd", ""], "is not a valid image"),
        ("/predict_image", ["A" * 15_000_000, ""], "too large; the limit is 10 MB"),
    ],
)
def test_invalid_input_over_http_gets_one_clear_message(client: Client, endpoint: str, values: list, message: str):
    with pytest.raises(AppError, match=message) as caught:
        client.predict(*values, api_name=endpoint)
    assert str(ROOT) not in str(caught.value) and "Traceback" not in str(caught.value)


def test_the_api_page_documents_only_the_two_prediction_endpoints(app_url: str):
    endpoints = httpx.get(f"{app_url}gradio_api/info").json()["named_endpoints"]
    assert endpoints.keys() == {"/predict_strokes", "/predict_image"}
    assert all("probabilities (of the digits 0 to 9" in endpoint["description"] for endpoint in endpoints.values())


def test_a_request_may_leave_out_the_model(app_url: str):
    api, seven = f"{app_url}gradio_api/", design_strokes("plain 7")
    values = [httpx.post(f"{api}run/predict_strokes", json={"data": [seven]}).json()["data"][0]]
    for path, body in (("call", {"data": [seven]}), ("call/v2", {"strokes": seven})):
        event = httpx.post(f"{api}{path}/predict_strokes", json=body).json()["event_id"]
        stream = httpx.get(f"{api}call/predict_strokes/{event}").text
        values += json.loads(stream.partition("data: ")[2])
    assert [(value["digit"], value["model"]) for value in values] == [(7, "sketch")] * 3
    empty = httpx.post(f"{api}run/predict_strokes", json={"data": []}).json()
    assert "A value without a default is missing" in empty["error"]


@pytest.mark.parametrize("language", ["python", "bash"])
def test_the_examples_of_the_api_page_run(app_url: str, language: str):
    for endpoint in httpx.get(f"{app_url}gradio_api/info").json()["named_endpoints"].values():
        command = [sys.executable, "-c"] if language == "python" else ["bash", "-O", "lastpipe", "-c"]
        result = subprocess.run([*command, endpoint["code_snippets"][language]], capture_output=True, encoding="utf-8")
        assert re.search(r"""["']digit["']: 7""", result.stdout), result.stdout + result.stderr


@pytest.mark.parametrize("path", ["digits", "https://example.org/digits", "/dig its"])
def test_an_invalid_root_path_is_refused(path: str):
    result = run_app("--root-path", path)
    assert result.returncode == 2 and f"{path!r} is not a path such as /digits" in result.stderr


def test_files_of_the_project_are_not_served(app_url: str):
    for path in ("app.py", "README.md", "checkpoints/cnn.safetensors"):
        assert httpx.get(f"{app_url}gradio_api/file={ROOT / path}").status_code == 403


def run_app(*flags: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "app.py", *flags],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_a_port_in_use_is_named():
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
def test_an_address_of_another_machine_is_named_at_once(flags: list[str]):
    result = run_app(*flags)
    address = " ".join(flags).replace("--", "")
    assert result.returncode == 1 and f"cannot be served on {address}: " in result.stderr
    assert "Traceback" not in result.stderr


def test_help_explains_every_flag_and_its_environment_variable():
    printed = run_app("--help").stdout
    for flag in ("host", "port", "data", "root-path", "share", "train-slots", "train-seconds"):
        assert f"--{flag} " in printed and f"MNIST_DEMO_{flag.replace('-', '_').upper()}" in printed


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("port", "x", "a valid integer"),
        ("train-slots", "0", "greater than or equal to 1"),
        ("train-seconds", "long", "a valid integer"),
        ("share", "maybe", "a valid boolean"),
    ],
)
def test_an_invalid_flag_or_variable_is_named(name: str, value: str, problem: str):
    variable = f"MNIST_DEMO_{name.replace('-', '_').upper()}"
    results = [run_app(**{variable: value})] + ([run_app(f"--{name}", value)] if name != "share" else [])
    for result in results:
        error = result.stderr.splitlines()[-1]
        assert result.returncode == 2 and "Traceback" not in result.stderr
        assert error.startswith(f"Error: Invalid value for '--{name}' (env var: '{variable}'): ") and problem in error


@pytest.mark.parametrize("words", [{"1", "yes", "true", "TRUE"}, {"0", "no", "false", "", None}])
def test_the_share_variable_takes_yes_and_no(monkeypatch: pytest.MonkeyPatch, words: set[str | None]):
    for word in words:
        monkeypatch.delenv("MNIST_DEMO_SHARE", raising=False)
        if word is not None:
            monkeypatch.setenv("MNIST_DEMO_SHARE", word)
        flags = get_command(app.app).make_context("app.py", []).params
        assert flags["share"] is ("yes" in words) and flags["train_slots"] == 1 and flags["train_seconds"] == 120


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_sigterm_stops_trainings_and_deletes_uploads(tmp_path: Path):
    port, environment = free_port(), os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}
    (tmp_path / "foreign").write_text("not ours")
    command = [sys.executable, "app.py", "--port", str(port), "--data", "synthetic"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as process:
        wait_for_port(port, process)
        app_url = f"http://127.0.0.1:{port}/"
        assert httpx.post(f"{app_url}gradio_api/upload", files={"files": ("a.png", b"x", "image/png")}).is_success
        assert len(list(tmp_path.glob("mnist-demo-*/*/a.png"))) == 1
        training = Protocol.of(app_url).training("a session", "mlp-500", epochs=500)
        assert httpx.post(app_url + JOIN, json=training).is_success
        with httpx.stream("GET", app_url + EVENTS, params={"session_hash": "a session"}, timeout=60) as stream:
            assert any("images/s" in line for line in stream.iter_lines())
            process.terminate()
            printed, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert "Terminated; trainings were stopped, and uploads deleted" in printed and "Traceback" not in printed
    assert [path.name for path in tmp_path.iterdir()] == ["foreign"]
