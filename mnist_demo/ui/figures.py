"""Numbers to what the page shows: pure functions that take no text from outside, so nothing to escape."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from mnist_demo.classifier import Prediction

WALL_COLUMNS = 20  # digits in a row of the sprite; the page wraps them as it likes
ORANGE, BLUE = (217, 95, 2), (37, 99, 235)


def png_url(pixels: np.ndarray) -> str:
    """An image (H, W), or (H, W, 4) with red, green, blue and opacity, 0 to 255, as a PNG in a data: URL."""
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
    """Pictures (N, H, W) uint8, dark ink on white, as one picture with so many in a row."""
    return png_url(255 - _tile(images, columns))


def heat(maps: np.ndarray, columns: int, scale: float = 0.0) -> str:
    """Signed pictures (N, H, W) as one, with so many in a row: orange above 0 and blue below, the fainter the nearer to
    it, and clear at 0. What is as far from 0 as `scale` is opaque, or without one the farthest."""
    scale = scale or max(float(np.abs(maps).max(initial=0)), 1e-12)
    strength = np.clip(_tile(maps, columns) / scale, -1, 1)
    pixels = np.zeros((*strength.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where((strength > 0)[..., None], ORANGE, BLUE)
    pixels[..., 3] = np.rint(255 * np.abs(strength) ** 0.7)  # or else all but the strongest would vanish
    return png_url(pixels)


def _tile(pictures: np.ndarray, columns: int) -> np.ndarray:
    """(N, H, W) as (rows * H, columns * W), row by row; what is left of the last row is 0."""
    count, height, width = pictures.shape
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height, width), dtype=pictures.dtype)
    cells[:count] = pictures
    return cells.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
