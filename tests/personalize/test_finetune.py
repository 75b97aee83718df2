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
from mnist_demo.data import Dataset
from mnist_demo.data.non_digits import scribble
from mnist_demo.data.synthetic import warp_paths
from mnist_demo.errors import InputError
from mnist_demo.evaluation import evaluate
from mnist_demo.personalize.finetune import (
    FinetuneProgress,
    FinetuneSettings,
    finetune,
    finetuned_metadata,
    is_finetuned,
    settings_for,
)
from mnist_demo.personalize.user_digits import UserDigit, make_folds
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.training import train
from tests.conftest import make_metadata

QUICK = FinetuneSettings(steps=40, copies=4, pool_size=300, non_digits=40, measurements=4)
HOOK = UserDigit.check([[(20, 5), (20, 60), (85, 60)]], 6)  # an unusual way to write a 6


@pytest.fixture(scope="module")
def model(synthetic: Dataset) -> nn.Sequential:
    """A model trained on synthetic digits."""
    recipe = Recipe("test", network="784-128-10 ReLU, dropout", batch_size=50, epochs=8)
    model = recipe.build()
    for _ in train(model, synthetic, recipe):
        pass
    return model


def hooks(count: int) -> list[UserDigit]:
    """Return `count` sixes by a user who writes them as hooks."""
    rng = np.random.default_rng(0)
    return [UserDigit.check(warp_paths([np.array(HOOK.strokes[0])], rng, 0.6), 6) for _ in range(count)]


def finetune_copy(
    model: nn.Sequential, digits: list[UserDigit], data: Dataset, settings: FinetuneSettings = QUICK, seed: int = 0
) -> tuple[nn.Sequential, list[FinetuneProgress]]:
    tuned = copy.deepcopy(model)
    return tuned, list(finetune(tuned, digits, data, settings, seed=seed))


def weights(model: nn.Module) -> list[torch.Tensor]:
    return list(model.state_dict().values())


def test_a_few_drawings_are_enough_to_classify_held_out_drawings(model: nn.Sequential, synthetic: Dataset):
    tuned, history = finetune_copy(model, hooks(8), synthetic)
    before, *_, after = (progress.measurement for progress in history if progress.measurement)
    assert before.fitted == before.held_out and before.fitted.count(6) < 4
    assert after.fitted == [6] * 8 and after.held_out.count(6) >= 6
    assert after.test_accuracy >= before.test_accuracy - 0.02
    assert after.test_accuracy == pytest.approx(evaluate(tuned, synthetic.test).accuracy)


def test_progress_counts_steps_and_seconds_and_measures_at_equal_intervals(model: nn.Sequential, synthetic: Dataset):
    history = finetune_copy(model, hooks(3), synthetic)[1]
    steps = [progress.step for progress in history]
    assert steps == sorted(steps) and steps[-40:] == list(range(1, 41)) and {one.steps for one in history} == {40}
    assert [progress.step for progress in history if progress.measurement] == [0, 10, 20, 30, 40]
    assert all((progress.loss is None) == (progress.step == 0) for progress in history)
    assert all(one.seconds < other.seconds for one, other in itertools.pairwise(history))


def test_only_the_last_layer_is_trained(model: nn.Sequential, synthetic: Dataset):
    tuned, _ = finetune_copy(model, hooks(3), synthetic)
    changed = [not torch.equal(a, b) for a, b in zip(weights(model), weights(tuned), strict=True)]
    assert changed == [False, False, True, True]


