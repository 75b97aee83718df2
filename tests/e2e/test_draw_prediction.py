"""A drawing gets its prediction, with probabilities and the votes of all models."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.data.non_digits import SYMBOLS
from mnist_demo.data.synthetic import DESIGNS, RARE_DESIGNS, design_strokes, smooth_curve
from mnist_demo.preprocess.strokes import Strokes
from tests.browser import FINAL_PREDICTION, choose, draw_with_mouse, draw_with_touch, expect_prediction, find_pad
from tests.e2e.conftest import keeps_page, slow
from tests.e2e.draw_tab import PERCENTAGE, SEVEN, clear

DIGITS = [[name for name, (digit, _) in DESIGNS.items() if digit == each] for each in range(10)]
DESIGN_DIGITS = {name: str(digit) for name, (digit, _) in {**DESIGNS, **RARE_DESIGNS}.items()}


@pytest.mark.parametrize("digit", [1, *(pytest.param(digit, marks=slow) for digit in (0, *range(2, 10)))])
@keeps_page
def test_each_design_is_predicted_when_drawn_with_the_mouse(page: Page, digit: int):
    for name in DIGITS[digit]:
        draw_with_mouse(page, design_strokes(name))
        expect_prediction(page, str(digit))
        expect(page.locator("#prediction .best .percentage")).to_have_text(re.compile(r"^\d+\.\d%$"))
        clear(page)


@slow
def test_each_design_is_predicted_when_drawn_with_a_finger(phone: Page):
    for name, (digit, _) in list(DESIGNS.items())[::3]:  # in one page: opening it takes as long as drawing three
        draw_with_touch(phone, design_strokes(name))
        expect_prediction(phone, str(digit))
        clear(phone)
    assert phone.evaluate("scrollY") == 0  # the finger has drawn, and not scrolled


HEART = [smooth_curve(stroke) for stroke in SYMBOLS["heart"]]
TEN = [[(15, 10), (15, 90)], [(x / 2 + 45, y * 0.9) for x, y in design_strokes("round 0")[0]]]


@pytest.mark.parametrize(
    ("strokes", "label", "note"), [(HEART, r"^\d$", "Not a digit?"), (TEN, r"^\?$", "I see more than one digit")]
)
@keeps_page
def test_a_drawing_that_is_not_one_digit_is_rejected(page: Page, strokes: Strokes, label: str, note: str):
    draw_with_mouse(page, strokes)
    expect(page.locator(FINAL_PREDICTION)).to_have_text(note)
    expect(page.locator("#prediction .note")).to_have_text(note)
    expect(page.locator("#prediction .digit")).to_have_text(
        re.compile(label)
    )  # the best guess, but none of several digits
    expect(page.locator("#prediction .prediction-panel")).to_have_class(re.compile("not-a-digit"))


@keeps_page
def test_the_prediction_follows_the_pen(page: Page):
    box = find_pad(page)
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 60, steps=10)
    expect(page.locator("#prediction .digit")).to_have_text(re.compile(r"\d"))
    expect(page.locator("#prediction .note")).to_have_text("")  # no verdict on a dash
    page.mouse.move(box["x"] + 180, box["y"] + 300, steps=20)
    expect(page.locator("#prediction .digit")).to_have_text("7")
    assert page.locator(FINAL_PREDICTION).inner_text() == ""  # only when the pen is up
    page.mouse.up()
    expect_prediction(page, "7")


@keeps_page
def test_the_input_of_the_model_is_shown(page: Page):
    ink = "() => { const c = document.querySelector('#prediction canvas'); return [...c.getContext('2d')"
    ink += ".getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 3).reduce((a, b) => a + b, 0) / 255; }"
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    assert 50 < page.evaluate(ink) < 150
    clear(page)
    assert page.evaluate(ink) == 0


@pytest.mark.parametrize("reduced", [False, pytest.param(True, marks=slow)])
def test_an_example_is_replayed_and_predicted(page: Page, reduced: bool):
    page.emulate_media(reduced_motion="reduce" if reduced else "no-preference")
    count = "() => document.querySelectorAll('#prediction .best').length"
    assert page.evaluate(count) == 0
    started = time.monotonic()
    page.get_by_role("button", name="crossed 7").click()
    expect_prediction(page, "7")
    assert reduced or time.monotonic() - started > 1
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_enabled()
    draw_with_mouse(page, design_strokes("round 0"))  # together with the example it is not a digit
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Not a digit?")
    undo.click()
    expect_prediction(page, "7")
    undo.click()
    undo.click()
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Draw a digit")


@keeps_page
def test_the_votes_of_all_models_are_counted_and_listed(page: Page):
    draw_with_mouse(page, HEART)
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Not a digit?")
    page.get_by_role("button", name="Ask all 11 models").click()
    expect(page.locator("#prediction .votes .caption")).to_contain_text("not a digit")
    chips = page.locator("#prediction .chips li")
    expect(chips).to_have_count(len(list_checkpoints()))
    expect(chips.first).to_have_class(re.compile("selected"))
    expect(page.locator("#prediction .chips .differs").first).to_be_visible()
    page.get_by_role("tab", name="All models").click()
    lines = page.locator("#explanation .models li")
    expect(lines).to_have_count(len(list_checkpoints()))
    expect(lines.first).to_have_text(re.compile(r"^sketch\d"))
    expect(page.locator("#explanation .models .differs").first).to_be_visible()
    clear(page)
    expect(page.locator("#prediction .chips .differs")).to_have_count(0)
    expect(lines).to_have_count(0)
    draw_with_mouse(page, SEVEN)
    expect(lines).to_have_count(len(list_checkpoints()))


@keeps_page
def test_eleven_bars_sum_to_100(page: Page):
    draw_with_mouse(page, HEART)
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Not a digit?")
    texts = page.locator("#prediction .bars .percentage").all_inner_texts()
    assert len(texts) == 11 and round(sum(float(text.strip("%")) for text in texts), 1) == 100.0
    expect(page.locator("#prediction .best .name")).to_have_text("not a digit")


RECORD_NOTES = """() => {
  window.notes = { moving: [], settled: [], judged: [] };
  let since = 0;
  addEventListener('pointerup', () => (since = performance.now()), true);
  document.addEventListener('prediction', ({ detail }) => {
    const note = document.querySelector('#prediction .note').textContent;
    if (!detail.settled) return notes.moving.push(note);
    if (!detail.judged) return notes.settled.push(note);
    notes.judged.push([note, performance.now() - since]);
  });
}"""


@pytest.mark.parametrize(
    "names",
    [
        ("crossed 7", "open 4"),
        pytest.param(("1 with a long upstroke", "curly 2", "curly 9", "0 crossed by a long slash"), marks=slow),
    ],
    ids=" ".join,
)
@keeps_page
def test_no_verdict_is_given_before_the_pen_has_rested(page: Page, names: tuple[str, ...]):
    page.evaluate(RECORD_NOTES)
    for name in names:
        page.get_by_role("button", name=name).click()
        expect_prediction(page, DESIGN_DIGITS[name])
    page.get_by_role("button", name="Clear").click()
    draw_with_mouse(page, HEART)
    expect(page.locator(FINAL_PREDICTION)).to_have_text("Not a digit?")
    notes = page.evaluate("notes")
    assert len(notes["moving"]) > 10
    guesses = notes["moving"] + notes["settled"]
    assert all(PERCENTAGE.match(note) for note in guesses if note) and any(guesses)
    note, rest = notes["judged"][-1]
    assert note == "Not a digit?" and rest >= 299


@keeps_page
def test_each_model_is_described_in_the_list(page: Page):
    choose(page, "draw-model", "softmax")
    expect(page.locator("#draw-model input")).to_have_value(re.compile(r"^softmax · no hidden layer · 92\.\d%$"))


@keeps_page
def test_a_late_listener_gets_the_prediction(page: Page):
    draw_with_mouse(page, SEVEN)
    expect_prediction(page, "7")
    received = page.evaluate("""() => {
      let received = [];
      document.addEventListener('prediction', ({ detail }) => received.push([detail.label, detail.settled]));
      document.dispatchEvent(new Event('listening'));
      return received;
    }""")
    assert received == [["7", True]]
