"""Checkpoints: safetensors files that hold a model's weights and, in their header, how it was trained."""

import dataclasses
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, Json, TypeAdapter, ValidationError
from pydantic_core import to_json
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mnist_demo.calibration import Calibration
from mnist_demo.data import Dataset, pen_digits, unipen
from mnist_demo.devices import hardware_name
from mnist_demo.errors import CheckpointError
from mnist_demo.evaluation import EpochResult, Evaluation
from mnist_demo.files import check_can_write, write_atomically
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.training import Progress

CHECKPOINT_FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"
CHECKPOINT_SUFFIX = ".safetensors"
FORMAT_VERSION = 2
MAX_HEADER = 200_000  # characters, enough for a thousand epochs

Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Metadata:
    """How a model was trained and how accurate it is. In a file, each field is a JSON text under its name."""

    recipe: Recipe
    data_source: str  # name of the dataset, "MNIST" or "synthetic digits"
    data_checksum: str  # SHA-256 of the dataset
    test_accuracy: Fraction  # on the dataset's test set
    test_loss: float  # mean cross-entropy on the test set, nats
    per_class_accuracy: Annotated[list[Fraction], Field(min_length=10, max_length=10)]  # for each digit 0 to 9
    epochs: list[EpochResult]  # one for each finished epoch
    steps: int  # steps taken
    finished: bool  # False if training was stopped early
    seed: int
    seconds: float  # of training, without evaluation
    device: str  # "cpu" or "cuda"
    threads: int  # CPU threads of PyTorch
    hardware: str  # name of the processor or GPU
    credit: str = ""  # attribution that the license of the training data requires
    calibration: Calibration = field(default_factory=Calibration)
    torch_version: str = torch.__version__
    format_version: int = FORMAT_VERSION


_HEADER = TypeAdapter(dict[str, Json])
_METADATA = TypeAdapter(Metadata)


def build_metadata(
    recipe: Recipe, data: Dataset, last: Progress, epochs: list[EpochResult], tested: Evaluation, device: str, seed: int
) -> Metadata:
    """Return the metadata of a training on this machine: its `last` progress, and how the model `tested` after it."""
    return Metadata(
        recipe=recipe,
        data_source=data.name,
        data_checksum=data.checksum,
        test_accuracy=tested.accuracy,
        test_loss=tested.loss,
        per_class_accuracy=tested.per_class_accuracy,
        epochs=epochs,
        steps=last.step,
        finished=last.step == last.steps,
        seed=seed,
        seconds=last.seconds,
        device=device,
        threads=torch.get_num_threads(),
        hardware=hardware_name(device),
        credit=f"{pen_digits.CREDIT}; {unipen.CREDIT}" if recipe.pen_writers else "",
    )


def save_checkpoint(path: Path, model: nn.Module, metadata: Metadata) -> None:
    """Write a checkpoint atomically; create its folder if needed. Raise CheckpointError if it cannot be written."""
    content = to_bytes(model, metadata)  # safetensors' own writer makes files that other users cannot read
    try:
        write_atomically(path, content)
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path} could not be written: {error}") from error


