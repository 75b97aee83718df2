import re
from pathlib import Path

from playwright.sync_api import Page, expect

from mnist_demo.checkpoints import list_checkpoints
from tests.browser import choose
from tests.conftest import draw_photo


def test_a_photo_is_predicted_and_its_ink_is_shown(page: Page, tmp_path: Path):
    photo, text = tmp_path / "photo.jpg", tmp_path / "text.png"
    draw_photo("curly 2", side=900).save(photo)
    text.write_text("not an image")
    page.get_by_role("button", name="Use a photo").click()
    note, digit = page.locator("#photo-prediction .note"), page.locator("#photo-prediction .digit")
    expect(page.locator("#photo")).to_be_in_viewport()
    expect(page.locator("#photo-prediction .prediction-panel")).to_be_hidden()  # no empty panel
    page.locator("#photo input[type=file]").set_input_files(photo)
    expect(digit).to_have_text("2")
    expect(note).to_have_text(re.compile(r"^\d+\.\d%$"))
    found = page.locator("#photo-prediction .found img")
    expect(found).to_be_visible()
    assert found.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [400, 400]
    expect(page.locator("#photo-prediction").get_by_text("Ink found in the photo")).to_be_visible()
    expect(page.locator("#photo-prediction .chips li")).to_have_count(len(list_checkpoints()))

    confidence = note.inner_text()
    choose(page, "draw-model", "softmax")
    expect(note).not_to_have_text(confidence)

    page.get_by_role("button", name="Remove Image").click()
    expect(found).to_be_hidden()
    page.locator("#photo input[type=file]").set_input_files(text)
    expect(page.get_by_text("The file is not a valid image.")).to_be_visible()
    page.get_by_role("button", name="Draw instead").click()
    expect(page.locator("#pad canvas")).to_be_visible()


def test_a_photo_is_read_by_its_content_whatever_its_name(page: Page, tmp_path: Path):
    photo, other = tmp_path / "photo.txt", tmp_path / "scan.pdf"
    draw_photo("curly 2").save(photo, "PNG")
    draw_photo("curly 2").save(other, "PDF")
    page.get_by_role("button", name="Use a photo").click()
    page.locator("#photo input[type=file]").set_input_files(photo)
    expect(page.locator("#photo-prediction .digit")).to_have_text("2")
    page.get_by_role("button", name="Remove Image").click()
    page.locator("#photo input[type=file]").set_input_files(other)
    expect(page.get_by_text("The file is a PDF; save it as PNG or JPEG.")).to_be_visible()
    page.get_by_role("button", name="Remove Image").click()
    expect(page.locator("#photo-prediction .digit")).to_be_hidden()
    drop(page, photo.name, photo.read_bytes())
    expect(page.locator("#photo-prediction .digit")).to_have_text("2")


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the photo's field. The browser takes its type from the name, as for files from a folder."""
    script = """(area, [name, content]) => {
      const files = new DataTransfer();
      files.items.add(new File([new Uint8Array(content)], name, { type: 'text/plain' }));
      const event = (kind) => new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files });
      for (const kind of ['dragenter', 'dragover', 'drop']) area.dispatchEvent(event(kind));
    }"""
    page.locator("#photo input[type=file]").locator("xpath=..").evaluate(script, [name, list(content)])
