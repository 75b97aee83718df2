"""Nearest neighbors: the digits of a set that are most similar to a drawing in a model's last hidden layer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mnist_demo.data import Digits
from mnist_demo.devices import torch_threads
from mnist_demo.evaluation import compute_logits

MAX_FEATURES = 128  # stored per digit: 15 MB for 60,000 digits
PCA_SAMPLE = 2_000  # digits that determine the principal components
CANDIDATES = 50  # compared again with all features of the layer; see docs/explanations.md
_BLOCK = 1_024  # vectors compared at once, so that their floats stay in a core's cache


@dataclass(frozen=True, eq=False)
class NeighborIndex:
    """The features of each digit of a set: a model's last hidden layer, or the pixels for a model without one."""

    images: Tensor  # uint8 (N, 1, 28, 28), shared with the set
    vectors: Tensor  # float16 (N, at most MAX_FEATURES), or the images themselves as uint8 (N, 784)
    squares: Tensor  # float32 (N,), squared norm of each vector
    projection: nn.Linear | None  # from the hidden layer to the vectors, if it is wider than MAX_FEATURES

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the index adds to the set itself."""
        own = [self.squares, *(self.projection.parameters() if self.projection else [])]
        own += [self.vectors] if self.vectors.is_floating_point() else []
        return sum(tensor.nbytes for tensor in own)

    def nearest(self, model: nn.Sequential, image: np.ndarray, count: int = 5) -> tuple[list[int], list[float]]:
        """Return the rows of the `count` digits nearest to an image, uint8 (28, 28), and their distances, ascending.

        Distances are Euclidean, in units of the hidden layer; for pixels, full ink is 1. `model` must be the model that
        built the index. CANDIDATES digits (or twice `count`) are compared again in the layer's full width.
        """
        hidden = _hidden_layers(model)
        with torch.inference_mode(), torch_threads(1):
            exact = hidden(torch.from_numpy(image)[None, None].float().div_(255))  # (1, width)
            vector = self.projection(exact)[0] if self.projection else exact[0]  # (features,)
            vector = vector if self.vectors.is_floating_point() else 255 * vector
            products = torch.cat([block.float() @ vector for block in self.vectors.split(_BLOCK)])  # (N,)
            scores = self.squares - 2 * products  # |v - p|^2 without |p|^2, which is the same for all
            rows = scores.topk(min(max(CANDIDATES, 2 * count), len(scores)), largest=False).indices.sort().values
            distances = (hidden(self.images[rows].float().div_(255)) - exact).norm(dim=1)
            order = distances.argsort(stable=True)[:count]
        return rows[order].tolist(), distances[order].tolist()


def build_neighbor_index(
    model: nn.Sequential, digits: Digits, report: Callable[[float], None] = lambda fraction: None, workers: int = 1
) -> NeighborIndex:
    """Compute the features of `digits`; all on the CPU. `model` is in evaluation mode and ends with a linear layer.

    A hidden layer wider than MAX_FEATURES is projected to its first principal components, computed from PCA_SAMPLE
    digits. The same digits give the same index. `report` and `workers` are those of `compute_logits`.
    """
    projection = None
    if not list(model[:-1].parameters()):
        vectors = digits.images.flatten(1)  # (N, 784), without a copy
        report(1.0)
    else:
        last = model[-1]
        if isinstance(last, nn.Linear) and last.in_features > MAX_FEATURES:
            sample = digits[:: -(-len(digits) // PCA_SAMPLE)]
            projection = _principal_components(compute_logits(_hidden_layers(model), sample, workers=workers))
        hidden = _hidden_layers(model, projection)
        vectors = compute_logits(hidden, digits, report=report, workers=workers).half()
    squares = torch.cat([block.float().square().sum(dim=1) for block in vectors.split(_BLOCK)])
    return NeighborIndex(digits.images, vectors, squares, projection)


def _hidden_layers(model: nn.Sequential, projection: nn.Linear | None = None) -> nn.Sequential:
    """Return the model's own layers without the last, followed by the projection if there is one."""
    # A new Sequential starts in training mode, and restoring that mode later would change the shared layers.
    return nn.Sequential(*model[:-1], *([projection] if projection else [])).eval()


def _principal_components(vectors: Tensor) -> nn.Linear:
    """Return the projection of vectors (N, width) to their MAX_FEATURES first principal components."""
    covariance = torch.cov(vectors.T.double(), correction=0)  # with float32, eigh fails to converge for `cnn`
    components = torch.linalg.eigh(covariance).eigenvectors[:, -MAX_FEATURES:]  # sorted by ascending eigenvalue
    projection = nn.Linear(len(components), MAX_FEATURES, bias=False)
    projection.weight = nn.Parameter(components.T.float().contiguous(), requires_grad=False)
    return projection
