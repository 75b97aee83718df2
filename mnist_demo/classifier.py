"""Classify drawings and photos of digits with a trained model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mnist_demo.calibration import Calibration
from mnist_demo.checkpoints import Metadata, find_checkpoint, load_checkpoint
from mnist_demo.data import MULTIPLE_DIGITS, NOT_A_DIGIT
from mnist_demo.devices import torch_threads
from mnist_demo.errors import InputError
from mnist_demo.models import fuse_for_inference
from mnist_demo.preprocess.images import photo_to_image
from mnist_demo.preprocess.strokes import IMAGE_SIZE, Strokes, strokes_to_image

DEFAULT_MODEL = "sketch"  # name of the default checkpoint


@dataclass(frozen=True)
class Prediction:
    """A model's prediction for one drawing.

    A non-digit also has a most likely digit. Models trained on digits alone accept every drawing that is not blank.
    """

    digit: int | None  # most likely digit, 0 to 9; None for a blank drawing
    probabilities: list[float]  # of the digits 0 to 9, given that it is one; sum to 1; all 0.1 for a blank drawing
    image: np.ndarray  # the model's input, uint8 (28, 28), 0 background to 255 ink
    digit_probability: float = 1.0  # probability that it is exactly one digit, 0 to 1
    is_digit: bool = True  # whether that reaches the model's threshold; False for a blank drawing
    is_multiple: bool = False  # whether a rejected drawing looks like several digits side by side

    @property
    def confidence(self) -> float:
        """The probability of the predicted digit; 0.1 for a blank drawing."""
        return max(self.probabilities)


BLANK = Prediction(None, [0.1] * 10, np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8), 0.0, is_digit=False)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained model with methods for each kind of input."""

    name: str
    model: nn.Module  # in evaluation mode
    metadata: Metadata | None = None  # the checkpoint's metadata, None without a checkpoint

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Classifier":
        """Load a checkpoint by its name in `checkpoints/` or by its path. Raises CheckpointError."""
        path = find_checkpoint(name_or_path)
        model, metadata = load_checkpoint(path)
        return cls(path.stem, fuse_for_inference(model), metadata)

    @property
    def calibration(self) -> Calibration:
        """The checkpoint's calibration, or the default one without a checkpoint."""
        return self.metadata.calibration if self.metadata else Calibration()

    def predict_strokes(self, strokes: Strokes) -> Prediction:
        """Classify pen strokes: a list of strokes, each a list of (x, y) in any unit, y down. Raises InputError."""
        return self.predict_mnist(strokes_to_image(strokes))

    def predict_image(self, image: Image.Image | np.ndarray) -> Prediction:
        """Classify a photo: a PIL image, or uint8 (H, W) or (H, W, C), of any size. Raises InputError."""
        return self.predict_mnist(photo_to_image(image))

    def predict_mnist(self, image: np.ndarray) -> Prediction:
        """Classify an image that already looks like MNIST's: uint8 (28, 28), 0 background to 255 ink."""
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[Prediction]:
        """Classify several such images at once, which is faster than one by one.

        Raises InputError if the model's weights are so large that the probabilities are not finite.
        """
        inked = [image for image in images if image.any()]
        predictions = iter(self._predict_inked(np.stack(inked)) if inked else [])
        return [next(predictions) if image.any() else BLANK for image in images]

    def _predict_inked(self, images: np.ndarray) -> list[Prediction]:
        with torch.inference_mode(), torch_threads(1):  # more threads are slower for a few images
            pixels = torch.from_numpy(images).float().div_(255)[:, None]  # (N, 1, 28, 28)
            logits = self.model(pixels.to(next(self.model.parameters()).device)).cpu()  # (N, 10) or (N, 12)
        if not self.calibration.probabilities(logits).isfinite().all():
            raise InputError(f"The model {self.name} cannot be used: its probabilities are not finite.")
        return [self._to_prediction(image, row) for image, row in zip(images, logits, strict=True)]

    def _to_prediction(self, image: np.ndarray, logits: Tensor) -> Prediction:
        probabilities = self.calibration.probabilities(logits).tolist()
        score = self.calibration.scores(logits).item()
        is_digit = score >= self.calibration.threshold
        is_multiple = not is_digit and len(logits) > 10 and bool(logits[MULTIPLE_DIGITS] > logits[NOT_A_DIGIT])
        return Prediction(int(np.argmax(probabilities)), probabilities, image, score, is_digit, is_multiple)
