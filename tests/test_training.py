import dataclasses
import itertools
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from mnist_demo.augment import Affine
from mnist_demo.data import Data, Digits
from mnist_demo.errors import InputError
from mnist_demo.evaluation import evaluate
from mnist_demo.hardware import threads
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.training import Progress, estimate_seconds, train, with_copy

DROPOUT = Recipe("dropout", network="784-128-10 ReLU, dropout", batch_size=50, epochs=2, copies=(Affine(degrees=20),))


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def train_to_the_end(data: Data, recipe: Recipe, seed: int = 0) -> tuple[torch.nn.Module, list[Progress]]:
    model = recipe.build(seed)
    return model, list(train(model, data, recipe, seed=seed))


def test_64_images_are_learned_by_heart(practice: Data):
    few = Data("few", practice.train[:64], practice.train[:64], "")
    model, _ = train_to_the_end(few, Recipe("test", network="784-512-10 ReLU", batch_size=16, epochs=20))
    assert evaluate(model, few.train).accuracy == 1.0


def test_progress_counts_steps_epochs_and_seconds(practice: Data, recipe: Recipe):
    _, steps = train_to_the_end(practice, recipe)
    assert [(p.step, p.steps) for p in steps] == [(i, 24) for i in range(1, 25)]
    assert [p.epoch for p in steps] == [1] * 12 + [2] * 12
    assert [p.step for p in steps if p.result] == [12, 24]
    seconds = [p.seconds for p in steps]
    assert seconds == sorted(seconds) and seconds[0] > 0
    first, last = (p.result for p in steps if p.result)
    assert first.train_loss == pytest.approx(sum(p.loss for p in steps[:12]) / 12)
    assert last.test_accuracy > first.test_accuracy > 0.3


def test_seconds_count_steps_and_neither_evaluation_nor_the_caller(
    practice: Data, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
):
    readings = itertools.count()  # a clock that ticks once each time it is read
    monkeypatch.setattr("mnist_demo.training.time.perf_counter", lambda: next(readings))
    _, steps = train_to_the_end(practice, recipe)
    assert [p.seconds for p in steps] == list(range(1, 25))


def test_the_last_smaller_batch_is_trained_on_unless_dropped(practice: Data, recipe: Recipe):
    assert train_to_the_end(practice, recipe.change(batch_size=256, epochs=1))[1][-1].steps == 3
    assert train_to_the_end(practice, recipe.change(batch_size=256, epochs=1, drop_last=True))[1][-1].steps == 2


def test_the_same_seed_gives_the_same_weights_bit_for_bit(practice: Data):
    one, same, other = (weights(train_to_the_end(practice, DROPOUT, seed)[0]) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_two_trainings_at_once_do_not_disturb_each_other(practice: Data):
    alone = weights(train_to_the_end(practice, DROPOUT, seed=1)[0])
    first, second = DROPOUT.build(1), DROPOUT.build(2)
    for _ in zip(train(first, practice, DROPOUT, seed=1), train(second, practice, DROPOUT, seed=2), strict=True):
        pass
    assert torch.equal(weights(first), alone)


def test_a_training_may_go_on_in_another_thread(practice: Data, recipe: Recipe):
    model = recipe.build()
    training = train(model, practice, recipe)
    next(training)
    count = torch.get_num_threads()

    def go_on() -> None:
        with threads(count):  # a new thread may have another number
            list(training)

    thread = threading.Thread(target=go_on)
    thread.start()
    thread.join()
    assert torch.equal(weights(model), weights(train_to_the_end(practice, recipe)[0]))


def test_closing_stops_and_keeps_what_was_learned(practice: Data, recipe: Recipe):
    model = recipe.build()
    before = weights(model).clone()
    training = train(model, practice, recipe)
    next(training)
    training.close()
    assert not torch.equal(weights(model), before) and not model.training


def test_the_epoch_that_reads_the_held_out_digits_best_is_kept(practice: Data, monkeypatch: pytest.MonkeyPatch):
    accuracies = iter([0.5, 0.9, 0.7])  # on the held-out digits, after each epoch

    def scripted(model: torch.nn.Module, digits: Digits, report: object) -> SimpleNamespace:
        held_out = torch.equal(digits.images, practice.train.images[500:])
        return SimpleNamespace(accuracy=next(accuracies) if held_out else 0.0, loss=1.0)

    monkeypatch.setattr("mnist_demo.training.evaluate", scripted)
    recipe = Recipe("test", network="784-10", batch_size=50, epochs=3, validation=100)
    model = recipe.build()
    after_epochs = [weights(model).clone() for progress in train(model, practice, recipe) if progress.result]
    assert torch.equal(weights(model), after_epochs[1]) and not torch.equal(weights(model), after_epochs[2])


def test_held_out_digits_are_not_trained_on(practice: Data, recipe: Recipe):
    fewer = Data("fewer", practice.train[:500], practice.test, "")
    once = recipe.change(epochs=1)
    held_out, absent = train_to_the_end(practice, once.change(validation=100)), train_to_the_end(fewer, once)
    assert torch.equal(weights(held_out[0]), weights(absent[0]))


def test_a_share_of_the_training_digits_are_the_first_so_many(practice: Data, recipe: Recipe):
    fewer = Data("fewer", practice.train[:150], practice.test, "")
    once = recipe.change(epochs=1)
    shared, absent = train_to_the_end(practice, once.change(share=0.25)), train_to_the_end(fewer, once)
    assert torch.equal(weights(shared[0]), weights(absent[0])) and shared[1][-1].steps == 3


def test_set_from_another_thread_stop_ends_an_evaluation_and_an_augmentation(
    practice: Data, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
):
    stop = threading.Event()

    def evaluate_and_stop(model: torch.nn.Module, digits: Digits, report: Callable[[float], None]) -> None:
        stop.set()
        report(0.5)
        raise AssertionError("went on")

    monkeypatch.setattr("mnist_demo.training.evaluate", evaluate_and_stop)
    model = recipe.build()
    steps = list(train(model, practice, recipe, stop=stop))
    assert [progress.step for progress in steps] == list(range(1, 13)) and steps[-1].result is None
    assert not model.training
    assert list(train(model, practice, DROPOUT, stop=stop)) == []


def test_the_time_of_a_training_is_foretold_from_a_few_steps(practice: Data, monkeypatch: pytest.MonkeyPatch):
    ticks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))  # so that each step takes one second
    monkeypatch.setattr("mnist_demo.training.time", clock)
    assert estimate_seconds(practice, DROPOUT) == 2 * 24
    assert estimate_seconds(practice, dataclasses.replace(DROPOUT, then=DROPOUT)) == 4 * 24
    assert estimate_seconds(practice, DROPOUT.change(lr=1e30, batch_size=600, share=0.5)) == pytest.approx(
        2 * 600 / 250
    )


