"""Render results as what the page shows: JSON values, PNG images, and short texts. Pure functions."""

import base64
import io
from collections import Counter
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


def prediction(result: Prediction, *, blank: str = "Draw a digit") -> dict[str, Any]:
    """Return what the prediction panel shows.

    That is the label and the note below it, whether it is a digit, the best guess, eleven percentages (none for a
    blank drawing), and the 28x28 pixels in base64. `blank` is the note for a drawing without ink.
    """
    is_blank = result.digit is None
    label, note = _label(result)
    return {
        "label": label,
        "note": blank if is_blank else note,
        "is_digit": result.is_digit,
        "digit": result.digit,
        "percentages": [] if is_blank else percentages(result),
        "image": base64.b64encode(result.image.tobytes()).decode(),
    }


def percentages(result: Prediction) -> list[float]:
    """Return the percentages of the ten digits and of "not a digit", in tenths; their sum is 100."""
    score = result.digit_probability
    shares = 1000 * np.array([*(score * each for each in result.probabilities), 1 - score])
    tenths = np.floor(shares).astype(int)
    missing = 1000 - tenths.sum()
    tenths[np.argsort(tenths - shares, kind="stable")[:missing]] += 1  # those that were cut most
    return [each / 10 for each in tenths.tolist()]


def votes(results: dict[str, Prediction]) -> dict[str, Any]:
    """Return the predictions of several models by name, and a summary such as "10 models say 7, 1 says 2"."""
    models = [model_vote(name, result) | {"is_digit": result.is_digit} for name, result in results.items()]
    counts = Counter(vote["label"] if vote["is_digit"] else "not a digit" for vote in models)
    said = [f"{count} {'says' if count == 1 else 'say'} {what}" for what, count in counts.most_common()]
    said[0] = said[0].replace(" say ", " models say ").replace(" says ", " model says ")
    return {"summary": ", ".join(said), "models": models}


def network_boxes(model: nn.Sequential) -> list[list[str]]:
    """Return the model's layers as boxes [title, details], such as ["16 maps", "5x5, max pooling, ReLU"]."""
    boxes = []
    for layer in describe_network(model).split(" → "):
        title, *details = layer.replace(" (", ", ").replace(")", "").split(", ")
        boxes.append([title, ", ".join(details)])
    return boxes


def model_vote(model: str, result: Prediction) -> dict[str, str]:
    """Return one line of the list of all models' predictions."""
    label, note = _label(result)
    return {"model": model, "label": label, "note": note}


def _label(result: Prediction) -> tuple[str, str]:
    """Return the best guess, "?" for none or several digits, and the note below it."""
    if result.digit is None:
        return "?", ""
    if result.is_multiple:
        return "?", "I see more than one digit"
    return str(result.digit), f"{percentages(result)[result.digit]:.1f}%" if result.is_digit else "Not a digit?"


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
