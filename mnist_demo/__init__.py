"""Handwritten-digit classification: PyTorch models, the recipes that train them, and a Gradio page to draw on."""

from mnist_demo.classifier import Classifier, Prediction
from mnist_demo.data import Dataset, Digits
from mnist_demo.data.mnist import load_mnist
from mnist_demo.data.synthetic import synthetic_dataset
from mnist_demo.errors import CheckpointError, DataError, DemoError, InputError
from mnist_demo.evaluation import Evaluation, evaluate
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.training import Progress, train

__all__ = [
    "RECIPES",
    "CheckpointError",
    "Classifier",
    "DataError",
    "Dataset",
    "DemoError",
    "Digits",
    "Evaluation",
    "InputError",
    "Prediction",
    "Progress",
    "Recipe",
    "evaluate",
    "load_mnist",
    "synthetic_dataset",
    "train",
]
