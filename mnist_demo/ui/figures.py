"""Numbers to pictures for the page, as HTML: pure functions that take no text from outside, so nothing to escape."""

import base64
import io

import numpy as np
from PIL import Image

from mnist_demo.classifier import Prediction

WALL_COLUMNS = 20  # digits in a row of the sprite; the page wraps them as it likes


def png_url(pixels: np.ndarray) -> str:
    """A uint8 image (H, W) as a PNG in a data: URL."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def answer(prediction: Prediction) -> str:
    """The digit read, large, ten probabilities as bars, and the 28x28 image that the network saw.

    What is no digit is not read; the bars, paler, still tell what it is likest.
    """
    blank = prediction.digit is None
    digit, remark = _say(prediction)
    rows = []
    for candidate, probability in enumerate(prediction.probabilities):
        shown = 0.0 if blank else 100 * probability
        best = " best" if candidate == prediction.digit else ""
        rows.append(
            f'<div class="row{best}"><span class="name">{candidate}</span>'
            f'<span class="track"><span class="bar" style="width:{shown:.1f}%"></span></span>'
            f'<span class="share">{"" if blank else f"{shown:.1f} %"}</span></div>'
        )
    return (
        f'<div class="answer{"" if prediction.is_digit else " unread"}">'
        f'<div class="read"><div class="digit">{digit}</div><div class="confidence">{remark}</div>'
        f'<figure><img src="{png_url(prediction.image)}" alt="The 28 by 28 pixels that the network sees">'
        f"<figcaption>what the network sees</figcaption></figure></div>"
        f'<div class="bars" role="img" aria-label="Probabilities of the digits 0 to 9">{"".join(rows)}</div></div>'
    )


def _say(prediction: Prediction) -> tuple[str, str]:
    """What stands large, and the remark below it."""
    if prediction.digit is None:
        return "?", "Draw a digit"
    if prediction.is_digit:
        return str(prediction.digit), f"{100 * prediction.confidence:.1f} %"
    return "?", "One digit at a time" if prediction.is_several else f"Not a digit, likest to {prediction.digit}"


def wall(images: np.ndarray, predictions: list[int], labels: list[int]) -> str:
    """Digits (N, 28, 28) uint8 with prediction (truth) under each: green and framed where right, red and crossed
    where wrong. One sprite holds all images."""
    rows = -(-len(images) // WALL_COLUMNS)
    cells = np.zeros((rows * WALL_COLUMNS, 28, 28), dtype=np.uint8)
    cells[: len(images)] = images
    sprite = cells.reshape(rows, WALL_COLUMNS, 28, 28).swapaxes(1, 2).reshape(rows * 28, WALL_COLUMNS * 28)
    items = []
    for i, (prediction, label) in enumerate(zip(predictions, labels, strict=True)):
        verdict = "right" if prediction == label else "wrong"
        x, y = -28 * (i % WALL_COLUMNS), -28 * (i // WALL_COLUMNS)
        items.append(
            f'<li class="{verdict}" aria-label="{verdict}: read {prediction}, is {label}">'
            f'<span class="image" style="background-position:calc(var(--zoom)*{x}px) calc(var(--zoom)*{y}px)"></span>'
            f'<span class="caption">{prediction} ({label})</span></li>'
        )
    style = f"--sprite:url({png_url(255 - sprite)});--width:{WALL_COLUMNS * 28}px"
    return f'<ul class="wall" style="{style}">{"".join(items)}</ul>'
