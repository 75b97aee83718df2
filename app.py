"""Open the page: python app.py. Each flag has an environment variable, since a Space runs this file without flags."""

import argparse
import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

NAMES = ("HOST", "PORT", "DATA", "SHARE", "TRAIN_SLOTS", "TRAIN_SECONDS")
MOST_FILES = 20_000  # that it has open at once, connections included
TERMINATED = 128 + signal.SIGTERM  # the exit code of a program that SIGTERM ended
NO, YES = ("", "0", "no", "false"), ("1", "yes", "true")


def parse_flags() -> argparse.Namespace:
    env = {name: os.environ.get(f"MNIST_DEMO_{name}") or None for name in NAMES}
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--host", default=env["HOST"], help="address to listen on (default: $MNIST_DEMO_HOST, else this machine only)")
    add("--port", default=env["PORT"], type=int, help="port (default: $MNIST_DEMO_PORT, else the first free from 7860)")
    add(
        "--data",
        default=env["DATA"],
        help="data folder, or 'practice' for digits that this project makes itself (default: $MNIST_DEMO_DATA, else "
        "data/ beside this file)",
    )
    add("--share", action="store_true", help="open a public link through Gradio (default: $MNIST_DEMO_SHARE, else no)")
    add(
        "--train-slots",
        default=env["TRAIN_SLOTS"] or "1",
        type=at_least_one,
        help="trainings that run at once, the others wait (default: $MNIST_DEMO_TRAIN_SLOTS, else 1)",
    )
    add(
        "--train-seconds",
        default=env["TRAIN_SECONDS"] or "120",
        type=at_least_one,
        help="after which a training is stopped (default: $MNIST_DEMO_TRAIN_SECONDS, else 120)",
    )
    flags = parser.parse_args()
    if (share := (env["SHARE"] or "").lower()) not in NO + YES:
        parser.error(f"MNIST_DEMO_SHARE is {share!r}; it must be one of {', '.join(YES + NO[1:])}.")
    flags.share |= share in YES
    return flags


def at_least_one(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) >= 1):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number of at least 1")
    return int(text[:9])


def check_address(host: str | None, port: int | None) -> None:
    """Raise OSError or OverflowError, at once, where the page cannot be served there; Gradio would try on and on."""
    family = socket.AF_INET6 if ":" in (host or "") else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":  # as servers do, so that a port is free again at once after its last server
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host or "127.0.0.1", port or 0))


def allow_many_connections() -> None:
    """Each takes a file, of which many systems let a program have 1,024 open unless it asks for more."""
    with suppress(ImportError, OSError, ValueError):  # the first on Windows, which has no such limit
        import resource

        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(most, MOST_FILES)), most))


def terminate(*_: object) -> None:
    raise SystemExit(TERMINATED)


def main() -> int:
    flags = parse_flags()
    try:
        check_address(flags.host, flags.port)
    except (OSError, OverflowError) as error:
        place = " ".join(f"{name} {value}" for name, value in (("host", flags.host), ("port", flags.port)) if value)
        print(f"Error: the page cannot be served on {place}: {error}", file=sys.stderr)
        return 1

    allow_many_connections()
    # Before PyTorch is loaded: its threads compute alone unless told otherwise, see hardware.on_all_cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if "SPACE_ID" in os.environ:  # uvicorn believes its proxies alone where a request comes from; a Space's are inside
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "127.0.0.1,10.0.0.0/8")
    gc.disable()  # while what stays is made: to look for garbage in it took a seventh of the start
    # Here, as what takes seconds to load should not delay an answer about flags.
    from mnist_demo.data import DATA_FOLDER
    from mnist_demo.ui import build_app
    from mnist_demo.ui.shared_data import SharedData

    data = SharedData(None if flags.data == "practice" else Path(flags.data or DATA_FOLDER))
    page = build_app(data, train_slots=flags.train_slots, train_seconds=flags.train_seconds)
    signal.signal(signal.SIGTERM, terminate)
    gc.freeze()  # what the start made: to go through it for garbage holds up answers, and delays finding any
    gc.enable()
    try:
        page.launch(server_name=flags.host, server_port=flags.port, share=flags.share)
    except SystemExit:  # Ctrl-C ends it without one
        page.blocks.close(verbose=False)
        print("Terminated; trainings under way were stopped, and uploads deleted.", flush=True)
        os._exit(TERMINATED)  # without waiting for what other threads compute
    return 0


if __name__ == "__main__":
    sys.exit(main())
