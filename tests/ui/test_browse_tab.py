import base64
import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mnist_demo import plots
from mnist_demo.classifier import DEFAULT_MODEL, Classifier
from mnist_demo.data import Dataset
from mnist_demo.data.pen_digits import PEN_DIGITS_FILE, PenDigit
from mnist_demo.ui import browse_tab
from mnist_demo.ui.browse_tab import BrowseTab
from mnist_demo.ui.services import Services, datasets
from mnist_demo.ui.services.datasets import Datasets, Loaded

CLIENT = "192.0.2.1"


@pytest.fixture
def tab(services: Services) -> BrowseTab:
    return BrowseTab(services)


@pytest.fixture
def pen_digits_file(tmp_path: Path) -> Path:
    """An empty file of pen digits."""
    file = tmp_path / PEN_DIGITS_FILE
    file.parent.mkdir()
    file.touch()
    return file


@pytest.fixture
def pen_tab(pen_digits_file: Path, synthetic: Dataset, tmp_path: Path) -> BrowseTab:
    """A tab whose data folder has a file of pen digits."""
    data = Datasets(tmp_path)
    data.loaded = Loaded(synthetic)
    return BrowseTab(Services(data))


def wait_for_response(function: Callable[[Any, str], dict[str, Any]], query: Any) -> dict[str, Any]:
    """Repeat a query until it is not "busy"."""
    for _ in range(2_000):
        if "busy" not in (response := function(query, CLIENT)):
            return response
        time.sleep(0.01)
    raise AssertionError(response)


def test_the_grid_has_digits_counts_and_accuracy(tab: BrowseTab, synthetic: Dataset):
    softmax = Classifier.load("softmax")
    predictions = [softmax.predict_mnist(image[0].numpy()).digit for image in synthetic.test.images]
    labels = synthetic.test.labels.tolist()
    incorrect = [row for row in range(200) if predictions[row] != labels[row]]
    assert incorrect

    grid = wait_for_response(tab.grid, {"model": "softmax", "show": "wrong", "page": "7"})
    assert grid["rows"] == incorrect and grid["predictions"] == [predictions[row] for row in incorrect]
    assert grid["labels"] == [labels[row] for row in incorrect]
    assert grid["counts"]["show"] == {"all": 200, "right": 200 - len(incorrect), "wrong": len(incorrect)}
    assert grid["counts"]["truth"][""] == len(incorrect) and grid["count"] == len(incorrect) and grid["pages"] == 1
    assert grid["query"] == {"show": "wrong"}  # there is no page 7
    assert grid["summary"] == f"softmax: {len(incorrect)} of 200 wrong" and grid["notice"] == ""
    assert grid["details"] == f"{100 - len(incorrect) / 2:.2f}% correct · synthetic digits, test set"
    assert grid["wrong"] == len(incorrect) and grid["comparison"] is None and grid["other_predictions"] is None
    assert grid["confusion"][labels[incorrect[0]]][predictions[incorrect[0]]] > 0
    assert sum(grid["confusion"][digit][digit] for digit in range(10)) == 200 - len(incorrect)


@pytest.mark.parametrize(
    ("query", "summary"),
    [
        ({}, "softmax: {wrong} of 200 wrong"),
        ({"show": "right"}, "softmax: {count} of 200 correct"),
        ({"truth": "4"}, "softmax: {count} 4s"),
        ({"truth": "4", "show": "wrong"}, "softmax: {count} of {fours} 4s wrong"),
        ({"truth": "4", "read": "4"}, "softmax: {count} 4s predicted as 4"),
        ({"truth": "4", "read": "6", "show": "right"}, "softmax: 0 4s correctly predicted as 6"),
        ({"read": "3", "show": "wrong"}, "softmax: {count} digits mistaken for 3"),
        ({"other": "sketch", "compare": "only the other"}, "Only sketch is correct: {count}"),
    ],
)
def test_the_summary_says_which_digits_are_shown(tab: BrowseTab, synthetic: Dataset, query: dict, summary: str):
    grid = wait_for_response(tab.grid, {"model": "softmax", **query})
    fours = int((synthetic.test.labels == 4).sum())
    expected = summary.format(count=f"{grid['count']:,}", wrong=grid["wrong"], fours=fours)
    assert grid["summary"] == (expected if grid["count"] != 1 else expected.replace("1 digits", "one digit"))


