"""Render results as what the page shows: JSON values, PNG images, and short texts. Pure functions."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image
from torch import nn

from mnist_demo.classifier import Prediction
from mnist_demo.data import Dataset
from mnist_demo.data.augment import Affine, Elastic
from mnist_demo.recipes import AUGMENTATIONS, Recipe
from mnist_demo.reports import describe_network, format_percent
from mnist_demo.training import steps_per_epoch
from mnist_demo.ui.services.jobs import SAMPLE_SIZE, TrainingJob

MAX_POINTS = 240  # of a curve
SPRITE_COLUMNS = 20  # digits in a row of a sprite; the page wraps them as it likes
ORANGE, BLUE = (217, 95, 2), (37, 99, 235)


def png_url(pixels: np.ndarray) -> str:
    """Return an image as a PNG in a data: URL: (H, W) gray, or (H, W, 4) RGBA, values 0 to 255."""
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def download(name: str, kind: str, content: bytes) -> dict[str, str]:
    """Return a file for the page to download; `kind` is its media type."""
    return {"name": name, "kind": kind, "content": base64.b64encode(content).decode()}


def prediction(result: Prediction) -> dict[str, Any]:
    """Return a prediction as JSON, without its image. The page and the HTTP API use the same names."""
    return {
        "digit": result.digit,
        "probabilities": result.probabilities,
        "is_digit": result.is_digit,
        "digit_probability": result.digit_probability,
        "is_multiple": result.is_multiple,
    }


def votes(results: dict[str, Prediction]) -> list[dict[str, Any]]:
    """Return the predictions of several models by name."""
    return [{"model": name, "prediction": prediction(result)} for name, result in results.items()]


def pixels(image: np.ndarray) -> str:
    """Return the bytes of an image, uint8, in base64."""
    return base64.b64encode(image.tobytes()).decode()


def network_boxes(model: nn.Sequential) -> list[list[str]]:
    """Return the model's layers as boxes [title, details], such as ["16 maps", "5x5, max pooling, ReLU"]."""
    boxes = []
    for layer in describe_network(model).split(" → "):
        title, *details = layer.replace(" (", ", ").replace(")", "").split(", ")
        boxes.append([title, ", ".join(details)])
    return boxes


def sprite(images: np.ndarray, columns: int = SPRITE_COLUMNS) -> str:
    """Return gray images, uint8 (N, H, W), as one PNG with dark ink on white and `columns` images in a row."""
    return png_url(255 - _tile(images, columns))


def heat_map(maps: np.ndarray, columns: int, scale: float = 0.0) -> str:
    """Return signed maps (N, H, W) as one PNG: orange above 0, blue below, transparent at 0.

    Values of `scale` are opaque; by default the largest absolute value is.
    """
    scale = scale or max(float(np.abs(maps).max(initial=0)), 1e-12)
    strength = np.clip(_tile(maps, columns) / scale, -1, 1)
    pixels = np.zeros((*strength.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where((strength > 0)[..., None], ORANGE, BLUE)
    pixels[..., 3] = np.rint(255 * np.abs(strength) ** 0.7)  # below 1, so that weak values stay visible
    return png_url(pixels)


def _tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Arrange images (N, H, W) row by row in an array (rows * H, columns * W); the rest of the last row is 0."""
    count, height, width = images.shape
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height, width), dtype=images.dtype)
    cells[:count] = images
    return cells.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def training_setup(recipe: Recipe, data: Dataset, drawing: np.ndarray | None) -> dict[str, Any]:
    """Return what the training monitor shows of a training from start to end."""
    sample = data.test[:SAMPLE_SIZE]
    return {
        "name": recipe.name,
        "epochs": recipe.all_epochs,
        "steps_per_epoch": steps_per_epoch(data, recipe),
        "sample": {
            "sprite": sprite(sample.images[:, 0].numpy()),
            "columns": SPRITE_COLUMNS,
            "labels": sample.labels.tolist(),
        },
        "drawing": None if drawing is None else png_url(255 - drawing),
    }


def training_state(job: TrainingJob) -> dict[str, Any]:
    """Return what the training monitor shows of a training now."""
    return {
        "status": training_status(job),
        "curves": training_curves(job),
        "predictions": job.predictions,
        "drawing_prediction": job.drawing_prediction,
        "reached_goal": "" if job.seconds_to_goal is None else f"{job.seconds_to_goal:.1f} s",
    }


def training_curves(job: TrainingJob) -> dict[str, list]:
    """Return the curves, thinned to MAX_POINTS: losses by step, and accuracies in percent."""
    count = len(job.smoothed_losses)
    steps = np.unique(np.linspace(0, count - 1, min(MAX_POINTS, count)).astype(int)).tolist() if count else []
    accuracies = job.accuracies[:]  # the job's thread may append meanwhile
    return {
        "steps": [step + 1 for step in steps],
        "loss": [round(job.losses[step], 4) for step in steps],
        "smoothed_loss": [round(job.smoothed_losses[step], 4) for step in steps],
        "measured_steps": [each.step for each in accuracies],
        "train_accuracy": [round(100 * each.train_accuracy, 2) for each in accuracies],
        "test_accuracy": [round(100 * each.test_accuracy, 2) for each in accuracies],
    }


def training_status(job: TrainingJob) -> str:
    last = job.last
    if last is None:
        return f"Preparing {job.recipe.name}…"
    rate = last.step * job.recipe.batch_size / max(last.seconds, 1e-9)
    if not job.has_trained:
        left = last.seconds / last.step * (last.steps - last.step)
        return (
            f"Epoch {last.epoch} of {job.recipe.all_epochs}, step {last.step:,} of {last.steps:,}: "
            f"{last.seconds:.1f} s so far, about {duration(left)} left, {rate:,.0f} images/s"
        )
    limit = " (this server's time limit)" if job.is_over_time else ""
    outcome = "Done" if last.step == last.steps else f"Stopped at step {last.step:,}{limit}"
    if job.metadata is None:
        return f"{outcome} in {last.seconds:.1f} s; counting the correct test digits…"
    return (
        f"{outcome} in {last.seconds:.1f} s: {format_percent(job.metadata.test_accuracy)} of the test digits correct."
    )


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def augmentation_name(augmentation: tuple[Affine | Elastic, ...]) -> str:
    """Return the name of an augmentation, "other" if the page does not offer it."""
    return next((name for name, known in AUGMENTATIONS.items() if known == augmentation), "other")


def recipe_changes(recipe: Recipe, original: Recipe, seed: int) -> str:
    """Return how a recipe differs from the original, such as "lr 0.1, augmentation: none, seed 3"; empty if equal."""
    texts = []
    for name, value in recipe.diff(original).items():
        if name == "augmentation":
            texts.append(f"augmentation: {augmentation_name(value)}")
        elif name == "train_fraction":
            texts.append(f"train fraction {value:.0%}")
        elif name != "fine_tune":
            texts.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join([*texts, *([f"seed {seed}"] if seed else [])])
