"""Run the app with synthetic digits from a file: creating them takes each server seconds."""

import hashlib
import os
import runpy
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in app.py, before PyTorch is imported

import numpy as np

from mnist_demo.data import synthetic

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".pytest_cache" / "synthetic digits"
SOURCES = [ROOT / "mnist_demo" / name for name in ("data/synthetic.py", "data/designs.json", "preprocess/strokes.py")]

create_digits = synthetic.synthetic_digits


def load_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what `synthetic_digits` returns, from a file if this code has created them before."""
    version = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()[:16]
    file = FOLDER / f"{version}, {count} digits, seed {seed}.npz"
    if not file.is_file():
        images, labels = create_digits(count, seed)
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=FOLDER, suffix=".part", delete=False) as part:
            np.savez(part, images=images, labels=labels)
        Path(part.name).replace(file)  # at once, as several servers may start together
        for old in FOLDER.glob("*.npz"):
            if not old.name.startswith(version):
                old.unlink(missing_ok=True)
    with np.load(file) as digits:
        return digits["images"], digits["labels"]


def run_app(train: int = synthetic.TRAIN_SIZE, test: int = synthetic.TEST_SIZE) -> None:
    """Run app.py with the flags of this process and that many synthetic digits."""
    synthetic.synthetic_digits = load_digits
    synthetic.synthetic_dataset.__defaults__ = (train, test)
    runpy.run_path("app.py", run_name="__main__")
