"""The digits and their predictions are downloaded as files."""

import csv
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.browse_tab import SUMMARY, count_of_option, open_browser, pick


def test_the_digits_and_all_predictions_can_be_downloaded(page: Page, tmp_path: Path):
    open_browser(page)
    pick(page, "model", "softmax")
    pick(page, "show", "wrong")
    for button in ("grid-file", "table-file"):
        with page.expect_download() as download:
            page.locator(f"#digit-browser .{button}").click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    with Image.open(tmp_path / "softmax, synthetic digits, test set.png") as image:
        assert image.format == "PNG" and image.width == 1600
    with (tmp_path / "softmax, synthetic digits, test set.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1_000 and list(rows[3])[:4] == ["index", "truth", "prediction", "p0"]
    assert sum(row["truth"] != row["prediction"] for row in rows) == count_of_option(page, "show", "wrong")
    assert abs(sum(float(rows[5][f"p{digit}"]) for digit in range(10)) - 1) < 1e-4


def test_a_download_does_not_replace_a_pending_page_of_digits(page: Page):
    open_browser(page)
    page.locator("#digit-browser select[name=model]").select_option("mlp-500")
    with page.expect_download():
        page.locator("#digit-browser .table-file").click()
    expect(page.locator(SUMMARY)).to_contain_text("mlp-500:")
    expect(page.locator(SUMMARY)).to_contain_text("% correct")
    expect(page.locator("#digit-browser .loading")).to_have_count(0)
