"""What Gradio and PyTorch load when they are first used is loaded before somebody waits for it."""

import threading

import torch


def load_ahead() -> None:
    """In a thread, while the page is answered."""
    threading.Thread(target=_load, name="load ahead", daemon=True).start()


def _load() -> None:
    import matplotlib.pyplot  # noqa: F401  # Gradio, at the first event: 0.4 s in which nobody is answered

    torch.optim.SGD([torch.zeros(1)])  # loads PyTorch's compiler, which is not used here: 1.7 s, 150 MB
