import re

from playwright.sync_api import Page, expect

from tests.browser import choose


def test_browse_pages_through_right_and_wrong_digits(page: Page):
    page.get_by_role("tab", name="Browse").click()
    cells, label, status = page.locator(".wall li"), page.locator("#page-label"), page.locator("#browse-status")
    expect(cells).to_have_count(100)
    expect(label).to_have_text("Digits 1 to 100, page 1 of 10")
    expect(page.locator("#previous")).to_be_disabled()
    expect(status).to_contain_text("(practice digits)")
    first = page.locator(".wall").get_attribute("style")
    page.locator("#next").click()
    expect(label).to_have_text("Digits 101 to 200, page 2 of 10")
    assert page.locator(".wall").get_attribute("style") != first
    page.locator("#previous").click()
    expect(label).to_have_text("Digits 1 to 100, page 1 of 10")

    # The wall's marks agree with its captions, and its captions with the count.
    before = status.inner_text()
    choose(page, "browse-model", "softmax")
    expect(status).not_to_have_text(before)
    expect(page.locator(".wall .wrong").first).to_be_visible()
    for cell in page.locator(".wall li").all():
        read, truth = re.fullmatch(r"(\d) \((\d)\)", cell.inner_text().strip()).groups()  # type: ignore[union-attr]
        assert cell.get_attribute("class") == ("right" if read == truth else "wrong")
    green, red = (page.locator(f".wall .{kind} .caption").first for kind in ("right", "wrong"))
    color = "element => getComputedStyle(element).color.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(range(3), key=green.evaluate(color).__getitem__) == 1
    assert max(range(3), key=red.evaluate(color).__getitem__) == 0
