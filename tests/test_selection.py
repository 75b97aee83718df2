from dataclasses import fields, replace
from itertools import product

import pytest
import torch

from mnist_demo.errors import InputError
from mnist_demo.evaluation import Evaluation
from mnist_demo.selection import (
    COMPARE,
    DIGITS,
    ORDER,
    PAGE,
    SHOW,
    Selection,
    count_choices,
    count_pages,
    from_query,
    page_of,
    select,
    to_query,
)


def make_evaluation(seed: int, count: int = 300) -> Evaluation:
    """Answers that are right about every second time, some equally sure."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (count,), generator=torch.Generator().manual_seed(0))
    logits = torch.randint(4, (count, 10), generator=generator).double()
    logits[torch.arange(count), labels] += 1.5
    probabilities = logits.softmax(dim=1).float()
    return Evaluation(probabilities, probabilities.argmax(dim=1), labels, 0.0)


ONE, OTHER = make_evaluation(1), make_evaluation(2)


def select_slowly(selection: Selection, one: Evaluation, other: Evaluation) -> list[int]:
    """The same as `select` but for the order at random, a digit at a time."""
    rows = []
    for row, (truth, read) in enumerate(zip(one.labels.tolist(), one.predictions.tolist(), strict=True)):
        others = int(other.predictions[row])
        if (selection.show == "right" and read != truth) or (selection.show == "wrong" and read == truth):
            continue
        if selection.truth not in (None, truth) or selection.read not in (None, read):
            continue
        if selection.compare == "only this one" and not (read == truth and others != truth):
            continue
        if selection.compare == "only the other" and not (read != truth and others == truth):
            continue
        rows.append(row)
    sure = [max(each) for each in one.probabilities.tolist()]
    if selection.order == "unsure":
        rows.sort(key=lambda row: sure[row])
    if selection.order == "confident":
        right = one.right.tolist()
        rows.sort(key=lambda row: (right[row], sure[row] if right[row] else -sure[row]))
    return rows


@pytest.mark.parametrize(("show", "compare", "order"), list(product(SHOW, COMPARE, ORDER[:3])))
def test_a_selection_is_that_of_a_plain_loop(show: str, compare: str, order: str):
    for truth, read in product((None, 0, 7), (None, 0, 4)):
        selection = Selection(show, truth, read, compare, order)
        assert select(selection, ONE, OTHER).tolist() == select_slowly(selection, ONE, OTHER)


def test_a_random_order_is_of_the_same_digits_and_its_seed_repeats_it():
    rows = [select(Selection("wrong", order="random", seed=seed), ONE).tolist() for seed in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]
    assert sorted(rows[0]) == sorted(rows[2]) == select(Selection("wrong"), ONE).tolist() != rows[0]


def test_counts_are_what_each_choice_would_show():
    selection = Selection("wrong", truth=3, compare="only the other")
    counts = count_choices(selection, ONE, OTHER)
    assert set(counts) == {"show", "truth", "read", "compare"} and set(counts["truth"]) == {None, *DIGITS}
    for name, choices in counts.items():
        for choice, count in choices.items():
            assert count == len(select(replace(selection, **{name: choice}), ONE, OTHER))


def test_without_a_second_model_a_comparison_shows_everything():
    assert len(select(Selection(compare="only this one"), ONE)) == 300


def test_pages_hold_every_row_once_and_one_too_far_is_the_last():
    rows = torch.arange(2 * PAGE + 5)
    assert count_pages(rows) == 3
    assert torch.equal(torch.cat([page_of(rows, page) for page in range(3)]), rows)
    assert torch.equal(page_of(rows, 999_999), page_of(rows, 2))
    assert count_pages(rows[:0]) == 1 and len(page_of(rows[:0], 4)) == 0


def test_an_address_tells_the_same_selection_in_few_words():
    assert to_query(Selection()) == {}
    for selection in (
        Selection("wrong", 0, 9, "only the other", "random", 9_999, 12),
        Selection(truth=0),
        Selection(order="confident", page=1),
    ):
        assert from_query(to_query(selection) | {"__theme": "dark"}) == selection
    assert len(to_query(Selection("wrong", 0, 9, "only this one", "random", 1, 1))) == len(fields(Selection))


@pytest.mark.parametrize(
    ("query", "message"),
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
def test_a_tampered_address_is_told(query: dict, message: str):
    with pytest.raises(InputError) as error:
        from_query(query)
    assert message in str(error.value) and len(str(error.value)) < 200
