"""Handwritten digits: PyTorch networks that read them, the recipes that train those, and a page to draw on."""

from mnist_demo.classifier import Classifier, Prediction
from mnist_demo.data import Data, Digits, load_mnist, practice_data
from mnist_demo.errors import CheckpointError, DataError, DemoError, InputError
from mnist_demo.evaluation import Evaluation, evaluate
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.training import Progress, train

__all__ = [
    "RECIPES",
    "CheckpointError",
    "Classifier",
    "Data",
    "DataError",
    "DemoError",
    "Digits",
    "Evaluation",
    "InputError",
    "Prediction",
    "Progress",
    "Recipe",
    "evaluate",
    "load_mnist",
    "practice_data",
    "train",
]
