"""How the page words predictions and votes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from mnist_demo.ui.components.base import SHARED

SEVEN = {"digit": 7, "probabilities": np.eye(10)[7].tolist(), "digit_probability": 1.0, "is_digit": True}
TWO = SEVEN | {"digit": 2, "probabilities": np.eye(10)[2].tolist()}


@pytest.fixture
def texts(browser: Browser) -> Iterator[Page]:
    """Return an empty page with the functions of prediction.js."""
    page = browser.new_page()
    page.add_script_tag(content=Path(SHARED, "prediction.js").read_text(encoding="utf-8"))
    yield page
    page.close()


def describe(page: Page, **changes: Any) -> dict[str, Any]:
    prediction = SEVEN | {"is_multiple": False} | changes
    return page.evaluate("(prediction) => describePrediction(prediction)", prediction)


def test_a_prediction_has_its_label_note_and_percentages(texts: Page):
    probabilities = [0.02, 0.0, 0.0, 0.915, 0.0, 0.065, 0.0, 0.0, 0.0, 0.0]
    described = describe(texts, digit=3, probabilities=probabilities)
    assert (described["label"], described["note"]) == ("3", "91.5%")
    assert described["percentages"] == [2.0, 0.0, 0.0, 91.5, 0.0, 6.5, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_a_blank_drawing_has_no_prediction(texts: Page):
    assert describe(texts, digit=None) == {"label": "?", "note": "", "percentages": []}


@pytest.mark.parametrize(
    ("is_multiple", "label", "note"), [(False, "3", "Not a digit?"), (True, "?", "I see more than one digit")]
)
def test_a_non_digit_has_a_note_and_its_best_guess(texts: Page, is_multiple: bool, label: str, note: str):
    changes = {"digit": 3, "probabilities": [0.1, 0.0, 0.0, 0.9, *[0.0] * 6], "digit_probability": 0.2}
    described = describe(texts, **changes, is_digit=False, is_multiple=is_multiple)
    assert (described["label"], described["note"]) == (label, note)
    assert (described["percentages"][3], described["percentages"][10]) == (18.0, 80.0)  # scaled by its score


def test_the_eleven_percentages_sum_to_100(texts: Page):
    rng = np.random.default_rng(0)
    for _ in range(200):
        probabilities = rng.dirichlet([0.1] * 10).tolist()
        percentages = describe(texts, probabilities=probabilities, digit_probability=float(rng.uniform()))[
            "percentages"
        ]
        assert len(percentages) == 11 and round(sum(percentages), 6) == 100 and min(percentages) >= 0


def test_votes_are_counted(texts: Page):
    blot = SEVEN | {"is_digit": False, "digit_probability": 0.1}
    models = [{"model": name, "prediction": vote} for name, vote in zip("abcd", (SEVEN, SEVEN, TWO, blot), strict=True)]
    summary = texts.evaluate("(models) => summarizeVotes(models)", models)
    assert summary == "2 models say 7, 1 says 2, 1 says not a digit"
