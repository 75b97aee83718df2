"""Measure the effect of the tutorials' mistakes: python -m tests.benchmarks.tutorials [--data DIR] [--seeds N]

For each mistake that changes a result, print the result with and without it. Results that need training are means over
seeds, with minimum and maximum. Takes about 10 minutes on two cores with three seeds.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from mnist_demo import RECIPES, Classifier, Dataset, evaluate, load_mnist, train
from mnist_demo.data import batches
from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.devices import hardware_name
from mnist_demo.models import Dropout
from mnist_demo.reports import format_percent, markdown_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data, seeds = load_mnist(Path(options.data)), range(options.seeds)
    rows = [row for mistake in (pixels, training_set, best_epoch, dropout, loss, first_epoch) for row in mistake(data)]
    rows += [*unshuffled(data, seeds), *continued(data, seeds)]
    print(markdown_table(["tutorial", "mistake", "what is measured", "with the mistake", "without it"], rows))
    print(f"\n{double_softmax(data)}\nMeasured on {hardware_name()}, torch {torch.__version__}.")


def accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(dim=1) == labels).float().mean().item()


def spread(values: list[float]) -> str:
    """Return the mean in percent, followed by minimum and maximum if there are several values."""
    mean = format_percent(sum(values) / len(values))
    return mean if len(values) == 1 else f"{mean} ({100 * min(values):.2f}-{100 * max(values):.2f})"


def pixels(data: Dataset) -> Iterator[list[str]]:
    model, images = Classifier.load("softmax").model, data.test.images.float()
    with_mistake, without = (accuracy(model(x).detach(), data.test.labels) for x in (images, images / 255))
    mistake = "trains on pixels 0-1, tests on 0-255"
    yield ["002", mistake, "`softmax`, test accuracy", format_percent(with_mistake), format_percent(without)]


def training_set(data: Dataset) -> Iterator[list[str]]:
    model = Classifier.load("mlp-500").model
    with_mistake, without = (evaluate(model, digits).accuracy for digits in (data.train, data.test))
    mistake = 'its "test" set is the training set'
    yield ["000", mistake, "`mlp-500`, accuracy", format_percent(with_mistake), format_percent(without)]


def best_epoch(data: Dataset) -> Iterator[list[str]]:
    classifier = Classifier.load("mlp-500")
    assert classifier.metadata
    last, best = classifier.metadata.epochs[-1].test_accuracy, evaluate(classifier.model, data.test).accuracy
    mistake = "saves its best epoch, tests the last"
    yield ["000", mistake, "`mlp-500`, test accuracy", format_percent(last), format_percent(best)]


def dropout(data: Dataset) -> Iterator[list[str]]:
    model = Classifier.load("mlp-dropout").model
    without = evaluate(model, data.test).accuracy
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = torch.Generator().manual_seed(0)
    model.train()
    with_mistake = accuracy(model(data.test.images.float() / 255).detach(), data.test.labels)
    mistake = "leaves dropout on during the test"
    yield ["001", mistake, "`mlp-dropout`, test accuracy", format_percent(with_mistake), format_percent(without)]


def loss(data: Dataset) -> Iterator[list[str]]:
    model = Classifier.load("mlp-sigmoid").model
    means = [cross_entropy(model(images), labels).item() for images, labels in batches(data.test, 32)]
    with_mistake, without = sum(means) / len(data.test), evaluate(model, data.test).loss
    mistake = "divides a sum of batch means by the number of digits"
    yield ["003", mistake, "`mlp-sigmoid`, test loss", f"{with_mistake:.4f}", f"{without:.4f}"]


def first_epoch(data: Dataset) -> Iterator[list[str]]:
    classifier = Classifier.load("cnn")
    assert classifier.metadata
    recipe = RECIPES["cnn"].change(epochs=1)
    last = list(train(classifier.model, data, recipe, seed=1))[-1].result
    assert last
    fresh = classifier.metadata.epochs[0].train_loss
    mistake = "reports as epoch 1 a model that was trained before"
    yield ["004", mistake, "`cnn`, training loss of epoch 1", f"{last.train_loss:.4f}", f"{fresh:.4f}"]


def unshuffled(data: Dataset, seeds: range) -> Iterator[list[str]]:
    recipe = RECIPES["mlp-512"]
    with_mistake, without = [], []
    for seed in seeds:
        model = recipe.build(seed)
        optimizer = recipe.build_optimizer(model)
        for _ in range(recipe.epochs):
            for images, labels in batches(data.train, recipe.batch_size):  # without a generator, in stored order
                optimizer.zero_grad()
                cross_entropy(model(images), labels).backward()
                optimizer.step()
        with_mistake.append(evaluate(model, data.test).accuracy)
        without.append(train_from_scratch("mlp-512", data, seed))
    yield ["001", "does not shuffle", "`mlp-512`, test accuracy", spread(with_mistake), spread(without)]


def continued(data: Dataset, seeds: range) -> Iterator[list[str]]:
    with_mistake, without = [], []
    for seed in seeds:
        model = RECIPES["mlp-512"].build(seed)
        for name in ("mlp-512", "mlp-512-augmented"):
            run(model, name, data, seed)
        with_mistake.append(evaluate(model, data.test).accuracy)
        without.append(train_from_scratch("mlp-512-augmented", data, seed))
    mistake = 'its "augmented" model continues training the plain one'
    yield ["001", mistake, "`mlp-512-augmented`, test accuracy", spread(with_mistake), spread(without)]


def train_from_scratch(name: str, data: Dataset, seed: int) -> float:
    model = RECIPES[name].build(seed)
    run(model, name, data, seed)
    return evaluate(model, data.test).accuracy


def run(model: nn.Module, name: str, data: Dataset, seed: int) -> None:
    for _ in train(model, data, RECIPES[name], seed=seed):
        pass


def double_softmax(data: Dataset) -> str:
    logits = Classifier.load("mlp-sigmoid").model(data.test.images.float() / 255).detach()
    once, twice = (cross_entropy(x, data.test.labels).item() for x in (logits, log_softmax(logits, dim=1)))
    return (
        "Mistakes that change no result: 003 applies log_softmax before a loss that applies it again (test loss "
        f"differs by {abs(once - twice):.1e}); 001 creates an optimizer before its model, so its code does not run."
    )


if __name__ == "__main__":
    main()
