"""The confusion matrix counts errors, selects digits, and is readable."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browse_tab import (
    CELLS,
    RANGE,
    SUMMARY,
    click,
    count_of_option,
    get_cells,
    open_browser,
    open_link,
    pick,
    wait_for_digits,
)
from tests.e2e.conftest import Visit, slow


def test_a_cell_of_the_confusion_matrix_shows_its_digits(page: Page):
    open_browser(page)
    pick(page, "model", "softmax")
    count, label, prediction = find_errors(page)[0]
    cell = f".confusion button[aria-label^='{count} {label}s predicted as {prediction},']"
    click(page, cell)
    expect(page.locator(CELLS)).to_have_count(int(count))
    assert {each[:2] for each in get_cells(page)} == {(prediction, label)}
    assert count_of_option(page, "read", prediction) == int(count)
    expect(page).to_have_url(re.compile(f"truth={label}&read={prediction}"))
    expect(page.locator(".confusion [aria-pressed=true]")).to_have_count(1)
    number = f"{count} {label}s" if count != "1" else f"one {label}"
    expect(page.locator(SUMMARY)).to_contain_text(f"softmax: {number} predicted as {prediction}")
    click(page, cell)  # releases it
    expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
    expect(page.locator(".confusion [aria-pressed=true]")).to_have_count(0)


def find_errors(page: Page) -> list[tuple[str, str, str]]:
    """Return the count, correct digit and prediction of each cell of the confusion matrix that counts errors."""
    cells = page.locator("#digit-browser .confusion .incorrect:not([hidden])")
    names = cells.evaluate_all("all => all.map((cell) => cell.ariaLabel)")
    pattern = r"(\d+) (\d)s predicted as (\d), \d+\.\d%"
    return [re.fullmatch(pattern, name).groups() for name in names]  # type: ignore[union-attr, misc]


@slow
def test_the_matrix_has_headings_totals_and_a_button_that_shows_all(visit: Visit):
    page = open_link(visit, "model=softmax")
    errors = find_errors(page)
    wrong = sum(int(count) for count, *_ in errors)
    expect(page.locator(".confusion tr:last-child .errors")).to_have_text(str(wrong))
    for column, word in ((1, "correct digit"), (2, "prediction")):
        digit = errors[0][column]
        count = sum(int(error[0]) for error in errors if error[column] == digit)
        row = int(digit) + 2
        total = (
            f".confusion tr:nth-child({row}) .errors"
            if column == 1
            else f".confusion tr:last-child td:nth-child({row})"
        )
        expect(page.locator(total)).to_have_text(str(count))
        heading = f"tr:nth-child({row}) > th button" if column == 1 else f"tr:first-child > th:nth-child({row}) button"
        click(page, f".confusion {heading}")
        expect(page.locator(CELLS)).to_have_count(count)
        assert all(name.endswith(f"{word} {digit}") or f"{word} {digit}," in name for *_, name in get_cells(page))
        expect(page.locator(".confusion [aria-pressed=true]")).to_have_text(digit)
        click(page, ".show-all")
        expect(page.locator(RANGE)).to_have_text("1 to 100 of 1,000")
        expect(page.locator(".show-all")).to_be_hidden()


@slow
def test_keys_move_in_the_matrix_and_on_the_wall_and_tab_stops_are_few(visit: Visit):
    page = open_link(visit, "model=softmax&order=unsure")
    cell = page.locator(".confusion .incorrect:not([hidden])").first
    cell.focus()
    name = cell.get_attribute("aria-label")
    page.keyboard.press("Enter")
    wait_for_digits(page)
    expect(page.locator(SUMMARY)).to_contain_text("predicted as")
    assert page.evaluate("document.activeElement.ariaLabel") == name  # the focus stays
    page.keyboard.press("Enter")
    wait_for_digits(page)
    page.locator(".confusion th button:not([hidden])").first.focus()
    for key, text in (("ArrowRight", "1"), ("ArrowRight", "2"), ("ArrowLeft", "1")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.innerText") == text
    page.keyboard.press("ArrowDown")  # to the first count below
    assert re.search(r" predicted as 1, ", page.evaluate("document.activeElement.ariaLabel"))
    page.locator(CELLS).first.focus()
    place = f"Array.from(document.querySelectorAll('{CELLS}')).indexOf(document.activeElement)"
    for key, index in (("ArrowRight", 1), ("ArrowDown", 11), ("ArrowLeft", 10), ("ArrowUp", 0), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.evaluate(place) == index
    stops = page.evaluate("""() => Array.from(document.querySelectorAll('#digit-browser *')).filter((node) =>
      node.tabIndex >= 0 && !node.disabled && node.checkVisibility({ visibilityProperty: true })).length""")
    assert 10 < stops <= 25


# Contrast of the text of each cell; the background is the nearest one that is not transparent.
MEASURE_CELLS = """() => {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return Array.from(context.getImageData(0, 0, 1, 1).data);
  };
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((c) => (c <= 10 ? c / 3294 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = '.confusion button:not([hidden]), .confusion td.errors, .confusion tr:last-child td';
  const cells = document.querySelectorAll(texts);
  return Array.from(cells, (cell) => {
    let node = cell;
    while (rgb(getComputedStyle(node).backgroundColor)[3] < 255) node = node.parentElement;
    const text = luminance(rgb(getComputedStyle(cell).color));
    const ground = luminance(rgb(getComputedStyle(node).backgroundColor));
    return [cell.className, (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05), ground];
  });
}"""


@slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_matrix_is_readable_and_only_errors_are_tinted(visit: Visit, theme: str):
    page = open_link(visit, f"model=softmax&__theme={theme}")
    cells = page.evaluate(MEASURE_CELLS)
    assert len(cells) > 60 and min(contrast for _, contrast, _ in cells) >= 4.5
    correct, incorrect = (
        {round(ground, 3) for name, _, ground in cells if name == kind} for kind in ("correct", "incorrect")
    )
    # Without color, errors differ from the plain diagonal.
    assert len(correct) == 1 and len(incorrect) > 3 and not correct & incorrect
