"""The dataset that all visitors browse and train on: MNIST if available, otherwise synthetic digits."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mnist_demo.data import Dataset
from mnist_demo.data.mnist import RAW_FOLDER, download_mnist, load_mnist, missing_files
from mnist_demo.data.pen_digits import PEN_DIGITS_FILE, PenDigit, load_pen_digits
from mnist_demo.data.sketch_dataset import has_pen_strokes, load_pen_strokes
from mnist_demo.data.synthetic import synthetic_dataset
from mnist_demo.data.unipen import Drawing
from mnist_demo.errors import DataError, InputError
from mnist_demo.files import remove_partial_files
from mnist_demo.recipes import Recipe
from mnist_demo.ui.services.result_cache import NotReady

POLL_SECONDS = 0.2  # between two status messages while the dataset loads


@dataclass(frozen=True)
class Loaded:
    """The dataset and, if it is not MNIST, the reason."""

    data: Dataset
    problem: str = ""


class Datasets:
    """Load the dataset once, in the background, when a page first needs it; download MNIST if it is absent.

    `folder` is a data folder, or None for synthetic digits. Tests replace `download`.
    """

    def __init__(self, folder: Path | None, download: Callable[..., None] = download_mnist):
        self.folder = folder
        self._download = download
        self._lock = threading.Lock()
        self._loading = False
        self._status = "Loading the digits…"
        self.loaded: Loaded | None = None  # None until a page first needed it

    @property
    def has_pen_digits(self) -> bool:
        return self.folder is not None and (self.folder / PEN_DIGITS_FILE).is_file()

    def has_pen_strokes(self, recipe: Recipe) -> bool:
        """Return whether there are the pen strokes that the recipe uses, if any."""
        return not recipe.pen_writers or (self.folder is not None and has_pen_strokes(self.folder))

    def load_pen_strokes(self, recipe: Recipe) -> list[Drawing]:
        """Return the drawings that the recipe trains on, if `has_pen_strokes`."""
        assert self.folder
        return load_pen_strokes(self.folder, recipe.pen_writers).training

    def load_pen_digits(self) -> list[PenDigit]:
        """Return UCI's pen digits, if `has_pen_digits`."""
        assert self.folder
        return load_pen_digits(self.folder)

    def load(self, retry: bool = False) -> Iterator[str]:
        """Load the dataset unless it is loaded, and yield status messages until it is. Raise InputError if that fails.

        With `retry`, look for MNIST again if synthetic digits replace it; they stay until MNIST is loaded.
        """
        with self._lock:
            is_needed = self.loaded is None or (retry and self.loaded.problem and self.folder)
            if is_needed and not self._loading:
                self._loading = True
                threading.Thread(target=self._load, name="load data", daemon=True).start()
        while self._loading and (retry or self.loaded is None):
            yield self._status
            time.sleep(POLL_SECONDS)
        if self.loaded is None:
            raise InputError("The digits could not be loaded; see the server's log.")

    def get(self) -> Dataset:
        """Return the dataset; wait until it is loaded. Raise InputError if that fails."""
        for _ in self.load():
            pass
        assert self.loaded
        return self.loaded.data

    def poll(self) -> Dataset:
        """Return the dataset. Raise NotReady with a status message until it is loaded, and InputError if that fails."""
        for status in self.load():
            raise NotReady(status)
        return self.get()

    def _load(self) -> None:
        try:
            self.loaded = self._find()
        finally:
            self._loading = False

    def _find(self) -> Loaded:
        if self.folder is None:
            self._status = "Creating synthetic digits…"
            return Loaded(synthetic_dataset(), "The app was started with synthetic digits.")
        remove_partial_files(self.folder / RAW_FOLDER)
        try:
            if missing_files(self.folder):
                self._status = "Downloading MNIST…"
                self._download(self.folder, report=self._report)
            self._status = "Loading MNIST…"
            return Loaded(load_mnist(self.folder))
        except DataError as error:
            self._status = "Creating synthetic digits…"
            return Loaded(self.loaded.data if self.loaded else synthetic_dataset(), error.reason)

    def _report(self, fraction: float) -> None:
        self._status = f"Downloading MNIST, {fraction:.0%}…"
