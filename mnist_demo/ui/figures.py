"""Numbers to what the page shows: pure functions that take no text from outside, so nothing to escape."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from mnist_demo.classifier import Prediction

WALL_COLUMNS = 20  # digits in a row of the sprite; the page wraps them as it likes


def png_url(pixels: np.ndarray) -> str:
    """An image (H, W), 0 to 255, as a PNG in a data: URL."""
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def answer(prediction: Prediction, *, blank: str = "Draw a digit") -> dict[str, Any]:
    """What the page shows of a prediction, as JSON can hold it: what stands large and the remark below it, whether it
    was read, the likeliest digit, ten shares in percent (none for a blank), and the 28x28 pixels that the network saw,
    as base64 text.

    What is no digit is not read; the best guess and the shares still tell what it is likest. `blank` is the remark
    where there is no ink.
    """
    is_blank = prediction.digit is None
    shown, remark = _say(prediction)
    return {
        "shown": shown,
        "remark": blank if is_blank else remark,
        "is_digit": prediction.is_digit,
        "best": prediction.digit,
        "shares": [] if is_blank else [round(100 * probability, 1) for probability in prediction.probabilities],
        "image": base64.b64encode(prediction.image.tobytes()).decode(),
    }


def verdict(model: str, prediction: Prediction) -> dict[str, str]:
    """A line of the list of what every model says."""
    shown, remark = _say(prediction)
    return {"model": model, "shown": shown, "remark": remark}


def _say(prediction: Prediction) -> tuple[str, str]:
    """What stands large, the best guess even where it is no digit, and the remark below it."""
    if prediction.digit is None:
        return "?", ""
    remark = "One digit at a time" if prediction.is_several else "That does not look like a digit"
    return str(prediction.digit), f"{100 * prediction.confidence:.1f} %" if prediction.is_digit else remark


def sprite(images: np.ndarray, columns: int = WALL_COLUMNS) -> str:
    """Digits (N, 28, 28) uint8, dark ink on white, as one picture with so many in a row."""
    rows = -(-len(images) // columns)
    cells = np.zeros((rows * columns, 28, 28), dtype=np.uint8)
    cells[: len(images)] = images
    return png_url(255 - cells.reshape(rows, columns, 28, 28).swapaxes(1, 2).reshape(rows * 28, columns * 28))
