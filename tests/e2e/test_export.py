"""A model exported as a web page predicts without a server or any other file."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from mnist_demo import cli
from mnist_demo.classifier import Classifier
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.ui.export import to_web_page
from tests.browser import draw_with_mouse, expect_prediction, find_pad
from tests.e2e.train_tab import RUNS, open_training

MAX_BYTES = 1_000_000


@pytest.mark.parametrize("name", ["sketch", "fast"])
@pytest.mark.parametrize(
    "options", [{}, {"viewport": {"width": 390, "height": 664}, "has_touch": True}], ids=["wide", "phone"]
)
def test_an_exported_page_predicts_from_a_file_without_a_network(
    browser: Browser, tmp_path: Path, name: str, options: dict, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "digits.html"
    assert cli.main(["export", name, "--out", str(out)]) == 0
    assert re.search(rf"{name} is in .*digits.html \(\d+ kB\)", capsys.readouterr().out.replace(",", ""))
    assert out.stat().st_size < MAX_BYTES
    context = browser.new_context(offline=True, **options)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    page.goto(out.as_uri())
    find_pad(page)
    expect(page.locator(".about")).to_contain_text(f"The model {name}")
    draw_with_mouse(page, design_strokes("crossed 7"))
    expect_prediction(page, "7")
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="curly 2").click()
    expect_prediction(page, "2")
    for hidden in (".why", ".use-photo", ".ask-all", ".nearest", ".label"):
        assert all(not each.is_visible() for each in page.locator(hidden).all())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert problems == []
    context.close()


def test_a_models_name_is_text_in_the_page():
    classifier = Classifier.load("softmax")
    page = to_web_page(Classifier("</script><img src=x onerror=alert(1)>", classifier.model, classifier.metadata))
    assert "<img src=x" not in page and "&lt;img src=x" in page


def test_an_export_that_cannot_be_written_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "folder").mkdir()
    assert cli.main(["export", "softmax", "--out", str(tmp_path / "folder")]) == 1
    assert "could not be written" in capsys.readouterr().err
    assert cli.main(["export", "nothing"]) == 1
    assert "There is no checkpoint 'nothing'" in capsys.readouterr().err


def test_a_trained_model_is_downloaded_as_a_web_page(page: Page, browser: Browser, tmp_path: Path):
    open_training(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    with page.expect_download() as download:
        page.locator(RUNS).get_by_role("button", name="Web page").click()
    assert download.value.suggested_filename.endswith(".html")
    file = tmp_path / "own.html"
    download.value.save_as(file)
    own = browser.new_page()
    own.goto(file.as_uri())
    find_pad(own)
    draw_with_mouse(own, design_strokes("plain 7"))
    expect(own.locator("#prediction .digit")).to_have_text(re.compile(r"\d"))
    own.close()
