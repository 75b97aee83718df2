import copy
import itertools
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mnist_demo.checkpoints import load_checkpoint, save_checkpoint
from mnist_demo.data import Data
from mnist_demo.errors import InputError
from mnist_demo.evaluation import evaluate
from mnist_demo.my_digits import MyDigit, make_folds
from mnist_demo.nondigits import scribble
from mnist_demo.practice import practice_paths, warp
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.teaching import Lesson, Teaching, for_recipe, record_taught, teach
from mnist_demo.training import train
from tests.conftest import record_of

QUICK = Teaching(steps=40, copies=4, pool=300, nondigits=40, rounds=4)
HOOK = MyDigit.check([[(20, 5), (20, 60), (85, 60)]], 6)  # somebody's 6


@pytest.fixture(scope="module")
def model(practice: Data) -> nn.Sequential:
    """A network that reads practice digits."""
    recipe = Recipe("test", network="784-128-10 ReLU, dropout", batch_size=50, epochs=8)
    model = recipe.build()
    for _ in train(model, practice, recipe):
        pass
    return model


def hooks(count: int) -> list[MyDigit]:
    """So many sixes of somebody who writes them as hooks."""
    rng = np.random.default_rng(0)
    return [MyDigit.check(warp([np.array(HOOK.strokes[0])], rng, 0.6), 6) for _ in range(count)]


def teach_copy(
    model: nn.Sequential, digits: list[MyDigit], data: Data, settings: Teaching = QUICK, seed: int = 0
) -> tuple[nn.Sequential, list[Lesson]]:
    taught = copy.deepcopy(model)
    return taught, list(teach(taught, digits, data, settings, seed=seed))


def weights(model: nn.Module) -> list[torch.Tensor]:
    return list(model.state_dict().values())


def test_a_hand_is_learned_from_a_few_and_read_where_it_was_not_seen(model: nn.Sequential, practice: Data):
    taught, lessons = teach_copy(model, hooks(8), practice)
    before, *_, after = (lesson.reading for lesson in lessons if lesson.reading)
    assert before.learned == before.unseen and before.learned.count(6) < 4
    assert after.learned == [6] * 8 and after.unseen.count(6) >= 6
    assert after.test_accuracy >= before.test_accuracy - 0.02
    assert after.test_accuracy == pytest.approx(evaluate(taught, practice.test).accuracy)


def test_lessons_count_steps_and_seconds_and_measure_before_and_after_each_round(model: nn.Sequential, practice: Data):
    lessons = teach_copy(model, hooks(3), practice)[1]
    steps = [lesson.step for lesson in lessons]
    assert steps == sorted(steps) and steps[-40:] == list(range(1, 41)) and {one.steps for one in lessons} == {40}
    assert [lesson.step for lesson in lessons if lesson.reading] == [0, 10, 20, 30, 40]
    assert all((lesson.loss is None) == (lesson.step == 0) for lesson in lessons)
    assert all(one.seconds < other.seconds for one, other in itertools.pairwise(lessons))


def test_the_last_layer_learns_and_the_others_stay(model: nn.Sequential, practice: Data):
    taught, _ = teach_copy(model, hooks(3), practice)
    changed = [not torch.equal(a, b) for a, b in zip(weights(model), weights(taught), strict=True)]
    assert changed == [False, False, True, True]


