"""A trained network that answers for drawings and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import Record, find_checkpoint, load_checkpoint
from mnist_demo.data import NO_DIGIT, SEVERAL
from mnist_demo.errors import InputError
from mnist_demo.hardware import threads
from mnist_demo.images import picture_to_image
from mnist_demo.models import for_reading
from mnist_demo.strokes import SIDE, Strokes, strokes_to_image

DEFAULT_MODEL = "sketch"  # the checkpoint that answers unless another is asked for


@dataclass(frozen=True)
class Prediction:
    """A network's answer for one drawing.

    A drawing that is no digit still has the digit that it is likest. Networks that were taught digits alone cannot
    tell: for them everything but a blank is one, with a score of 1.
    """

    digit: int | None  # 0 to 9, None for a blank
    probabilities: list[float]  # ten, of the digits 0 to 9 if it is one, summing to 1; all 0.1 for a blank
    image: np.ndarray  # uint8 (28, 28), 0 background to 255 ink: what the network saw
    digit_score: float = 1.0  # how likely it is one digit and nothing else, 0 to 1
    is_digit: bool = True  # whether that reaches the network's threshold; False for a blank
    is_several: bool = False  # where it is no digit: whether it looks like several, side by side

    @property
    def confidence(self) -> float:
        """The answer's probability, 0.1 for a blank."""
        return max(self.probabilities)


# The answer for every drawing without ink.
BLANK = Prediction(None, [0.1] * 10, np.zeros((SIDE, SIDE), dtype=np.uint8), digit_score=0.0, is_digit=False)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network, in evaluation mode, that answers for drawings and pictures."""

    name: str
    model: nn.Module
    record: Record | None = None  # how it was made, where it comes from a checkpoint

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Classifier":
        """The classifier stored in `checkpoints/` under a name, or in the file at a path. Raises CheckpointError."""
        path = find_checkpoint(name_or_path)
        model, record = load_checkpoint(path)
        return cls(path.stem, for_reading(model), record)

    @property
    def calibration(self) -> Calibration:
        return self.record.calibration if self.record else Calibration()

    def predict_strokes(self, strokes: Strokes) -> Prediction:
        """Read pen strokes: a list of strokes, each a list of (x, y) in any unit, y down. Raises InputError."""
        return self.predict_prepared(strokes_to_image(strokes))

    def predict_image(self, image: Image.Image | np.ndarray) -> Prediction:
        """Read a picture: a PIL image, or uint8 (H, W) or (H, W, C), of any size. Raises InputError."""
        return self.predict_prepared(picture_to_image(image))

    def predict_prepared(self, image: np.ndarray) -> Prediction:
        """Read an image that is already like MNIST's, (28, 28) uint8, 0 background to 255 ink."""
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[Prediction]:
        """Read several such images at once, which takes less time than one after the other.

        Raises InputError where the network's weights are so large that its answers are no numbers.
        """
        inked = [image for image in images if image.any()]
        answers = iter(self._predict_inked(np.stack(inked)) if inked else [])
        return [next(answers) if image.any() else BLANK for image in images]

    def _predict_inked(self, images: np.ndarray) -> list[Prediction]:
        """The same of (N, 28, 28) uint8 none of which is blank."""
        with torch.inference_mode(), threads(1):  # to share out few digits costs more than it brings
            pixels = torch.from_numpy(images).float().div_(255)[:, None]  # (N, 1, 28, 28)
            logits = self.model(pixels.to(next(self.model.parameters()).device)).cpu()  # (N, 10) or (N, 12)
        if not self.calibration.probabilities(logits).isfinite().all():
            raise InputError(f"The network {self.name} is of no use: its answers are no numbers.")
        return [self._judge(image, row) for image, row in zip(images, logits, strict=True)]

    def _judge(self, image: np.ndarray, logits: Tensor) -> Prediction:
        """What logits (10,) or (12,) say of an image."""
        probabilities = self.calibration.probabilities(logits).tolist()
        score = self.calibration.scores(logits).item()
        is_digit = score >= self.calibration.least_score
        is_several = not is_digit and len(logits) > SEVERAL and bool(logits[SEVERAL] > logits[NO_DIGIT])
        return Prediction(int(np.argmax(probabilities)), probabilities, image, score, is_digit, is_several)
