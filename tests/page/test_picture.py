import re
from pathlib import Path

from playwright.sync_api import Page, expect

from mnist_demo.checkpoints import list_checkpoints
from tests.browser import choose
from tests.conftest import draw


def test_a_picture_is_read_with_the_ink_that_was_found(page: Page, tmp_path: Path):
    photo, text = tmp_path / "photo.jpg", tmp_path / "text.png"
    draw("curly 2", side=900).save(photo)
    text.write_text("no picture")
    page.get_by_role("button", name="A picture instead").click()
    remark, digit = page.locator("#picture-answer .remark"), page.locator("#picture-answer .digit")
    expect(remark).to_have_text("No picture yet")
    page.locator("#picture input[type=file]").set_input_files(photo)
    expect(digit).to_have_text("2")
    expect(remark).to_have_text(re.compile(r"^\d+\.\d %$"))
    found = page.locator("#picture-answer .found img")
    expect(found).to_be_visible()
    assert found.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [400, 400]
    page.locator("#picture-answer summary").click()
    expect(page.locator("#picture-answer .models li")).to_have_count(len(list_checkpoints()))

    sure = remark.inner_text()
    choose(page, "draw-model", "softmax")
    expect(remark).not_to_have_text(sure)

    page.get_by_role("button", name="Remove Image").click()
    expect(remark).to_have_text("No picture yet")
    expect(found).to_be_hidden()
    page.locator("#picture input[type=file]").set_input_files(text)
    expect(page.get_by_text("What was sent is no picture that can be read")).to_be_visible()
