"""The digits that all visitors browse and train on: MNIST where it can be had, else practice digits."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mnist_demo.data import RAW, Data, download_mnist, load_mnist, missing_files, practice_data
from mnist_demo.errors import DataError, InputError
from mnist_demo.files import remove_leftovers

POLL_SECONDS = 0.2  # between two looks at how the loading goes


@dataclass(frozen=True)
class Loaded:
    """The data, and why they are not MNIST; `problem` is empty where they are."""

    data: Data
    problem: str = ""


class SharedData:
    """Loads the data once, in the background, when they are first needed; downloads them where they are absent.

    `folder` is a data folder, or None for practice digits. `download` is `download_mnist` but in tests.
    """

    def __init__(self, folder: Path | None, download: Callable[..., None] = download_mnist):
        self.folder = folder
        self._download = download
        self._lock = threading.Lock()
        self._loading = False
        self._status = "Loading the digits…"
        self.loaded: Loaded | None = None  # None until somebody needed the data and they have come

    @property
    def can_retry(self) -> bool:
        """Whether there is a place where MNIST may still turn up."""
        return self.folder is not None

    def follow(self, again: bool = False) -> Iterator[str]:
        """Load the data unless they are there, and yield a line for the person who waits until they are.

        With `again`, MNIST is looked for anew where practice digits stand in for it; those stay until it is there.
        """
        with self._lock:
            wanted = self.loaded is None or (again and self.loaded.problem and self.can_retry)
            if wanted and not self._loading:
                self._loading = True
                threading.Thread(target=self._load, name="load data", daemon=True).start()
        while self._loading and (again or self.loaded is None):
            yield self._status
            time.sleep(POLL_SECONDS)

    def get(self) -> Data:
        """The data, loaded and waited for where that was not done. Raises InputError where loading them failed."""
        for _ in self.follow():
            pass
        if self.loaded is None:
            raise InputError("The digits could not be loaded; the server's log says why.")
        return self.loaded.data

    def _load(self) -> None:
        try:
            self.loaded = self._find()
        finally:
            self._loading = False

    def _find(self) -> Loaded:
        if self.folder is None:
            self._status = "Making practice digits…"
            return Loaded(practice_data(), "The app was started with practice digits.")
        remove_leftovers(self.folder / RAW)
        try:
            if missing_files(self.folder):
                self._status = "Downloading MNIST…"
                self._download(self.folder, report=self._report)
            self._status = "Loading MNIST…"
            return Loaded(load_mnist(self.folder))
        except DataError as error:
            self._status = "Making practice digits…"
            return Loaded(self.loaded.data if self.loaded else practice_data(), error.reason)

    def _report(self, share: float) -> None:
        self._status = f"Downloading MNIST, {share:.0%}…"