def test_the_same_seed_gives_the_same_weights_bit_for_bit(model: nn.Sequential, synthetic: Dataset):
    one, same, other = (weights(finetune_copy(model, hooks(3), synthetic, seed=seed)[0])[-2] for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_the_label_of_a_drawing_does_not_affect_its_held_out_prediction(model: nn.Sequential, synthetic: Dataset):
    digits = hooks(6)
    mislabeled = [*digits[:-1], replace(digits[-1], label=2)]
    correct, incorrect = (finetune_copy(model, each, synthetic)[1][-1] for each in (digits, mislabeled))
    assert correct.measurement and incorrect.measurement and correct.loss != incorrect.loss
    assert correct.measurement.held_out[-1] == incorrect.measurement.held_out[-1] == 6


def test_copies_of_a_drawing_share_a_fold():
    digits = [HOOK, *hooks(3), HOOK]
    folds = make_folds(digits).tolist()
    assert folds[0] == folds[-1] and len(set(folds)) == 4


def test_many_drawings_are_divided_among_ten_folds_with_equal_shares_of_each_label():
    digits = hooks(40)
    folds = make_folds(digits[:20] + [replace(digit, label=0) for digit in digits[20:]])
    assert folds[:20].bincount().tolist() == folds[20:].bincount().tolist() == [2] * 10


def test_closing_the_generator_keeps_the_trained_weights(model: nn.Sequential, synthetic: Dataset):
    tuned = copy.deepcopy(model)
    run = finetune(tuned, hooks(3), synthetic, QUICK)
    next(progress for progress in run if progress.step == 7)
    run.close()
    assert not tuned.training and not torch.equal(weights(tuned)[-1], weights(model)[-1])


def test_a_stopped_run_ends_with_a_measurement(model: nn.Sequential, synthetic: Dataset):
    tuned, stop = copy.deepcopy(model), threading.Event()
    run = finetune(tuned, hooks(3), synthetic, QUICK, stop=stop)
    next(progress for progress in run if progress.step == 7)
    stop.set()
    (last,) = run
    assert last.step == 8 and last.measurement
    assert last.measurement.test_accuracy == pytest.approx(evaluate(tuned, synthetic.test).accuracy)


def test_stopping_during_preparation_leaves_the_model_unchanged(model: nn.Sequential, synthetic: Dataset):
    tuned, stop = copy.deepcopy(model), threading.Event()
    run = finetune(tuned, hooks(3), synthetic, QUICK, stop=stop)
    assert next(run).step == 0
    stop.set()
    assert list(run) == [] and all(map(torch.equal, weights(tuned), weights(model)))


def test_a_fine_tuned_model_can_be_saved_and_loaded(synthetic: Dataset, recipe: Recipe, tmp_path: Path):
    tuned, history = finetune_copy(recipe.build(), hooks(3), synthetic)
    before = make_metadata(recipe)
    metadata = finetuned_metadata(before, synthetic, 3, history[-1])
    save_checkpoint(tmp_path / "tuned.safetensors", tuned, metadata)
    loaded, loaded_metadata = load_checkpoint(tmp_path / "tuned.safetensors")
    assert loaded_metadata == metadata and all(map(torch.equal, weights(loaded), weights(tuned)))
    assert metadata.data_source == f"{before.data_source} and 3 of your digits" and metadata.steps == 12 + 40
    assert is_finetuned(metadata) and not is_finetuned(before)
    tested = evaluate(loaded, synthetic.test)
    assert metadata.test_accuracy == tested.accuracy and metadata.per_class_accuracy == tested.per_class_accuracy


def test_preparation_yields_after_at_most_fifty_digits(model: nn.Sequential, synthetic: Dataset):
    history = finetune_copy(model, hooks(30), synthetic)[1]
    prepared = len(synthetic.test) + QUICK.pool_size + 30 * (1 + QUICK.copies)
    assert sum(progress.step == 0 for progress in history) >= prepared / 50


def test_a_model_with_classes_for_non_digits_keeps_them(synthetic: Dataset):
    recipe = Recipe("test", network="conv3 16-32-64-64-128-128, linear", batch_size=50, epochs=1)
    tuned, history = finetune_copy(recipe.build(), hooks(3), synthetic)
    assert tuned[-1].out_features == 12 and history[-1].measurement


def test_a_single_drawing_is_fitted_but_its_held_out_prediction_stays(model: nn.Sequential, synthetic: Dataset):
    _, history = finetune_copy(model, [HOOK], synthetic)
    before, *_, after = (progress.measurement for progress in history if progress.measurement)
    assert after.fitted == [6] and after.held_out == before.held_out == [4]


def test_drawings_of_one_label_do_not_make_it_the_prediction_for_everything(model: nn.Sequential, synthetic: Dataset):
    tuned, _ = finetune_copy(model, hooks(8), synthetic)
    before, after = (evaluate(each, synthetic.test) for each in (model, tuned))
    assert (after.predictions == 6).sum() <= (before.predictions == 6).sum() + 6


def test_scribbles_labeled_as_digits_do_little_harm(model: nn.Sequential, synthetic: Dataset):
    rng = np.random.default_rng(0)
    digits = [UserDigit.check(scribble(rng), digit) for digit in range(10)]
    _, history = finetune_copy(model, digits, synthetic)
    before, *_, after = (progress.measurement.test_accuracy for progress in history if progress.measurement)
    assert after > before - 0.05


def test_a_model_trained_on_many_writers_gets_a_lower_lr_and_its_own_label_smoothing():
    sketch, cnn = settings_for(RECIPES["sketch"]), settings_for(RECIPES["cnn"])
    assert sketch.lr < cnn.lr and (sketch.label_smoothing, cnn.label_smoothing) == (0.05, 0)


def test_a_drawing_with_two_labels_is_an_error(model: nn.Sequential, synthetic: Dataset):
    digits = [*hooks(2), replace(hooks(1)[0], label=4)]
    with pytest.raises(InputError, match=r"Digits 1 and 3 are the same drawing, labeled 6 and 4\. Correct or remove"):
        next(finetune(model, digits, synthetic))


@pytest.mark.parametrize("count", [0, 301])
def test_too_few_or_too_many_digits_are_an_error(model: nn.Sequential, synthetic: Dataset, count: int):
    with pytest.raises(InputError, match=f"There must be from 1 to 300 digits; got {count}"):
        next(finetune(model, [HOOK] * count, synthetic))
