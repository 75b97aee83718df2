import dataclasses
import itertools
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from mnist_demo.data import Dataset, Digits
from mnist_demo.data.augment import Affine
from mnist_demo.devices import torch_threads
from mnist_demo.errors import InputError
from mnist_demo.evaluation import evaluate
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.training import Progress, augment_epoch, estimate_seconds, train

DROPOUT = Recipe(
    "dropout", network="784-128-10 ReLU, dropout", batch_size=50, epochs=2, augmentation=(Affine(degrees=20),)
)


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def train_model(data: Dataset, recipe: Recipe, seed: int = 0) -> tuple[torch.nn.Module, list[Progress]]:
    model = recipe.build(seed)
    return model, list(train(model, data, recipe, seed=seed))


def test_a_model_can_memorize_64_images(synthetic: Dataset):
    few = Dataset("few", synthetic.train[:64], synthetic.train[:64], "")
    model, _ = train_model(few, Recipe("test", network="784-512-10 ReLU", batch_size=16, epochs=20))
    assert evaluate(model, few.train).accuracy == 1.0


def test_progress_counts_steps_epochs_and_seconds(synthetic: Dataset, recipe: Recipe):
    _, steps = train_model(synthetic, recipe)
    assert [(p.step, p.steps) for p in steps] == [(i, 24) for i in range(1, 25)]
    assert [p.epoch for p in steps] == [1] * 12 + [2] * 12
    assert [p.step for p in steps if p.result] == [12, 24]
    seconds = [p.seconds for p in steps]
    assert seconds == sorted(seconds) and seconds[0] > 0
    first, last = (p.result for p in steps if p.result)
    assert first.train_loss == pytest.approx(sum(p.loss for p in steps[:12]) / 12)
    assert last.test_accuracy > first.test_accuracy > 0.3