def to_bytes(model: nn.Module, metadata: Metadata) -> bytes:
    """Return the contents of a checkpoint file."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    header = {name: json.dumps(value, ensure_ascii=False) for name, value in dataclasses.asdict(metadata).items()}
    header["checksum"] = _checksum(header, weights)
    return save(weights, header)


def check_writable(path: Path) -> None:
    """Raise CheckpointError if `path` cannot be written; call it before a long training."""
    try:
        check_can_write(path)
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path} could not be written: {error.strerror}.") from error


def load_checkpoint(path: Path) -> tuple[nn.Sequential, Metadata]:
    """Load a model, on the CPU and in evaluation mode, and its metadata. Pickles are never opened.

    Raise CheckpointError if the file is missing, of another format or version, altered, or has weights not finite.
    """
    header, weights = _read(path)
    metadata = _parse(path, header)
    model = metadata.recipe.build()
    if {tensor.dtype for tensor in weights.values()} - {tensor.dtype for tensor in model.state_dict().values()}:
        raise CheckpointError(f"{path} does not hold the weights of {metadata.recipe.network}, but of other types.")
    if header.get("checksum") != _checksum(header, weights):
        raise CheckpointError(f"{path} is damaged: its contents do not match its checksum. Train it again.")
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise CheckpointError(f"{path} holds weights that are not finite numbers. Train it again.")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not hold the weights of {metadata.recipe.network}: {error}") from error
    return model.eval(), metadata


def load_metadata(path: Path) -> Metadata:
    """Load a checkpoint's metadata without its weights. Raise CheckpointError as `load_checkpoint` does."""
    return _parse(path, _read(path, weights=False)[0])


def initial_model(recipe: Recipe, seed: int = 0) -> nn.Sequential:
    """Return the model that a training starts with: untrained, or of the checkpoint that the recipe is based on.

    Raise CheckpointError if that checkpoint cannot be loaded.
    """
    return load_checkpoint(find_checkpoint(recipe.based_on))[0] if recipe.based_on else recipe.build(seed)


def list_checkpoints(folder: Path = CHECKPOINT_FOLDER) -> list[str]:
    """Return the names of the checkpoints in a folder: recipes first, in their order, then the others sorted."""
    found = {path.stem for path in folder.glob(f"*{CHECKPOINT_SUFFIX}")}
    return [name for name in RECIPES if name in found] + sorted(found - set(RECIPES))


def find_checkpoint(name_or_path: str | Path) -> Path:
    """Return the path of a checkpoint from its name in `checkpoints/` or its path. Raise CheckpointError if absent."""
    named = CHECKPOINT_FOLDER / f"{name_or_path}{CHECKPOINT_SUFFIX}"
    for path in (named, Path(name_or_path)):
        with suppress(OSError):  # the name may be too long for a file
            if path.is_file():
                return path
    available = ", ".join(list_checkpoints()) or "none yet, train one"
    raise CheckpointError(f"There is no checkpoint {str(name_or_path)[:80]!r}; give a path, or a name: {available}.")


def _checksum(header: dict[str, str], weights: dict[str, Tensor]) -> str:
    """Return the SHA-256, in hexadecimal, of the weights and the header without its checksum."""
    digest = hashlib.sha256()
    for name in sorted(header.keys() - {"checksum"}):
        digest.update(f"{name}={header[name]}\n".encode())
    for name in sorted(weights):
        digest.update(f"{name} {tuple(weights[name].shape)} {weights[name].dtype}\n".encode())
        digest.update(weights[name].numpy().data)
    return digest.hexdigest()


def _read(path: Path, weights: bool = True) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys() if weights else []
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a safetensors file, or not complete: {error}") from error


def _parse(path: Path, header: dict[str, str]) -> Metadata:
    if (size := sum(map(len, header.values()))) > MAX_HEADER:
        raise CheckpointError(f"{path} has a header of {size:,} characters; at most {MAX_HEADER:,} are allowed.")
    version = header.get("format_version")
    if version is None:
        raise CheckpointError(f"{path} is not a checkpoint of mnist_demo: its header has no format_version.")
    if version != str(FORMAT_VERSION):
        versions = f"{version[:20]}; this program reads {FORMAT_VERSION}"
        raise CheckpointError(f"{path} has format version {versions}. Train it again.")
    try:
        values = _HEADER.validate_python({name: text for name, text in header.items() if name != "checksum"})
        # From JSON, since a strict validation of Python values would refuse lists for tuples.
        return _METADATA.validate_json(to_json(values), strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))[:80]
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")[:400]
        raise CheckpointError(f"{path} has an invalid {name!r} in its header: {reason}. Train it again.") from None
