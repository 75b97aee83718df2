import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

CORE, UI, SERVER, CLIENTS = "mnist_demo", "mnist_demo.ui", "mnist_demo.server", "mnist_demo.server.clients"
TABS = {f"{UI}.{name}_tab" for name in ("draw", "browse", "train", "teach")}
BASE, SHARED = f"{UI}.components.base", f"{UI}.components.shared"
# What each package must not import, and exceptions. Subpackages with an entry have their own rule.
RULES: dict[str, tuple[set[str], set[str]]] = {
    CORE: ({"gradio", UI, SERVER}, set()),
    f"{CORE}.cli": ({"gradio", UI, SERVER}, {f"{UI}.export"}),
    SERVER: ({UI}, set()),
    UI: ({SERVER}, {CLIENTS}),
    **{tab: ({SERVER} | TABS - {tab}, {CLIENTS}) for tab in TABS},
    f"{UI}.components": ({UI, SERVER}, {BASE, SHARED}),
    BASE: ({UI, SERVER}, {CLIENTS}),
    f"{UI}.services": ({"gradio", UI, SERVER}, {f"{UI}.services"}),
}
PROGRAM = """
import sys
import mnist_demo
print(*sys.modules)

import torch
from gradio.utils import MatplotlibBackendMananger
from mnist_demo.data.synthetic import synthetic_dataset
from mnist_demo.recipes import find_recipe
from mnist_demo.training import train
from mnist_demo.server.housekeeping import preload

data, recipe = synthetic_dataset(100, 10), find_recipe("softmax")
preload()
loaded = set(sys.modules)
next(train(recipe.build(), data, recipe))
with MatplotlibBackendMananger():  # as around each event
    pass
print(*(set(sys.modules) - loaded))
"""


@pytest.fixture(scope="module")
def loaded() -> list[list[str]]:
    """Return the modules that `import mnist_demo` loads, and those that the first training and event load."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, encoding="utf-8", check=True, cwd=ROOT)
    return [line.split() for line in run.stdout.splitlines()]


def test_the_core_loads_no_module_that_only_parts_of_the_demo_need(loaded: list[list[str]]):
    assert "mnist_demo.classifier" in loaded[0]
    assert not {"gradio", "torchvision", "matplotlib", "pandas"} & set(loaded[0])


def test_the_first_training_and_the_first_event_load_little_after_preloading(loaded: list[list[str]]):
    assert len(loaded[1]) < 50, loaded[1]


def find_imports(file: Path) -> Iterator[str]:
    """Yield the names that a file imports, such as "mnist_demo.ui.render"; imports in functions included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}, line {node.lineno}: use an absolute import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(name: str, packages: Iterable[str]) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def is_allowed(module: str, imported: str) -> bool:
    """Return whether the most specific rule for a module allows an import."""
    forbidden, exceptions = RULES[max((package for package in RULES if is_in(module, [package])), key=len)]
    return not is_in(imported, forbidden) or is_in(imported, exceptions)


def test_modules_import_only_what_the_architecture_allows():
    files = sorted((ROOT / CORE).rglob("*.py"))
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    assert set(RULES) <= set(modules)
    assert [
        f"{module} imports {imported}"
        for module, file in zip(modules, files, strict=True)
        for imported in find_imports(file)
        if not is_allowed(module, imported)
    ] == []


def test_only_the_app_imports_both_the_page_and_the_server():
    scripts = {file.name: set(find_imports(file)) for file in ROOT.glob("*.py")}
    assert [
        name
        for name, imports in scripts.items()
        if all(any(is_in(imported, [package]) for imported in imports) for package in (UI, SERVER))
    ] == ["app.py"]


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("mnist_demo", "gradio"),
        ("mnist_demo.training", "gradio.Blocks"),
        ("mnist_demo.training", "mnist_demo.ui"),
        ("mnist_demo.cli", "mnist_demo.ui.draw_tab"),
        ("mnist_demo.explain.neighbors", "mnist_demo.server.clients.client_address"),
        ("mnist_demo.server.serve", "mnist_demo.ui.services.queues"),
        ("mnist_demo.ui", "mnist_demo.server.serve.serve"),
        ("mnist_demo.ui.components.sketchpad", "mnist_demo.ui.components.inputs.Choice"),
        ("mnist_demo.ui.components.sketchpad", "mnist_demo.server.clients.client_address"),
        ("mnist_demo.ui.services.jobs", "mnist_demo.ui.render"),
        ("mnist_demo.ui.services.jobs", "mnist_demo.server.clients.client_address"),
        ("mnist_demo.ui.draw_tab", "mnist_demo.ui.train_tab.TrainTab"),
        ("mnist_demo.ui.train_tab", "mnist_demo.ui.draw_tab"),
        ("mnist_demo.ui.teach_tab", "mnist_demo.ui.train_tab.TrainTab"),
    ],
)
def test_the_rules_forbid(module: str, imported: str):
    assert not is_allowed(module, imported)