def test_the_same_seed_gives_the_same_weights_bit_for_bit(model: nn.Sequential, practice: Data):
    one, same, other = (weights(teach_copy(model, hooks(3), practice, seed=seed)[0])[-2] for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_a_drawing_has_no_part_in_what_is_said_of_it_unseen(model: nn.Sequential, practice: Data):
    digits = hooks(6)
    mislabelled = [*digits[:-1], replace(digits[-1], label=2)]
    right, wrong = (teach_copy(model, each, practice)[1] for each in (digits, mislabelled))
    assert right[-1].reading and wrong[-1].reading and right[-1].loss != wrong[-1].loss
    assert right[-1].reading.unseen[-1] == wrong[-1].reading.unseen[-1] == 6


def test_copies_of_a_drawing_are_left_out_together():
    digits = [HOOK, *hooks(3), HOOK]
    folds = make_folds(digits).tolist()
    assert folds[0] == folds[-1] and len(set(folds)) == 4


def test_of_many_drawings_a_tenth_is_left_out_at_a_time_with_equal_shares_of_each_label():
    rng = np.random.default_rng(0)
    folds = make_folds([MyDigit.check(practice_paths(i % 4, rng), i % 4) for i in range(1)] + hooks(39))
    assert folds.bincount().tolist() == [4] * 10


def test_closing_keeps_what_was_learned(model: nn.Sequential, practice: Data):
    taught = copy.deepcopy(model)
    lessons = teach(taught, hooks(3), practice, QUICK)
    next(lesson for lesson in lessons if lesson.step == 7)
    lessons.close()
    assert not taught.training and not torch.equal(weights(taught)[-1], weights(model)[-1])


def test_stopped_it_measures_what_it_has_learned(model: nn.Sequential, practice: Data):
    taught, stop = copy.deepcopy(model), threading.Event()
    lessons = teach(taught, hooks(3), practice, QUICK, stop=stop)
    next(lesson for lesson in lessons if lesson.step == 7)
    stop.set()
    (last,) = lessons
    assert last.step == 8 and last.reading
    assert last.reading.test_accuracy == pytest.approx(evaluate(taught, practice.test).accuracy)


def test_stopped_while_it_looks_at_digits_it_ends_with_the_model_as_it_was(model: nn.Sequential, practice: Data):
    taught, stop = copy.deepcopy(model), threading.Event()
    lessons = teach(taught, hooks(3), practice, QUICK, stop=stop)
    assert next(lessons).step == 0
    stop.set()
    assert list(lessons) == [] and all(map(torch.equal, weights(taught), weights(model)))


def test_a_taught_network_is_a_checkpoint_like_any(practice: Data, recipe: Recipe, tmp_path: Path):
    taught, lessons = teach_copy(recipe.build(), hooks(3), practice)
    record = record_taught(record_of(recipe), practice, 3, lessons[-1])
    save_checkpoint(tmp_path / "taught.safetensors", taught, record)
    again, known = load_checkpoint(tmp_path / "taught.safetensors")
    assert known == record and all(map(torch.equal, weights(again), weights(taught)))
    assert record.data_source == "practice digits and 3 of your digits" and record.steps == 12 + 40
    tested = evaluate(again, practice.test)
    assert record.test_accuracy == tested.accuracy and record.per_class_accuracy == tested.per_class_accuracy


def test_no_piece_of_work_looks_at_more_than_fifty_digits(model: nn.Sequential, practice: Data):
    lessons = teach_copy(model, hooks(30), practice)[1]
    looked_at = len(practice.test) + QUICK.pool + 30 * (1 + QUICK.copies)
    assert sum(lesson.step == 0 for lesson in lessons) >= looked_at / 50


def test_networks_that_know_no_digit_still_do(practice: Data):
    recipe = Recipe("test", network="conv3 16-32-64-64-128-128, linear", batch_size=50, epochs=1)
    taught, lessons = teach_copy(recipe.build(), hooks(3), practice)
    assert taught[-1].out_features == 12 and lessons[-1].reading


def test_one_drawing_is_learned_but_not_by_who_never_saw_it(model: nn.Sequential, practice: Data):
    _, lessons = teach_copy(model, [HOOK], practice)
    before, *_, after = (lesson.reading for lesson in lessons if lesson.reading)
    assert after.learned == [6] and after.unseen == before.unseen == [4]


def test_one_label_alone_does_not_become_the_answer_to_all(model: nn.Sequential, practice: Data):
    taught, _ = teach_copy(model, hooks(8), practice)
    before, after = (evaluate(each, practice.test) for each in (model, taught))
    assert (after.predictions == 6).sum() <= (before.predictions == 6).sum() + 6


def test_scribbles_that_are_labelled_as_digits_do_little_harm(model: nn.Sequential, practice: Data):
    rng = np.random.default_rng(0)
    digits = [MyDigit.check(scribble(rng), digit) for digit in range(10)]
    _, lessons = teach_copy(model, digits, practice)
    before, *_, after = (lesson.reading.test_accuracy for lesson in lessons if lesson.reading)
    assert after > before - 0.05


def test_a_network_that_knows_many_hands_is_taught_gently_and_stays_as_sure():
    sketch, cnn = for_recipe(RECIPES["sketch"]), for_recipe(RECIPES["cnn"])
    assert sketch.lr < cnn.lr and (sketch.label_smoothing, cnn.label_smoothing) == (0.05, 0)


def test_one_drawing_with_two_labels_is_named(model: nn.Sequential, practice: Data):
    digits = [*hooks(2), replace(hooks(1)[0], label=4)]
    with pytest.raises(InputError, match=r"Digits 1 and 3 are the same drawing, labelled 6 and 4\. Correct one"):
        next(teach(model, digits, practice))


@pytest.mark.parametrize("count", [0, 301])
def test_too_few_and_too_many_digits_are_named(model: nn.Sequential, practice: Data, count: int):
    with pytest.raises(InputError, match=f"There must be from 1 to 300 digits; got {count}"):
        next(teach(model, [HOOK] * count, practice))