def test_a_comparison_counts_both_sides_and_names_the_other_prediction(tab: BrowseTab, synthetic: Dataset):
    grid = wait_for_response(tab.grid, {"model": "softmax", "other": "sketch", "show": "wrong"})
    sides = [wait_for_response(tab.grid, {"model": "softmax", "other": "sketch", "compare": side})["count"]
             for side in ("only this one", "only the other")]  # fmt: skip
    assert grid["comparison"] == sides and sides[1] > sides[0]
    sketch = Classifier.load("sketch")
    expected = [sketch.predict_mnist(synthetic.test.images[row, 0].numpy()).digit for row in grid["rows"]]
    assert grid["other_predictions"] == expected


def test_an_evaluation_reports_its_status_and_is_then_remembered(tab: BrowseTab, monkeypatch: pytest.MonkeyPatch):
    calls = []
    evaluate = browse_tab.evaluate

    def count(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return evaluate(*args, **options)

    monkeypatch.setattr(browse_tab, "evaluate", count)
    assert tab.grid({"model": "cnn"}, CLIENT)["busy"] == "cnn predicts 200 digits…"
    wait_for_response(tab.grid, {"model": "cnn"})
    assert "rows" in tab.grid({"model": "cnn", "order": "unsure"}, CLIENT) and calls == [1]


def test_queries_are_busy_while_the_dataset_loads(synthetic: Dataset, monkeypatch: pytest.MonkeyPatch):
    go_on = threading.Event()

    def load() -> Dataset:
        go_on.wait(30)
        return synthetic

    monkeypatch.setattr(datasets, "synthetic_dataset", load)
    tab = BrowseTab(Services(Datasets(None)))
    assert all(tab.grid({}, CLIENT)["busy"] for _ in range(5))
    go_on.set()
    assert wait_for_response(tab.grid, {})["count"] == 200


def test_a_digit_has_its_neighbors_and_the_predictions_of_all_models(tab: BrowseTab, synthetic: Dataset):
    query = {"model": "softmax", "show": "wrong", "order": "confident"}
    rows = wait_for_response(tab.grid, query)["rows"]
    digit = tab.digit(query | {"row": str(rows[1])}, CLIENT)
    assert (digit["row"], digit["previous"], digit["next"]) == (rows[1], rows[0], rows[2])
    assert base64.b64decode(digit["image"]) == synthetic.test.images[rows[1]].numpy().tobytes()
    assert [vote["model"] for vote in digit["models"]] == tab.models.shared_names()
    percentages = digit["percentages"]
    assert sum(percentages) == pytest.approx(100, abs=0.5)
    assert percentages.index(max(percentages)) == digit["prediction"] != digit["label"]
    assert digit["page"] == 0
    unlisted = next(row for row in range(200) if row not in rows)
    alone = tab.digit({"model": "softmax", "show": "wrong", "row": str(unlisted)}, CLIENT)
    assert (alone["previous"], alone["next"], alone["page"]) == (None, None, None)
    last = wait_for_response(tab.grid, {"page": "1"})["rows"][0]
    assert tab.digit({"row": str(last)}, CLIENT)["page"] == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"show": "<b>"}, "show is '<b>'; choose from"),
        ({"model": "a token/softmax, yours 1"}, "The model 'softmax, yours 1' is no longer available"),
        ({"other": "unknown"}, "The model 'unknown' is no longer available"),
        ({"set": "pen"}, "There is no set of digits 'pen'."),
        ({"set": "../../etc"}, "There is no set of digits '../../etc'."),
        ({"page": "-1"}, "page is '-1'; it must be a number."),
    ],
)
def test_a_bad_query_gets_a_notice_and_the_test_set(tab: BrowseTab, query: dict, message: str):
    grid = wait_for_response(tab.grid, query)
    assert message in grid["notice"]
    assert grid["notice"].endswith(" All digits of the test set are shown instead.")
    assert grid["count"] == 200 and grid["query"] == {} and DEFAULT_MODEL in grid["summary"]
    for function in (tab.digit, tab.grid_file, tab.table_file):  # these have no replacement
        assert message in wait_for_response(function, query | {"row": "5"})["error"]


