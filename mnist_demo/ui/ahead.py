"""What Gradio and PyTorch load when they are first used is loaded before somebody waits for it."""

import gc
import threading

import torch

DELAY = 3.0  # seconds in which the start comes to its end, and a first visitor may open the page


def load_ahead() -> None:
    """In a thread, soon, while the page is answered."""
    timer = threading.Timer(DELAY, _load)
    timer.daemon = True  # nobody waits for its end
    timer.start()


def _load() -> None:
    import matplotlib.pyplot  # noqa: F401  # Gradio, at the first event: 0.4 s in which nobody is answered

    torch.optim.SGD([torch.zeros(1)])  # loads PyTorch's compiler, which is not used here: 1.7 s, 150 MB
    gc.freeze()  # as in app.py: what stays is not gone through for garbage