def test_seconds_exclude_evaluation_and_the_caller(synthetic: Dataset, recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    ticks = itertools.count()  # the clock advances by one second at each call
    monkeypatch.setattr("mnist_demo.training.time.perf_counter", lambda: next(ticks))
    _, steps = train_model(synthetic, recipe)
    assert [p.seconds for p in steps] == list(range(1, 25))


def test_the_smaller_last_batch_is_used_unless_drop_last_is_set(synthetic: Dataset, recipe: Recipe):
    assert train_model(synthetic, recipe.change(batch_size=256, epochs=1))[1][-1].steps == 3
    assert train_model(synthetic, recipe.change(batch_size=256, epochs=1, drop_last=True))[1][-1].steps == 2


def test_the_same_seed_gives_the_same_weights_bit_for_bit(synthetic: Dataset):
    one, same, other = (weights(train_model(synthetic, DROPOUT, seed)[0]) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_concurrent_trainings_do_not_affect_each_other(synthetic: Dataset):
    alone = weights(train_model(synthetic, DROPOUT, seed=1)[0])
    first, second = DROPOUT.build(1), DROPOUT.build(2)
    for _ in zip(train(first, synthetic, DROPOUT, seed=1), train(second, synthetic, DROPOUT, seed=2), strict=True):
        pass
    assert torch.equal(weights(first), alone)


def test_a_training_can_continue_in_another_thread(synthetic: Dataset, recipe: Recipe):
    model = recipe.build()
    training = train(model, synthetic, recipe)
    next(training)
    count = torch.get_num_threads()

    def finish() -> None:
        with torch_threads(count):  # each thread has its own number of PyTorch threads
            list(training)

    thread = threading.Thread(target=finish)
    thread.start()
    thread.join()
    assert torch.equal(weights(model), weights(train_model(synthetic, recipe)[0]))


def test_closing_the_generator_stops_and_keeps_the_weights(synthetic: Dataset, recipe: Recipe):
    model = recipe.build()
    before = weights(model).clone()
    training = train(model, synthetic, recipe)
    next(training)
    training.close()
    assert not torch.equal(weights(model), before) and not model.training


def test_the_weights_with_the_best_validation_accuracy_are_kept(synthetic: Dataset, monkeypatch: pytest.MonkeyPatch):
    accuracies = iter([0.5, 0.9, 0.7])  # on the validation digits, after each epoch

    def scripted(model: torch.nn.Module, digits: Digits, report: object) -> SimpleNamespace:
        held_out = torch.equal(digits.images, synthetic.train.images[500:])
        return SimpleNamespace(accuracy=next(accuracies) if held_out else 0.0, loss=1.0)

    monkeypatch.setattr("mnist_demo.training.evaluate", scripted)
    recipe = Recipe("test", network="784-10", batch_size=50, epochs=3, validation_size=100)
    model = recipe.build()
    after_epochs = [weights(model).clone() for progress in train(model, synthetic, recipe) if progress.result]
    assert torch.equal(weights(model), after_epochs[1]) and not torch.equal(weights(model), after_epochs[2])


def test_validation_digits_are_not_used_for_training(synthetic: Dataset, recipe: Recipe):
    fewer = Dataset("fewer", synthetic.train[:500], synthetic.test, "")
    once = recipe.change(epochs=1)
    held_out, absent = train_model(synthetic, once.change(validation_size=100)), train_model(fewer, once)
    assert torch.equal(weights(held_out[0]), weights(absent[0]))


def test_train_fraction_selects_the_first_training_digits(synthetic: Dataset, recipe: Recipe):
    fewer = Dataset("fewer", synthetic.train[:150], synthetic.test, "")
    once = recipe.change(epochs=1)
    shared, absent = train_model(synthetic, once.change(train_fraction=0.25)), train_model(fewer, once)
    assert torch.equal(weights(shared[0]), weights(absent[0])) and shared[1][-1].steps == 3


def test_setting_stop_interrupts_evaluation_and_augmentation(
    synthetic: Dataset, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
):
    stop = threading.Event()

    def evaluate_and_stop(model: torch.nn.Module, digits: Digits, report: Callable[[float], None]) -> None:
        stop.set()
        report(0.5)
        raise AssertionError("the evaluation continued")

    monkeypatch.setattr("mnist_demo.training.evaluate", evaluate_and_stop)
    model = recipe.build()
    steps = list(train(model, synthetic, recipe, stop=stop))
    assert [progress.step for progress in steps] == list(range(1, 13)) and steps[-1].result is None
    assert not model.training
    assert list(train(model, synthetic, DROPOUT, stop=stop)) == []


def test_the_training_time_is_estimated_from_a_few_steps(synthetic: Dataset, monkeypatch: pytest.MonkeyPatch):
    ticks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))  # each step takes one second
    monkeypatch.setattr("mnist_demo.training.time", clock)
    assert estimate_seconds(synthetic, DROPOUT) == 2 * 24
    assert estimate_seconds(synthetic, dataclasses.replace(DROPOUT, fine_tune=DROPOUT)) == 4 * 24
    assert estimate_seconds(synthetic, DROPOUT.change(lr=1e30, batch_size=600, train_fraction=0.5)) == pytest.approx(
        2 * 600 / 250
    )


def test_augmented_copies_are_added_to_the_training_set(synthetic: Dataset):
    digits = augment_epoch(synthetic.train, DROPOUT, torch.Generator().manual_seed(0))
    assert torch.equal(digits.images[:600], synthetic.train.images)
    assert torch.equal(digits.labels, synthetic.train.labels.repeat(2))
    assert not torch.equal(digits.images[600:], synthetic.train.images)
    assert train_model(synthetic, DROPOUT)[1][-1].steps == 2 * 1200 // 50


@pytest.mark.parametrize(("resample", "times"), [(True, 2), (False, 1)])
def test_copies_are_resampled_each_epoch_or_drawn_once(
    synthetic: Dataset, monkeypatch: pytest.MonkeyPatch, resample: bool, times: int
):
    calls: list[int] = []

    def augment(images: torch.Tensor, *_: object) -> torch.Tensor:
        calls.append(1)
        return images

    monkeypatch.setattr("mnist_demo.training.augment", augment)
    train_model(synthetic, dataclasses.replace(DROPOUT, resample_each_epoch=resample))
    assert len(calls) == times


