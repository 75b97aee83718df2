"""Measure training time: python -m tests.benchmarks.training [--data DIR] [--recipes NAME ...] [--seeds N]

Train each tutorial's recipe for one epoch, first with a plain loop over a DataLoader, as the tutorials do, then with
`train`. Then train `fast` with several seeds, and PyTorch's own MNIST example until it reaches 99%. Exit with 1 if a
target is missed. Takes about 15 minutes on two cores.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from threading import Event

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import ConcatDataset, DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, RandomAffine, RandomRotation, ToTensor

from mnist_demo import RECIPES, Dataset, Recipe, evaluate, load_mnist, train
from mnist_demo.data.mnist import DATA_FOLDER
from mnist_demo.models import Dropout
from mnist_demo.reports import format_percent, markdown_table
from mnist_demo.ui.services.jobs import TrainingJob
from tests.benchmarks.rows import Row, at_most, print_rows

GOAL = 0.99
MIN_RATIO = {"mlp-512": 1.7, "mlp-512-augmented": 1.7, "mlp-dropout": 1.7, "mlp-128": 1.7, "cnn": 1.5}
# The tutorials' augmentation, applied to one image at a time.
TWO_ROTATIONS = Compose([RandomRotation(25), RandomAffine(45, translate=(0.1, 0.1), scale=(0.8, 1.2)), ToTensor()])
KERAS = Compose([RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1)), ToTensor()])
AUGMENTED = {"mlp-512-augmented": TWO_ROTATIONS, "mlp-dropout": TWO_ROTATIONS, "mlp-128": KERAS}


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
        recipe = RECIPES[name].change(epochs=1, validation_size=0)
        plain, plain_accuracy = train_with_plain_loop(recipe, folder)
        ours, accuracy = train_here(recipe, data)
        ratio = plain / ours
        figures = [f"{plain:.1f}", f"{ours:.1f}", f"{ratio:.1f}"]
        lines.append([f"`{name}`", *figures, format_percent(plain_accuracy), format_percent(accuracy)])
        print(f"{name}: {plain:.1f} s with a plain loop, {ours:.1f} s here", file=sys.stderr, flush=True)
        if minimum := MIN_RATIO.get(name):
            what = f"`{name}`, seconds of a plain loop divided by ours"
            rows.append(Row(what, f"{ratio:.1f}", f"at least {minimum}", ratio >= minimum))
    head = ["one epoch", "plain loop, s", "here, s", "ratio", "accuracy, plain", "accuracy, here"]
    print(markdown_table(head, lines), end="\n\n")

    results = [train_here(RECIPES["fast"], data, seed) for seed in range(options.seeds)]
    reached = sum(accuracy >= GOAL for _, accuracy in results)
    lowest, minimum = min(accuracy for _, accuracy in results), max(1, round(0.9 * options.seeds))
    what = f"`fast`: seeds of {options.seeds} that reach {format_percent(GOAL)} (lowest: {format_percent(lowest)})"
    rows.append(Row(what, str(reached), f"at least {minimum}", reached >= minimum))
    seconds = median(seconds for seconds, _ in results)
    rows.append(at_most("`fast`: training time, median, s", seconds, 2.0, "{:.2f}".format))
    rows.append(
        at_most("from Stop to the end of training, slowest of 20, ms", slowest_stop(data), 300, "{:.0f}".format)
    )
    rows.append(Row("PyTorch's MNIST example with a plain loop: seconds to 99%", pytorch_example(folder), "", True))
    return print_rows(rows)


def train_here(recipe: Recipe, data: Dataset, seed: int = 0) -> tuple[float, float]:
    """Return the seconds of training and the test accuracy."""
    model = recipe.build(seed)
    with closing(train(model, data, recipe, seed=seed)) as training:
        seconds = [progress.seconds for progress in training][-1]
    return seconds, evaluate(model, data.test).accuracy


def slowest_stop(data: Dataset) -> float:
    """Return the longest time in ms from Stop until training ends, during steps, augmentation and evaluation."""
    times = []
    for i in range(20):
        recipe = RECIPES[("cnn", "mlp-512-augmented")[i % 2]]
        job = TrainingJob(stop=Event(), max_seconds=60, recipe=recipe, data=data, seed=i, drawing=None)
        time.sleep(0.3 + 0.3 * i)
        stopped = time.perf_counter()
        job.stop.set()
        while not job.has_trained:
            time.sleep(0.001)
        times.append(1000 * (time.perf_counter() - stopped))
        job.drop()
        job.wait()
    return max(times)


def train_with_plain_loop(recipe: Recipe, folder: Path, seed: int = 0) -> tuple[float, float]:
    """Return the same for one epoch as in the tutorials: one digit at a time, batched by a DataLoader."""
    torch.manual_seed(seed)
    model = plain_model(recipe)
    digits: TorchDataset = MNIST(str(folder), train=True, transform=ToTensor())
    if augmentation := AUGMENTED.get(recipe.name):
        digits = ConcatDataset([digits, MNIST(str(folder), train=True, transform=augmentation)])
    loader = DataLoader(digits, batch_size=recipe.batch_size, shuffle=True, drop_last=recipe.drop_last)
    if recipe.optimizer == "SGD":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(model.parameters(), recipe.lr, momentum=recipe.momentum)
    else:
        optimizer = torch.optim.Adam(model.parameters(), recipe.lr)
    seconds = run_epoch(model, loader, optimizer)
    return seconds, accuracy_of(model, DataLoader(MNIST(str(folder), train=False, transform=ToTensor()), 1000))


def plain_model(recipe: Recipe) -> nn.Module:
    """Return the recipe's model as in the tutorials: PyTorch's dropout and memory layout, pooling after ReLU."""
    layers = [nn.Dropout(layer.p) if isinstance(layer, Dropout) else layer for layer in recipe.build()]
    for i, layer in enumerate(layers[:-1]):
        if isinstance(layer, nn.MaxPool2d) and isinstance(layers[i + 1], nn.ReLU):
            layers[i : i + 2] = layers[i + 1], layer
    return nn.Sequential(*layers).to(memory_format=torch.contiguous_format)


def run_epoch(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    model.train()
    started, total_loss = time.perf_counter(), 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        total_loss += loss.item()  # the tutorials report it, and reading it takes time
    return time.perf_counter() - started


def accuracy_of(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    with torch.no_grad():
        correct = sum(int((model(images).argmax(dim=1) == labels).sum()) for images, labels in loader)
    return correct / len(loader.dataset)  # type: ignore[arg-type]


def pytorch_example(folder: Path) -> str:
    """Train the model of github.com/pytorch/examples, mnist/main.py. Return how many seconds it takes."""
    torch.manual_seed(1)
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = StepLR(optimizer, step_size=1, gamma=0.7)
    transform = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    train_set, test_set = (MNIST(str(folder), train=part, transform=transform) for part in (True, False))
    loader, test_loader = DataLoader(train_set, batch_size=64, shuffle=True), DataLoader(test_set, batch_size=1000)
    accuracies = []
    for seconds, accuracy in epochs(model, optimizer, schedule, loader, test_loader):
        accuracies.append(format_percent(accuracy))
        if accuracy >= GOAL:
            return f"{seconds:.0f} (after each epoch: {', '.join(accuracies)})"
    return f"never ({', '.join(accuracies)})"


def epochs(
    model: nn.Module, optimizer: torch.optim.Optimizer, schedule: StepLR, loader: DataLoader, tests: DataLoader
) -> Iterator[tuple[float, float]]:
    """Yield the seconds of training so far and the test accuracy, after each of 14 epochs."""
    seconds = 0.0
    for _ in range(14):
        seconds += run_epoch(model, loader, optimizer)
        schedule.step()
        yield seconds, accuracy_of(model, tests)


if __name__ == "__main__":
    sys.exit(main())
