import contextlib
import io
import json
import re
import subprocess

import pytest
import yaml

from mnist_demo import __main__ as cli
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_front_matter_is_what_a_space_takes():
    matter = yaml.safe_load(README.split("---")[1])
    pinned = re.search(r"^gradio==(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert pinned and matter["sdk"] == "gradio" and matter["sdk_version"] == pinned[1]
    assert (ROOT / matter["app_file"]).is_file() and isinstance(matter["python_version"], str)
    assert len(matter["short_description"]) <= 60
    colors = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {matter["colorFrom"], matter["colorTo"]} <= colors
    assert matter["suggested_hardware"] == "cpu-basic" and matter["license"] == "mit"


def test_ci_runs_the_readmes_test_command():
    command = next(block.strip() for block in blocks("sh") if "-m tests" in block)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_table_of_models_is_what_its_command_prints(capsys: pytest.CaptureFixture):
    assert cli.main(["recipes"]) == 0
    shown = re.search(r"<!-- recipes -->\n(.*?)<!-- /recipes -->", README, flags=re.DOTALL)
    assert shown and shown[1] == capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "pattern"), [(0, r"7 \d\.\d{3}\nTrue \(28, 28\)\nFalse\n"), (1, r"1 0\.\d+\n2 0\.\d+\n")]
)
def test_its_python_runs(number: int, pattern: str):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks("python")[number], "README.md", "exec"), {})
    assert re.fullmatch(pattern, printed.getvalue())


def test_its_curl_runs(address: str):
    command = next(block.strip() for block in blocks("sh") if block.startswith("curl"))
    command = command.replace("http://127.0.0.1:7860/", address)
    answer = subprocess.run(["bash", "-c", command], capture_output=True, encoding="utf-8", check=True).stdout
    assert json.loads(answer)["data"][0]["digit"] == 7


def test_its_pictures_are_there():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).stat().st_size < 300_000
