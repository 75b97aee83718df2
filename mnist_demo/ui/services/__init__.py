"""What the tabs share: models, datasets, queues and cached results."""

from dataclasses import dataclass, field
from pathlib import Path

from mnist_demo.ui.services.datasets import Datasets
from mnist_demo.ui.services.model_store import ModelStore
from mnist_demo.ui.services.queues import WorkQueue
from mnist_demo.ui.services.result_cache import ResultCache


@dataclass(frozen=True)
class Services:
    """The shared state of the page; each tab gets all of it."""

    datasets: Datasets
    models: ModelStore = field(default_factory=ModelStore)
    training_queue: WorkQueue = field(default_factory=WorkQueue)  # trainings and fine-tunings
    compute_queue: WorkQueue = field(default_factory=lambda: WorkQueue(max_waiting=50))  # requests that take long
    results: ResultCache = field(default_factory=ResultCache)
    train_seconds: float = 120.0  # after which a training is stopped

    @classmethod
    def create(cls, data_folder: Path | None, *, train_slots: int = 1, train_seconds: float = 120.0) -> "Services":
        """`data_folder` is None for synthetic digits. `train_slots` trainings run at once."""
        return cls(Datasets(data_folder), training_queue=WorkQueue(train_slots), train_seconds=train_seconds)