@pytest.mark.parametrize("query", [None, [], "grid", 7, {"show": ["all"]}, {"model": {"a": 1}, "page": 2.5}, {7: "7"}])
def test_no_query_raises(tab: BrowseTab, query: Any):
    for function in (tab.grid, tab.digit, tab.table_file):
        response = wait_for_response(function, query)
        assert "error" in response or isinstance(query, dict)


def test_a_random_digit_matches_the_query(tab: BrowseTab):
    query = {"model": "softmax", "truth": "3"}
    rows = wait_for_response(tab.grid, query)["rows"]
    seen = {tab.digit(query | {"row": "random"}, CLIENT)["row"] for _ in range(30)}
    assert len(seen) > 3 and seen <= set(rows)
    assert "error" in tab.digit(query | {"row": "random", "show": "right", "read": "4"}, CLIENT)


@pytest.mark.parametrize("row", ["", "200", "-1", "1.0", "٣", "9" * 5_000, "x"])
def test_a_missing_row_gives_an_error(tab: BrowseTab, row: str):
    error = wait_for_response(tab.digit, {"row": row})["error"]
    assert error.startswith("There is no digit") and error.endswith("the set has digits 0 to 199.") and len(error) < 99


def test_pen_digits_are_a_set_if_their_file_exists(
    pen_tab: BrowseTab, few_pen_digits: list[PenDigit], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(datasets, "load_pen_digits", lambda folder: few_pen_digits)
    assert "pen" in pen_tab.sets()
    grid = wait_for_response(pen_tab.grid, {"set": "pen"})
    assert grid["count"] == len(few_pen_digits)
    assert grid["labels"][:5] == [each.digit for each in few_pen_digits[:5]]
    assert grid["details"].endswith(" correct · pen digits; trained on these")
    assert wait_for_response(pen_tab.grid, {"set": "pen", "model": "cnn"})["details"].endswith(" correct · pen digits")


def test_files_contain_the_whole_set_and_the_page_of_digits(tab: BrowseTab):
    table = wait_for_response(tab.table_file, {"model": "softmax", "show": "wrong"})
    lines = base64.b64decode(table["content"]).decode().splitlines()
    assert lines[0] == "index,truth,prediction,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9" and len(lines) == 201
    image = tab.grid_file({"model": "softmax", "truth": "3"}, CLIENT)
    assert base64.b64decode(image["content"])[:4] == b"\x89PNG" and image["name"].endswith(".png")
    empty = tab.grid_file({"model": "softmax", "show": "right", "truth": "3", "read": "4"}, CLIENT)
    assert empty == {"error": "There is no digit on this page to download."}


def test_a_picture_of_the_page_names_the_model_the_set_the_count_and_the_address(
    tab: BrowseTab, monkeypatch: pytest.MonkeyPatch
):
    drawn: dict[str, Any] = {}
    draw = plots.digit_grid
    monkeypatch.setattr(plots, "digit_grid", lambda *args, **options: drawn.update(options) or draw(*args, **options))
    address = "https://example.org/?tab=browse&truth=3&$x" + "y" * 300
    wait_for_response(tab.grid_file, {"model": "softmax", "truth": "3", "address": address})
    count = wait_for_response(tab.grid, {"model": "softmax", "truth": "3"})["count"]
    assert drawn["title"] == f"softmax: {count} 3s (synthetic digits, test set), 1 to {count} of {count}"
    assert drawn["source"] == address[:200]


def test_evaluations_are_dropped_with_their_model(tab: BrowseTab):
    session = tab.models.session("a page")
    key = f"{session.token}/mine"
    session.models[key] = Classifier("mine", tab.models.find("softmax").model)
    del session
    grid = wait_for_response(tab.grid, {"model": key})
    assert grid["summary"].startswith("mine: ") and key not in str(grid)
    assert len(tab.results._computations) == 1
    tab.models.end_session("a page")
    assert "is no longer available" in wait_for_response(tab.grid, {"model": key})["notice"]
    gc.collect()
    assert [classifier.name for classifier in tab.results._computations] == [DEFAULT_MODEL]


def test_the_error_for_a_damaged_file_of_pen_digits_hides_its_path(
    pen_tab: BrowseTab, pen_digits_file: Path, tmp_path: Path
):
    pen_digits_file.write_text("no digits")
    error = wait_for_response(pen_tab.grid, {"set": "pen"})["error"]
    assert "is damaged" in error and str(tmp_path) not in error
