"""README and docs: their links, pictures, commands and examples work, and each page stays short."""

import contextlib
import importlib.util
import io
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from mnist_demo import cli
from tests.conftest import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
TEXTS = {path: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *DOCS)}
README = TEXTS[ROOT / "README.md"]
MAX_README_LINES, MAX_README_WORDS, MAX_DOC_LINES = 170, 1_200, 120
MAX_PICTURE_BYTES = 300_000
each_page = pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.name)


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_front_matter_is_valid_for_a_space():
    front_matter = yaml.safe_load(README.split("---")[1])
    pinned = re.search(r"^gradio==(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert pinned and front_matter["sdk"] == "gradio" and front_matter["sdk_version"] == pinned[1]
    assert (ROOT / front_matter["app_file"]).is_file() and isinstance(front_matter["python_version"], str)
    assert len(front_matter["short_description"]) <= 60
    colors = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {front_matter["colorFrom"], front_matter["colorTo"]} <= colors
    assert front_matter["suggested_hardware"] == "cpu-basic" and front_matter["license"] == "mit"


def test_ci_runs_the_readme_test_command():
    command = next(block.strip() for block in code_blocks(README, "sh") if "-m tests --all" in block)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@each_page
def test_pages_are_short(page: Path):
    lines, words = len(TEXTS[page].splitlines()), len(TEXTS[page].split())
    if page in DOCS:
        assert lines <= MAX_DOC_LINES
    else:
        assert lines <= MAX_README_LINES and words <= MAX_README_WORDS


def test_readme_lists_every_doc():
    listed = README.split("## Documentation")[1]
    assert {path.name for path in DOCS} == set(re.findall(r"\]\(docs/(\w+\.md)\)", listed))


@each_page
def test_links_lead_to_files_and_headings(page: Path):
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[page]):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            path = (page.parent / name).resolve() if name else page
            assert path.exists(), target
            assert not anchor or anchor in heading_anchors(TEXTS[path]), target


def heading_anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_pictures_are_small(page: Path):
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", TEXTS[page]):
        assert (page.parent / picture).stat().st_size < MAX_PICTURE_BYTES


@each_page
def test_named_files_exist(page: Path):
    for name in re.findall(r"`([\w./-]+\.(?:py|js|css|html|md|png|safetensors))`", TEXTS[page]):
        assert any((folder / name).exists() for folder in (ROOT, ROOT / "mnist_demo", ROOT / "tests")), name


@each_page
def test_commands_exist(page: Path, capsys: pytest.CaptureFixture):
    for module, arguments in re.findall(r"python -m ([\w.]+)((?: [^\s`#]+)*)", TEXTS[page]):
        if module == "venv":
            continue
        flags = set(re.findall(r"--[a-z-]+", arguments))
        if module == "mnist_demo":
            assert cli.main([arguments.split()[0], "--help"]) == 0
            source = capsys.readouterr().out
        else:
            found = importlib.util.find_spec(f"{module}.__main__" if module == "tests" else module)
            assert found and found.origin, module
            source = Path(found.origin).read_text(encoding="utf-8")
        assert all(flag in source for flag in flags), (module, flags)


def test_flags_and_their_variables_are_documented():
    text = TEXTS[ROOT / "docs" / "deployment.md"]
    output = subprocess.run(
        [sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, encoding="utf-8"
    ).stdout
    flags = set(re.findall(r"--[a-z-]+", output)) - {"--help"}
    rows = dict(re.findall(r"^\| `(--[a-z-]+)` +\| `(\w+)`", text, flags=re.MULTILINE))
    assert rows == {flag: "MNIST_DEMO_" + flag.strip("-").replace("-", "_").upper() for flag in flags}


def test_table_of_recipes_matches_its_command(capsys: pytest.CaptureFixture):
    assert cli.main(["recipes"]) == 0
    models = TEXTS[ROOT / "docs" / "models.md"]
    shown = re.search(r"<!-- recipes -->\n(.*?)<!-- /recipes -->", models, flags=re.DOTALL)
    assert shown and shown[1] == capsys.readouterr().out


def test_nothing_is_said_twice():
    lines = Counter[str]()
    for text in TEXTS.values():
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        rows = [line for line in prose.splitlines() if line.startswith("|") and not set(line) <= set("|- ")]
        paragraphs = re.sub(r"^\|.*$", "", prose, flags=re.MULTILINE)
        sentences = re.split(r"(?<=[.:])\s+", " ".join(paragraphs.split()))
        lines.update(rows)
        lines.update(sentence for sentence in sentences if len(sentence.split()) > 6)
    assert [line for line, count in lines.items() if count > 1] == []


@pytest.mark.parametrize(
    ("number", "pattern"), [(0, r"7 \d\.\d{3}\nTrue \(28, 28\)\nFalse\n"), (1, r"1 0\.\d+\n2 0\.\d+\n")]
)
def test_python_examples_run(number: int, pattern: str):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code_blocks(README, "python")[number], "README.md", "exec"), {})
    assert re.fullmatch(pattern, printed.getvalue())


def test_http_example_runs(app_url: str):
    command = next(block.strip() for block in code_blocks(README, "sh") if block.startswith("curl"))
    command = command.replace("http://127.0.0.1:7860/", app_url)
    output = subprocess.run(["bash", "-c", command], capture_output=True, encoding="utf-8", check=True).stdout
    result = json.loads(output)["data"][0]
    assert result["digit"] == 7 and all(f"`{field}`" in README for field in result)
