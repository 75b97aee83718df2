"""What the tutorials got wrong, and what it costs: python -m tests.benchmarks.tutorials [--data DIR] [--seeds N]

For each slip that moves a number, the number with it and without it, measured here. Where training is needed, the
figures are means over seeds, with the lowest and the highest. About 10 minutes on two cores with three seeds.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from mnist_demo import RECIPES, Classifier, Data, evaluate, load_mnist, train
from mnist_demo.data import DATA_FOLDER, batches
from mnist_demo.hardware import hardware_name
from mnist_demo.models import Dropout
from mnist_demo.reports import percent, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data, seeds = load_mnist(Path(options.data)), range(options.seeds)
    rows = [row for slip in (pixels, training_set, best_epoch, dropout, loss, first_epoch) for row in slip(data)]
    rows += [*unshuffled(data, seeds), *trained_on(data, seeds)]
    print(table(["tutorial", "slip", "what is measured", "with the slip", "without it"], rows))
    print(f"\n{double_softmax(data)}\nMeasured on {hardware_name()}, torch {torch.__version__}.")


def accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(dim=1) == labels).float().mean().item()


def spread(values: list[float]) -> str:
    """The mean, and the lowest and highest where there are several."""
    mean = percent(sum(values) / len(values))
    return mean if len(values) == 1 else f"{mean} ({100 * min(values):.2f}-{100 * max(values):.2f})"


def pixels(data: Data) -> Iterator[list[str]]:
    model, images = Classifier.load("softmax").model, data.test.images.float()
    wrong, right = (accuracy(model(x).detach(), data.test.labels) for x in (images, images / 255))
    yield ["002", "trains on pixels 0-1, tests on 0-255", "`softmax`, test accuracy", percent(wrong), percent(right)]


def training_set(data: Data) -> Iterator[list[str]]:
    model = Classifier.load("mlp-500").model
    wrong, right = (evaluate(model, digits).accuracy for digits in (data.train, data.test))
    yield ["000", 'its "test" set is the training set', "`mlp-500`, accuracy", percent(wrong), percent(right)]


def best_epoch(data: Data) -> Iterator[list[str]]:
    classifier = Classifier.load("mlp-500")
    assert classifier.record
    last, best = classifier.record.epochs[-1].test_accuracy, evaluate(classifier.model, data.test).accuracy
    yield ["000", "saves its best epoch, tests the last", "`mlp-500`, test accuracy", percent(last), percent(best)]


def dropout(data: Data) -> Iterator[list[str]]:
    model = Classifier.load("mlp-dropout").model
    right = evaluate(model, data.test).accuracy
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = torch.Generator().manual_seed(0)
    model.train()
    wrong = accuracy(model(data.test.images.float() / 255).detach(), data.test.labels)
    yield ["001", "leaves dropout on when it tests", "`mlp-dropout`, test accuracy", percent(wrong), percent(right)]


def loss(data: Data) -> Iterator[list[str]]:
    model = Classifier.load("mlp-sigmoid").model
    means = [cross_entropy(model(images), labels).item() for images, labels in batches(data.test, 32)]
    wrong, right = sum(means) / len(data.test), evaluate(model, data.test).loss
    slip = "divides a sum of batch means by the number of digits"
    yield ["003", slip, "`mlp-sigmoid`, test loss", f"{wrong:.4f}", f"{right:.4f}"]


def first_epoch(data: Data) -> Iterator[list[str]]:
    classifier = Classifier.load("cnn")
    assert classifier.record
    recipe = RECIPES["cnn"].change(epochs=1)
    last = list(train(classifier.model, data, recipe, seed=1))[-1].result
    assert last
    fresh = classifier.record.epochs[0].train_loss
    slip = "its first epoch is as of a network trained before"
    yield ["004", slip, "`cnn`, cost of epoch 1", f"{last.train_loss:.4f}", f"{fresh:.4f}"]


def unshuffled(data: Data, seeds: range) -> Iterator[list[str]]:
    recipe = RECIPES["mlp-512"]
    wrong, right = [], []
    for seed in seeds:
        model = recipe.build(seed)
        optimizer = recipe.build_optimizer(model)
        for _ in range(recipe.epochs):
            for images, labels in batches(data.train, recipe.batch_size):  # no generator: as stored
                optimizer.zero_grad()
                cross_entropy(model(images), labels).backward()
                optimizer.step()
        wrong.append(evaluate(model, data.test).accuracy)
        right.append(train_afresh("mlp-512", data, seed))
    yield ["001", "does not shuffle", "`mlp-512`, test accuracy", spread(wrong), spread(right)]


def trained_on(data: Data, seeds: range) -> Iterator[list[str]]:
    wrong, right = [], []
    for seed in seeds:
        model = RECIPES["mlp-512"].build(seed)
        for name in ("mlp-512", "mlp-512-augmented"):
            run(model, name, data, seed)
        wrong.append(evaluate(model, data.test).accuracy)
        right.append(train_afresh("mlp-512-augmented", data, seed))
    slip = 'its "augmented" network goes on from the plain one'
    yield ["001", slip, "`mlp-512-augmented`, test accuracy", spread(wrong), spread(right)]


def train_afresh(name: str, data: Data, seed: int) -> float:
    model = RECIPES[name].build(seed)
    run(model, name, data, seed)
    return evaluate(model, data.test).accuracy


def run(model: nn.Module, name: str, data: Data, seed: int) -> None:
    for _ in train(model, data, RECIPES[name], seed=seed):
        pass


def double_softmax(data: Data) -> str:
    logits = Classifier.load("mlp-sigmoid").model(data.test.images.float() / 255).detach()
    once, twice = (cross_entropy(x, data.test.labels).item() for x in (logits, log_softmax(logits, dim=1)))
    return (
        "Slips that move no number: 003 applies log_softmax before a loss that does so again (test loss differs by "
        f"{abs(once - twice):.1e}); 001 builds an optimizer before its network exists, so that its code does not run."
    )


if __name__ == "__main__":
    main()
