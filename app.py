"""Serve the demo: python app.py. A Space runs this file without flags, so each flag has an environment variable."""

import gc
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

from typer import BadParameter, Exit, Option, Typer

TERMINATED = 128 + signal.SIGTERM  # exit code of a program that SIGTERM ended

app = Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def flag(name: str, help: str, default: str | bool = True, **options: Any) -> Any:
    """Declare a flag and its environment variable; `default` is shown in --help."""
    variable, shown = name.upper().replace("-", "_"), {"help": help, "show_default": default, "metavar": "VALUE"}
    return Option(f"--{name}", envvar=f"MNIST_DEMO_{variable}", **(shown | options))


def parse_root_path(path: str) -> str:
    """Return a path without its last slash. Raise BadParameter for what is not a path."""
    if not re.fullmatch(r"(/[\w.~-]+)*/?", path):
        raise BadParameter(f"{path!r} is not a path such as /digits")
    return path.rstrip("/")


@app.command()
def main(
    host: Annotated[str | None, flag("host", "Address to listen on.", "this machine only")] = None,
    port: Annotated[int | None, flag("port", "Port to listen on.", "the first free port from 7860")] = None,
    data: Annotated[
        str | None, flag("data", "Data folder, or 'synthetic' for synthetic digits.", "data/ beside app.py")
    ] = None,
    root_path: Annotated[
        str, flag("root-path", "Path under which a reverse proxy serves the page.", "/", callback=parse_root_path)
    ] = "",
    share: Annotated[bool, flag("share", "Open a public link through Gradio; the variable takes 1 or 0.")] = False,
    train_slots: Annotated[int, flag("train-slots", "Trainings that run at the same time.", min=1)] = 1,
    train_seconds: Annotated[int, flag("train-seconds", "Time limit of a training.", min=1)] = 120,
) -> None:
    """Serve the handwritten-digit demo as a web page."""
    try:
        check_address(host, port)
    except (OSError, OverflowError) as error:
        address = " ".join(f"{name} {value}" for name, value in (("host", host), ("port", port)) if value)
        fail(f"the page cannot be served on {address}: {error}")

    # PyTorch reads it when it is imported. Only training uses more threads, see devices.run_on_all_cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if "SPACE_ID" in os.environ:  # uvicorn must trust the proxies of a Space to learn a client's address
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "127.0.0.1,10.0.0.0/8")
    gc.disable()  # garbage collection would slow down the start
    # Imported here, so that --help and wrong flags need not wait for PyTorch and Gradio.
    from mnist_demo.server import uploads

    try:
        upload_folder = uploads.create_folder()
    except OSError as error:
        fail(f"uploads cannot be stored, see {uploads.FOLDER_VARIABLE}: {error}")
    from mnist_demo.data.mnist import DATA_FOLDER
    from mnist_demo.server import gradio_patches
    from mnist_demo.server.serve import serve
    from mnist_demo.ui import build_page
    from mnist_demo.ui.services import Services

    gradio_patches.apply()
    folder = None if data == "synthetic" else Path(data or DATA_FOLDER)
    page = build_page(Services.create(folder, train_slots=train_slots, train_seconds=train_seconds))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    gc.freeze()  # later collections skip what the start created, and take less time
    gc.enable()
    try:
        serve(**vars(page), server_name=host, server_port=port, root_path=root_path or None, share=share)
    except SystemExit:  # raised at SIGTERM; Ctrl-C returns from launch instead
        page.blocks.close(verbose=False)
        upload_folder.cleanup()
        print("Terminated; trainings were stopped, and uploads deleted.", flush=True)
        os._exit(TERMINATED)  # do not wait for other threads


def fail(message: str) -> NoReturn:
    print(f"Error: {message}", file=sys.stderr)
    raise Exit(1) from None


def check_address(host: str | None, port: int | None) -> None:
    """Raise OSError or OverflowError at once if the address cannot be served; Gradio would retry many times."""
    family = socket.AF_INET6 if ":" in (host or "") else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":  # as servers do, so that a port is free as soon as its last server has ended
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host or "127.0.0.1", port or 0))


if __name__ == "__main__":
    app()
