from dataclasses import fields, replace
from itertools import product

import pytest
import torch

from mnist_demo.digit_query import (
    COMPARE,
    DIGITS,
    ORDER,
    PAGE_SIZE,
    SHOW,
    DigitQuery,
    count_by_filter,
    count_pages,
    find_rows,
    from_params,
    page_rows,
    to_params,
)
from mnist_demo.errors import InputError
from mnist_demo.evaluation import Evaluation


def make_evaluation(seed: int, count: int = 300) -> Evaluation:
    """Return predictions of which about half are correct and some have the same confidence."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (count,), generator=torch.Generator().manual_seed(0))
    logits = torch.randint(4, (count, 10), generator=generator).double()
    logits[torch.arange(count), labels] += 1.5
    probabilities = logits.softmax(dim=1).float()
    return Evaluation(probabilities, probabilities.argmax(dim=1), labels, 0.0)


ONE, OTHER = make_evaluation(1), make_evaluation(2)


def find_rows_slowly(query: DigitQuery, one: Evaluation, other: Evaluation) -> list[int]:
    """Do the same as `find_rows`, one digit at a time and without the random order."""
    rows = []
    for row, (label, prediction) in enumerate(zip(one.labels.tolist(), one.predictions.tolist(), strict=True)):
        correct, other_correct = prediction == label, int(other.predictions[row]) == label
        if (query.show == "right" and not correct) or (query.show == "wrong" and correct):
            continue
        if query.truth not in (None, label) or query.read not in (None, prediction):
            continue
        if query.compare == "only this one" and not (correct and not other_correct):
            continue
        if query.compare == "only the other" and not (not correct and other_correct):
            continue
        rows.append(row)
    confidences = [max(each) for each in one.probabilities.tolist()]
    if query.order == "unsure":
        rows.sort(key=lambda row: confidences[row])
    if query.order == "confident":
        corrects = one.correct.tolist()
        rows.sort(key=lambda row: (corrects[row], confidences[row] if corrects[row] else -confidences[row]))
    return rows


@pytest.mark.parametrize(("show", "compare", "order"), list(product(SHOW, COMPARE, ORDER[:3])))
def test_found_rows_match_a_plain_loop(show: str, compare: str, order: str):
    for truth, read in product((None, 0, 7), (None, 0, 4)):
        query = DigitQuery(show, truth, read, compare, order)
        assert find_rows(query, ONE, OTHER).tolist() == find_rows_slowly(query, ONE, OTHER)


def test_a_random_order_is_reproducible_and_contains_the_same_digits():
    rows = [find_rows(DigitQuery("wrong", order="random", seed=seed), ONE).tolist() for seed in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]
    assert sorted(rows[0]) == sorted(rows[2]) == find_rows(DigitQuery("wrong"), ONE).tolist() != rows[0]


def test_counts_match_the_rows_found_with_each_choice():
    query = DigitQuery("wrong", truth=3, compare="only the other")
    counts = count_by_filter(query, ONE, OTHER)
    assert set(counts) == {"show", "truth", "read", "compare"} and set(counts["truth"]) == {None, *DIGITS}
    for name, choices in counts.items():
        for choice, count in choices.items():
            assert count == len(find_rows(replace(query, **{name: choice}), ONE, OTHER))


def test_a_comparison_without_a_second_model_is_ignored():
    assert len(find_rows(DigitQuery(compare="only this one"), ONE)) == 300


def test_pages_contain_every_row_once_and_too_large_a_number_gives_the_last():
    rows = torch.arange(2 * PAGE_SIZE + 5)
    assert count_pages(rows) == 3
    assert torch.equal(torch.cat([page_rows(rows, page) for page in range(3)]), rows)
    assert torch.equal(page_rows(rows, 999_999), page_rows(rows, 2))
    assert count_pages(rows[:0]) == 1 and len(page_rows(rows[:0], 4)) == 0


def test_a_query_is_unchanged_after_conversion_to_url_parameters_and_back():
    assert to_params(DigitQuery()) == {}
    for query in (
        DigitQuery("wrong", 0, 9, "only the other", "random", 9_999, 12),
        DigitQuery(truth=0),
        DigitQuery(order="confident", page=1),
    ):
        assert from_params(to_params(query) | {"__theme": "dark"}) == query
    assert len(to_params(DigitQuery("wrong", 0, 9, "only this one", "random", 1, 1))) == len(fields(DigitQuery))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"show": "<b>"}, "show is '<b>'; choose from: 'all', 'right', 'wrong'."),
        ({"truth": "10"}, "truth is '10'; choose from: 0, 1"),
        ({"truth": "-1"}, "truth is '-1'; it must be a number."),
        ({"read": "٣"}, "it must be a number"),
        ({"order": "x" * 9_999}, "order is 'xxxx"),
        ({"seed": "1" * 5_000}, "it must be a number"),
        ({"seed": "10000"}, "seed is 10000; it must be from 0 to 9,999."),
        ({"page": "1.5"}, "page is '1.5'"),
        ({"compare": "both"}, "compare is 'both'"),
    ],
)
def test_an_invalid_url_parameter_raises_an_error(params: dict, message: str):
    with pytest.raises(InputError) as error:
        from_params(params)
    assert message in str(error.value) and len(str(error.value)) < 200