@pytest.mark.parametrize("lr", [1e12, 1e38])
def test_a_diverging_loss_raises_an_error(synthetic: Dataset, recipe: Recipe, lr: float):
    with pytest.raises(InputError, match=r"Training diverged at step \d+: the loss is .*\. Try a smaller lr\."):
        train_model(synthetic, recipe.change(lr=lr))


def test_too_few_training_digits_raise_an_error(synthetic: Dataset, recipe: Recipe):
    few = Dataset("few", synthetic.train[:40], synthetic.test, "")
    with pytest.raises(InputError, match="40 training digits are too few: recipe 'test' holds out 40"):
        train_model(few, recipe.change(validation_size=40))
    with pytest.raises(InputError, match="needs 50 per step"):
        train_model(few, recipe.change(drop_last=True))


def test_the_callers_digits_are_not_modified(synthetic: Dataset):
    images = synthetic.train.images.clone()
    train_model(synthetic, DROPOUT)
    assert isinstance(synthetic.train, Digits) and torch.equal(synthetic.train.images, images)


def test_augmented_copies_can_replace_the_originals(synthetic: Dataset):
    recipe = dataclasses.replace(DROPOUT, keep_originals=False)
    copies = augment_epoch(synthetic.train, recipe, torch.Generator().manual_seed(0))
    assert len(copies) == len(synthetic.train) and torch.equal(copies.labels, synthetic.train.labels)
    assert not torch.equal(copies.images, synthetic.train.images)


def test_one_cycle_rises_for_a_fifth_of_the_steps_and_falls_to_zero():
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


@pytest.mark.slow
def test_the_sketch_recipe_trains_in_16_bits_with_32_bit_weights(synthetic: Dataset):
    recipe = dataclasses.replace(RECIPES["sketch"], epochs=3, batch_size=50)
    model, steps = train_model(synthetic, recipe)
    assert steps[-1].loss < steps[0].loss and next(model.parameters()).dtype == torch.float32


def test_fine_tuning_is_a_second_training_of_the_same_model(synthetic: Dataset, recipe: Recipe):
    gentle = recipe.change(lr=0.01, epochs=1)
    both = dataclasses.replace(recipe, fine_tune=gentle)
    model, steps = train_model(synthetic, both, seed=3)
    apart, _ = train_model(synthetic, recipe, seed=3)
    for _ in train(apart, synthetic, gentle, seed=3):
        pass
    assert torch.equal(weights(model), weights(apart))
    assert [(progress.step, progress.steps) for progress in steps] == [(i, 36) for i in range(1, 37)]
    assert [progress.epoch for progress in steps if progress.result] == [1, 2, 3] and both.all_epochs == 3
    assert all(one.seconds < other.seconds for one, other in itertools.pairwise(steps))


def test_averaged_weights_are_between_the_initial_and_the_last_weights(synthetic: Dataset, recipe: Recipe):
    start = weights(recipe.build())
    last = weights(train_model(synthetic, recipe)[0])
    averaged, steps = train_model(synthetic, dataclasses.replace(recipe, ema_decay=0.9))
    assert 0 < (weights(averaged) - last).norm() < (start - last).norm()
    assert steps[-1].result and steps[-1].result.test_accuracy == evaluate(averaged, synthetic.test).accuracy


@pytest.mark.parametrize("network", ["cosine6 16, conv3 32, 256", "784-10"])
@pytest.mark.parametrize("batch_size", [2, 7, 33])  # of 34 digits; 33 leaves one over
def test_every_batch_size_trains_also_if_one_digit_is_left_over(synthetic: Dataset, network: str, batch_size: int):
    few = Dataset("few", synthetic.train[:34], synthetic.test[:10], "")
    recipe = Recipe("test", network=network, batch_size=batch_size, epochs=1)
    *_, last = train(recipe.build(), few, recipe)
    assert last.step == last.steps and last.result


def test_batch_normalization_refuses_batches_of_one_digit(synthetic: Dataset):
    recipe = Recipe("test", network="cosine6 16, conv3 32, 256", batch_size=1)
    with pytest.raises(InputError, match="batch_size must be at least 2: batch normalization"):
        next(train(recipe.build(), synthetic, recipe))
