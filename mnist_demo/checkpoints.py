"""Trained networks as safetensors files that say in their header how they were made and how well they read."""

import dataclasses
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mnist_demo.calibration import Calibration
from mnist_demo.data import Data
from mnist_demo.errors import CheckpointError
from mnist_demo.evaluation import EpochResult, Evaluation
from mnist_demo.files import check_room, write_whole
from mnist_demo.hardware import hardware_name
from mnist_demo.pendigits import CREDIT
from mnist_demo.recipes import RECIPES, Recipe
from mnist_demo.training import Progress

FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"
SUFFIX = ".safetensors"
FORMAT_VERSION = 1
MAX_HEADER = 200_000  # characters of text beside the weights: those of a thousand epochs


@dataclass(frozen=True)
class Record:
    """How a network was made and how well it reads: a checkpoint's header, each field a JSON value under its name."""

    recipe: Recipe
    data_source: str  # what it was trained on, "MNIST" or "practice digits"
    data_checksum: str  # SHA-256 of those data
    test_accuracy: float  # share of right answers on their test set, 0 to 1
    test_loss: float  # mean cross-entropy there, nats
    per_class_accuracy: list[float]  # the same for each digit 0 to 9
    epochs: list[EpochResult]  # what each finished epoch came to
    steps: int  # steps taken
    finished: bool  # False where training was stopped early
    seed: int
    seconds: float  # of training, evaluation not counted
    device: str  # "cpu" or "cuda"
    threads: int  # of the CPU
    hardware: str  # the machine's processor, or its GPU
    credit: str = ""  # whose data it learned, where their licence asks to be told
    calibration: Calibration = field(default_factory=Calibration)
    torch_version: str = torch.__version__
    format_version: int = FORMAT_VERSION


def record_run(
    recipe: Recipe,
    data: Data,
    last: Progress,
    epochs: list[EpochResult],
    tested: Evaluation,
    *,
    seed: int,
    device: str = "cpu",
    **more: Any,
) -> Record:
    """The record of a training here that came to `last`, with the network as `tested` on the test set."""
    return Record(
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
        credit=CREDIT if recipe.writers else "",
        **more,
    )


def save_checkpoint(path: Path, model: nn.Module, record: Record) -> None:
    """Write the model's weights and record to `path`, whole or not at all; the folder is made where it is absent.

    Raises CheckpointError where the file cannot be written.
    """
    content = to_bytes(model, record)
    try:
        write_whole(path, content)  # safetensors' own writer would hide the file from other users
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path} could not be written: {error}") from error


def to_bytes(model: nn.Module, record: Record) -> bytes:
    """The contents of a checkpoint's file."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    values = {**dataclasses.asdict(record), "recipe": record.recipe.to_dict()}
    header = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    header["checksum"] = _checksum(header, weights)
    return save(weights, header)


def check_writable(path: Path) -> None:
    """Raise CheckpointError unless `path` can be written: better before a training than after it."""
    try:
        check_room(path)
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path} could not be written: {error.strerror}.") from error


def load_checkpoint(path: Path) -> tuple[nn.Sequential, Record]:
    """The network, on the CPU and in evaluation mode, and its record.

    Raises CheckpointError that names the file where it is absent, not safetensors (a pickle is never opened), not of
    this project, of another format version, changed since it was written, or with weights that are no finite numbers.
    """
    header, weights = _read(path)
    record = _parse(path, header)
    model = record.recipe.build()
    if {tensor.dtype for tensor in weights.values()} - {tensor.dtype for tensor in model.state_dict().values()}:
        raise CheckpointError(f"{path} does not hold the weights of {record.recipe.network}, but of other types.")
    if header.get("checksum") != _checksum(header, weights):
        raise CheckpointError(f"{path} is damaged: its contents do not match its checksum. Train it again.")
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise CheckpointError(f"{path} holds weights that are no finite numbers. Train it again.")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not hold the weights of {record.recipe.network}: {error}") from error
    return model.eval(), record


def load_record(path: Path) -> Record:
    """A checkpoint's record alone, without reading its weights. Raises CheckpointError as `load_checkpoint` does."""
    return _parse(path, _read(path, weights=False)[0])


def list_checkpoints(folder: Path = FOLDER) -> list[str]:
    """The names of the checkpoints in a folder: known recipes in their order first, then the others by name."""
    found = {path.stem for path in folder.glob(f"*{SUFFIX}")}
    return [name for name in RECIPES if name in found] + sorted(found - set(RECIPES))


def find_checkpoint(name_or_path: str | Path) -> Path:
    """The file of a checkpoint, by its name in `checkpoints/` or by its path. Raises CheckpointError where none is."""
    named = FOLDER / f"{name_or_path}{SUFFIX}"
    for path in (named, Path(name_or_path)):
        with suppress(OSError):  # a name that is too long for a file
            if path.is_file():
                return path
    available = ", ".join(list_checkpoints()) or "none is there yet, train one"
    raise CheckpointError(f"There is no checkpoint {str(name_or_path)[:80]!r}; give a path, or a name: {available}.")


def _checksum(header: dict[str, str], weights: dict[str, Tensor]) -> str:
    """SHA-256 over the header's other entries and the weights, in hexadecimal."""
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
        raise CheckpointError(f"{path} is no safetensors file, or not whole: {error}") from error


def _parse(path: Path, header: dict[str, str]) -> Record:
    if (size := sum(map(len, header.values()))) > MAX_HEADER:
        raise CheckpointError(f"{path} has a header of {size:,} characters; at most {MAX_HEADER:,} are read.")
    version = header.get("format_version")
    if version is None:
        raise CheckpointError(f"{path} is no checkpoint of mnist_demo: its header has no format_version.")
    if version != str(FORMAT_VERSION):
        raise CheckpointError(
            f"{path} has format version {version}; this program reads {FORMAT_VERSION}. Train it again."
        )
    try:
        fields = [one.name for one in dataclasses.fields(Record)]
        # Headers written before these two were known say by their absence that there is none.
        header = {"calibration": "{}", "credit": '""', **header}
        values: dict[str, Any] = {name: json.loads(header[name]) for name in fields}
        values["recipe"] = Recipe.from_dict(values["recipe"])
        values["calibration"] = Calibration(**values["calibration"])
        values["epochs"] = [EpochResult(**epoch) for epoch in values["epochs"]]
        record = Record(**values)
        if not _fits(record, Record):
            raise TypeError("a value of another type than it must be")
        if not all(0 <= share <= 1 for share in (record.test_accuracy, *record.per_class_accuracy)):
            raise ValueError("an accuracy that is no share")
        if len(record.per_class_accuracy) != 10:
            raise ValueError(f"the accuracies of {len(record.per_class_accuracy)} digits")
        return record
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:  # InputError is a ValueError
        raise CheckpointError(f"{path} has a header that cannot be read: {error!r}") from error


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value, and all that it holds, is of the type that dataclasses declare."""
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(kind, UnionType):
        return any(_fits(value, one) for one in get_args(kind))
    if origin := get_origin(kind):  # list[X], tuple[X, ...] or tuple[X, X]
        kinds = get_args(kind)
        if not isinstance(value, origin) or (origin is tuple and ... not in kinds and len(value) != len(kinds)):
            return False
        each = kinds if origin is tuple and ... not in kinds else [kinds[0]] * len(value)
        return all(map(_fits, value, each))
    if not isinstance(value, kind):
        return False
    if dataclasses.is_dataclass(value):
        return all(_fits(getattr(value, name), one) for name, one in get_type_hints(kind).items())
    return True
