"""How quickly it trains: python -m tests.benchmarks.training [--data DIR] [--recipes NAME ...] [--seeds N]

Each tutorial's recipe for an epoch, through a plain loop over a DataLoader, as the tutorials write it (in our words),
and through ours, one after the other; then `fast` with several seeds, and the network of PyTorch's own MNIST example
until it reads 99 %. Exits with 1 where a target is missed. About 15 minutes on two cores.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import ConcatDataset, DataLoader, Dataset
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, RandomAffine, RandomRotation, ToTensor

from mnist_demo import RECIPES, Data, Recipe, evaluate, load_mnist, train
from mnist_demo.data import DATA_FOLDER
from mnist_demo.models import Dropout
from mnist_demo.reports import percent, table
from mnist_demo.ui.run import Run
from tests.benchmarks.rows import Row, at_most, print_rows

GOAL = 0.99
LEAST_RATIO = {"mlp-512": 1.7, "mlp-512-augmented": 1.7, "mlp-dropout": 1.7, "mlp-128": 1.7, "cnn": 1.5}
# What the tutorials turn their pictures with, one at a time.
TWICE = Compose([RandomRotation(25), RandomAffine(45, translate=(0.1, 0.1), scale=(0.8, 1.2)), ToTensor()])
KERAS = Compose([RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1)), ToTensor()])
AUGMENTED = {"mlp-512-augmented": TWICE, "mlp-dropout": TWICE, "mlp-128": KERAS}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MNIST_DEMO_DATA") or str(DATA_FOLDER))
    tutorials = [name for name, recipe in RECIPES.items() if recipe.source != "ours"]
    parser.add_argument("--recipes", nargs="*", default=tutorials, choices=tutorials, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    folder = Path(options.data)
    data = load_mnist(folder)

    lines, rows = [], []
    for name in options.recipes:
        recipe = RECIPES[name].change(epochs=1, validation=0)
        plain, plain_accuracy = train_plainly(recipe, folder)
        ours, accuracy = train_here(recipe, data)
        ratio = plain / ours
        lines.append(
            [f"`{name}`", f"{plain:.1f}", f"{ours:.1f}", f"{ratio:.1f}", percent(plain_accuracy), percent(accuracy)]
        )
        print(f"{name}: {plain:.1f} s plainly, {ours:.1f} s here", file=sys.stderr, flush=True)
        if least := LEAST_RATIO.get(name):
            rows.append(
                Row(f"`{name}`, a plain loop's seconds to ours", f"{ratio:.1f}", f"at least {least}", ratio >= least)
            )
    print(table(["one epoch", "plain loop, s", "here, s", "ratio", "accuracy, plain", "accuracy, here"], lines))
    print()

    results = [train_here(RECIPES["fast"], data, seed) for seed in range(options.seeds)]
    reached = sum(accuracy >= GOAL for _, accuracy in results)
    few, least = min(accuracy for _, accuracy in results), max(1, round(0.9 * options.seeds))
    what = f"`fast`: seeds of {options.seeds} that reach {percent(GOAL)} (the lowest {percent(few)})"
    rows.append(Row(what, str(reached), f"at least {least}", reached >= least))
    seconds = median(seconds for seconds, _ in results)
    rows.append(at_most("`fast`: seconds of training, median", seconds, 2.0, "{:.2f}".format))
    rows.append(at_most("Stop to the end of a training, slowest of 20, ms", slowest_stop(data), 300, "{:.0f}".format))
    rows.append(Row("PyTorch's MNIST example, trained plainly: seconds to 99 %", pytorch_example(folder), "", True))
    return print_rows(rows)


def train_here(recipe: Recipe, data: Data, seed: int = 0) -> tuple[float, float]:
    """Seconds of training, and the test accuracy."""
    model = recipe.build(seed)
    with closing(train(model, data, recipe, seed=seed)) as training:
        seconds = [progress.seconds for progress in training][-1]
    return seconds, evaluate(model, data.test).accuracy


def slowest_stop(data: Data) -> float:
    """Ms from Stop on the page until training has ended, for stops at moments of any kind: steps, augmentation,
    evaluation."""
    times = []
    for i in range(20):
        run = Run(RECIPES[("cnn", "mlp-512-augmented")[i % 2]], data, i, None, 60)
        time.sleep(0.3 + 0.3 * i)
        stopped = time.perf_counter()
        run.stop.set()
        while not run.has_trained:
            time.sleep(0.001)
        times.append(1000 * (time.perf_counter() - stopped))
        run.drop()
        run.wait()
    return max(times)


def train_plainly(recipe: Recipe, folder: Path, seed: int = 0) -> tuple[float, float]:
    """The same for an epoch as the tutorials write it: digits one at a time, batches by a DataLoader."""
    torch.manual_seed(seed)
    model = plain_network(recipe)
    digits: Dataset = MNIST(str(folder), train=True, transform=ToTensor())
    if augmentation := AUGMENTED.get(recipe.name):
        digits = ConcatDataset([digits, MNIST(str(folder), train=True, transform=augmentation)])
    loader = DataLoader(digits, batch_size=recipe.batch_size, shuffle=True, drop_last=recipe.drop_last)
    if recipe.optimizer == "SGD":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(model.parameters(), recipe.lr, momentum=recipe.momentum)
    else:
        optimizer = torch.optim.Adam(model.parameters(), recipe.lr)
    seconds = run_epoch(model, loader, optimizer)
    return seconds, accuracy_of(model, DataLoader(MNIST(str(folder), train=False, transform=ToTensor()), 1000))


def plain_network(recipe: Recipe) -> nn.Module:
    """The recipe's network as the tutorials have it: PyTorch's own dropout and layout, pooling after ReLU."""
    layers = [nn.Dropout(layer.p) if isinstance(layer, Dropout) else layer for layer in recipe.build()]
    for i, layer in enumerate(layers[:-1]):
        if isinstance(layer, nn.MaxPool2d) and isinstance(layers[i + 1], nn.ReLU):
            layers[i : i + 2] = layers[i + 1], layer
    return nn.Sequential(*layers).to(memory_format=torch.contiguous_format)


def run_epoch(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    model.train()
    started, cost = time.perf_counter(), 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        cost += loss.item() / len(loader)
    return time.perf_counter() - started


def accuracy_of(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    with torch.no_grad():
        right = sum(int((model(images).argmax(dim=1) == labels).sum()) for images, labels in loader)
    return right / len(loader.dataset)  # type: ignore[arg-type]


def pytorch_example(folder: Path) -> str:
    """The network, optimizer and schedule of github.com/pytorch/examples, mnist/main.py, measured after each epoch."""
    torch.manual_seed(1)
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = StepLR(optimizer, step_size=1, gamma=0.7)
    shown = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    learned, tested = (MNIST(str(folder), train=part, transform=shown) for part in (True, False))
    loader, test_loader = DataLoader(learned, batch_size=64, shuffle=True), DataLoader(tested, batch_size=1000)
    told = []
    for seconds, accuracy in epochs(model, optimizer, schedule, loader, test_loader):
        told.append(percent(accuracy))
        if accuracy >= GOAL:
            return f"{seconds:.0f} (after each epoch: {', '.join(told)})"
    return f"never ({', '.join(told)})"


def epochs(
    model: nn.Module, optimizer: torch.optim.Optimizer, schedule: StepLR, loader: DataLoader, tests: DataLoader
) -> Iterator[tuple[float, float]]:
    """Seconds of training so far, and the test accuracy, after each of its 14 epochs."""
    seconds = 0.0
    for _ in range(14):
        seconds += run_epoch(model, loader, optimizer)
        schedule.step()
        yield seconds, accuracy_of(model, tests)


if __name__ == "__main__":
    sys.exit(main())