def test_an_augmented_copy_joins_the_training_set(practice: Data):
    pair = with_copy(practice.train, DROPOUT, torch.Generator().manual_seed(0))
    assert torch.equal(pair.images[:600], practice.train.images) and torch.equal(pair.labels[600:], pair.labels[:600])
    assert not torch.equal(pair.images[600:], practice.train.images)
    assert train_to_the_end(practice, DROPOUT)[1][-1].steps == 2 * 1200 // 50


def test_copies_are_drawn_anew_each_epoch_or_once(practice: Data, monkeypatch: pytest.MonkeyPatch):
    drawn: list[int] = []

    def augment(images: torch.Tensor, *_: object) -> torch.Tensor:
        drawn.append(1)
        return images

    monkeypatch.setattr("mnist_demo.training.augment", augment)
    for redraw, times in ((True, 2), (False, 1)):
        drawn.clear()
        train_to_the_end(practice, dataclasses.replace(DROPOUT, redraw_copies=redraw))
        assert len(drawn) == times


@pytest.mark.parametrize("lr", [1e12, 1e38])
def test_a_loss_that_runs_away_is_named(practice: Data, recipe: Recipe, lr: float):
    with pytest.raises(InputError, match=r"Training diverged at step \d+: the loss is .*\. Try a smaller lr\."):
        train_to_the_end(practice, recipe.change(lr=lr))


def test_too_few_digits_are_named(practice: Data, recipe: Recipe):
    few = Data("few", practice.train[:40], practice.test, "")
    with pytest.raises(InputError, match="40 training digits are too few: recipe 'test' holds out 40"):
        train_to_the_end(few, recipe.change(validation=40))
    with pytest.raises(InputError, match="takes 50 a step"):
        train_to_the_end(few, recipe.change(drop_last=True))


def test_the_callers_digits_are_left_alone(practice: Data):
    images = practice.train.images.clone()
    train_to_the_end(practice, DROPOUT)
    assert isinstance(practice.train, Digits) and torch.equal(practice.train.images, images)


def test_copies_may_take_the_place_of_the_originals(practice: Data):
    copies = with_copy(practice.train, dataclasses.replace(DROPOUT, originals=False), torch.Generator().manual_seed(0))
    assert len(copies) == len(practice.train) and torch.equal(copies.labels, practice.train.labels)
    assert not torch.equal(copies.images, practice.train.images)


def test_one_cycle_rises_for_a_fifth_and_falls_to_nothing():
    recipe = Recipe("test", network="784-10", optimizer="SGD", lr=0.1, one_cycle=True)
    optimizer = recipe.build_optimizer(recipe.build())
    schedule = recipe.build_schedule(optimizer, 100)
    assert schedule
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates.index(max(rates)) == 19 and max(rates) == pytest.approx(0.1) and rates[-1] < 1e-5


def test_the_sketch_recipe_learns_in_16_bits_and_keeps_32(practice: Data):
    recipe = dataclasses.replace(RECIPES["sketch"], epochs=3, batch_size=50)
    model, steps = train_to_the_end(practice, recipe)
    assert steps[-1].loss < steps[0].loss and next(model.parameters()).dtype == torch.float32


def test_what_comes_then_is_another_training_of_the_same_network(practice: Data, recipe: Recipe):
    gentle = recipe.change(lr=0.01, epochs=1)
    both = dataclasses.replace(recipe, then=gentle)
    model, steps = train_to_the_end(practice, both, seed=3)
    apart, _ = train_to_the_end(practice, recipe, seed=3)
    for _ in train(apart, practice, gentle, seed=3):
        pass
    assert torch.equal(weights(model), weights(apart))
    assert [progress.step for progress in steps] == list(range(1, 37)) and {progress.steps for progress in steps} == {
        36
    }
    assert [progress.epoch for progress in steps if progress.result] == [1, 2, 3] and both.all_epochs == 3
    assert all(one.seconds < other.seconds for one, other in itertools.pairwise(steps))


def test_averaged_weights_lag_behind_the_last(practice: Data, recipe: Recipe):
    start = weights(recipe.build())
    last = weights(train_to_the_end(practice, recipe)[0])
    averaged, steps = train_to_the_end(practice, dataclasses.replace(recipe, averaging=0.9))
    assert 0 < (weights(averaged) - last).norm() < (start - last).norm()
    assert steps[-1].result and steps[-1].result.test_accuracy == evaluate(averaged, practice.test).accuracy
