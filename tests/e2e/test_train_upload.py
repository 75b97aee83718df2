"""Models are downloaded and uploaded as files, with any name."""

import dataclasses
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mnist_demo.checkpoints import save_checkpoint
from mnist_demo.data.synthetic import design_strokes
from mnist_demo.recipes import Recipe
from tests.browser import FINAL_PREDICTION, draw_with_mouse, expect_prediction
from tests.conftest import make_metadata
from tests.e2e.browse_tab import SUMMARY
from tests.e2e.train_tab import NAME, RUNS, STATUS, open_training


@pytest.mark.slow
def test_a_model_is_downloaded_and_uploaded_again(page: Page, tmp_path: Path):
    open_training(page)
    page.locator("#start").click()
    expect(page.locator(RUNS)).to_have_count(1)
    with page.expect_download() as download:
        page.locator(RUNS).get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"{NAME}.safetensors"
    file = tmp_path / "model.safetensors"
    download.value.save_as(file)
    page.reload()
    open_training(page)
    expect(page.locator(RUNS)).to_have_count(0)
    page.locator("#load button").first.click()
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text("softmax #1 (uploaded) is ready")
    expect(page.locator(RUNS)).to_have_count(1)
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no model")
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(bad)
    expect(page.get_by_text("bad.safetensors is not a safetensors file")).to_be_visible()
    expect(page.locator(RUNS)).to_have_count(1)
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    draw_with_mouse(page, design_strokes("plain 7"))
    expect_prediction(page, "7")


@pytest.mark.slow
def test_html_in_the_name_of_a_model_stays_text(page: Page, tmp_path: Path, recipe: Recipe):
    hostile = "<img src=x onerror=alert(1)>${7*7}"
    file = tmp_path / f"{hostile}.safetensors"
    named = dataclasses.replace(recipe, name=hostile)
    save_checkpoint(file, recipe.build(), make_metadata(named))
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    open_training(page)
    page.locator("#load button").first.click()
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(file)
    expect(page.locator(STATUS)).to_contain_text(f"{hostile} #1 (uploaded) is ready")
    page.locator(RUNS).get_by_role("button", name="Browse").click()
    expect(page.locator(SUMMARY)).to_contain_text(f"{hostile} #1 (uploaded):")
    page.get_by_role("tab", name="Train").click()
    page.locator(RUNS).get_by_role("button", name="Draw").click()
    described = re.compile(rf"^{re.escape(hostile)} #1 \(uploaded\) · ")
    expect(page.locator("#draw-model input")).to_have_value(described)
    draw_with_mouse(page, design_strokes("plain 7"))
    expect(page.locator(FINAL_PREDICTION)).not_to_have_text("")
    page.get_by_role("tab", name="Train").click()
    bad = tmp_path / f"bad {hostile}.safetensors"
    bad.write_bytes(b"no model")
    page.locator('#train-tab [data-testid$="upload-button"]').set_input_files(bad)
    expect(page.get_by_text("is not a safetensors file")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
