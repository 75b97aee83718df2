"""Which digits of a set a network finds likest to a drawing."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mnist_demo.data import Digits
from mnist_demo.evaluation import compute_logits
from mnist_demo.hardware import threads

WIDTH = 128  # numbers kept of a digit, at most: 15 MB of 60,000 digits
SAMPLE = 2_000  # digits whose last hidden layers say which WIDTH directions to keep
ROUNDS = 8  # of subspace iteration towards them
FEW = 50  # digits that are measured anew in the layer's full width; without that `cnn` misses a fifth of the nearest
_BLOCK = 1_024  # vectors compared at once: their floats stay in a core's cache


@dataclass(frozen=True, eq=False)
class Features:
    """Where a network puts each digit of a set, so that those it finds alike lie close together.

    That is its last hidden layer. A network without hidden layers sees nothing but the pixels, which are not copied.
    """

    images: Tensor  # uint8 (N, 1, 28, 28), the set's own
    vectors: Tensor  # float16 (N, at most WIDTH), or the images themselves, uint8 (N, 784)
    squares: Tensor  # float32 (N,), each vector's squared length
    projection: nn.Linear | None  # to the vectors, where the last hidden layer is wider than WIDTH

    @property
    def nbytes(self) -> int:
        """Bytes of memory kept, without those of the set itself."""
        own = [self.squares, *(self.projection.parameters() if self.projection else [])]
        own += [self.vectors] if self.vectors.is_floating_point() else []
        return sum(tensor.nbytes for tensor in own)

    def nearest(self, model: nn.Sequential, image: np.ndarray, count: int = 5) -> tuple[list[int], list[float]]:
        """The `count` digits nearest to an image, uint8 (28, 28): their rows in the set, nearest first, and their
        Euclidean distances in the layer's own unit (of pixels, ink is 1), which differ from network to network.

        `model` is the network of these features. FEW digits, or twice the `count`, are found by what is kept of them,
        and measured anew in all of the layer.
        """
        hidden = _hidden(model)
        with torch.inference_mode(), threads(1):
            exact = hidden(torch.from_numpy(image)[None, None].float().div_(255))  # (1, width)
            place = self.projection(exact)[0] if self.projection else exact[0]  # (kept width,)
            place = place if self.vectors.is_floating_point() else 255 * place
            products = torch.cat([block.float() @ place for block in self.vectors.split(_BLOCK)])  # (N,)
            # |v - p|^2 less |p|^2, which is the same for all
            few = (self.squares - 2 * products).topk(min(max(FEW, 2 * count), len(products)), largest=False).indices
            few = few.sort().values
            distances = (hidden(self.images[few].float().div_(255)) - exact).norm(dim=1)
            order = distances.argsort(stable=True)[:count]
        return few[order].tolist(), distances[order].tolist()


def compute_features(
    model: nn.Sequential,
    digits: Digits,
    report: Callable[[float], None] = lambda share: None,
    workers: int = 1,
) -> Features:
    """Read `digits` with `model`, in evaluation mode and with a linear layer at its end; all on the CPU.

    A hidden layer wider than WIDTH is projected to the WIDTH directions in which SAMPLE of the digits differ most:
    principal components, found by subspace iteration (N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with
    randomness", 2011). The same digits give the same features. `report` is told the share that is done, 0 to 1, and
    may raise to end it; `workers` are those of `compute_logits`.
    """
    projection = None
    if not list(model[:-1].parameters()):
        vectors = digits.images.flatten(1)  # (N, 784), the same memory
        report(1.0)
    else:
        last = model[-1]
        if isinstance(last, nn.Linear) and last.in_features > WIDTH:
            sample = digits[:: -(-len(digits) // SAMPLE)]
            projection = _principal(compute_logits(_hidden(model), sample, workers=workers))
        vectors = compute_logits(_hidden(model, projection), digits, report=report, workers=workers).half()
    squares = torch.cat([block.float().square().sum(dim=1) for block in vectors.split(_BLOCK)])
    return Features(digits.images, vectors, squares, projection)


def _hidden(model: nn.Sequential, projection: nn.Linear | None = None) -> nn.Sequential:
    """The network's own layers up to the last hidden one, and the projection after them."""
    # A new Sequential is in training mode, into which whoever restores that would put the network's own layers.
    return nn.Sequential(*model[:-1], *([projection] if projection else [])).eval()


def _principal(vectors: Tensor) -> nn.Linear:
    """The projection of vectors (N, width) to the WIDTH directions in which they differ most."""
    centred = (vectors - vectors.mean(dim=0)).double()
    covariance = centred.T @ centred  # (width, width)
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(len(covariance), WIDTH, dtype=torch.float64, generator=generator)
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(covariance @ basis).Q  # (width, WIDTH)
    projection = nn.Linear(len(covariance), WIDTH, bias=False)
    projection.weight = nn.Parameter(basis.T.float().contiguous(), requires_grad=False)
    return projection
