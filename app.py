"""Open the page: python app.py. Each flag has an environment variable, since a Space runs this file without flags."""

import argparse
import os
import sys
from pathlib import Path

from mnist_demo.data import DATA_FOLDER
from mnist_demo.ui import LAUNCH, build_app
from mnist_demo.ui.shared_data import SharedData

NO, YES = ("", "0", "no", "false"), ("1", "yes", "true")


def parse_flags() -> argparse.Namespace:
    env = {name: os.environ.get(f"MNIST_DEMO_{name}") or None for name in ("HOST", "PORT", "DATA", "SHARE")}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--host", default=env["HOST"], help="address to listen on, 0.0.0.0 for all; $MNIST_DEMO_HOST")
    parser.add_argument("--port", default=env["PORT"], type=int, help="port, first free from 7860; $MNIST_DEMO_PORT")
    parser.add_argument("--data", default=env["DATA"] or str(DATA_FOLDER), help="data folder; $MNIST_DEMO_DATA")
    parser.add_argument("--share", action="store_true", help="open a public link through Gradio; $MNIST_DEMO_SHARE=1")
    flags = parser.parse_args()
    if (share := (env["SHARE"] or "").lower()) not in NO + YES:
        parser.error(f"MNIST_DEMO_SHARE is {share!r}; it must be one of {', '.join(YES + NO[1:])}.")
    flags.share |= share in YES
    return flags


def main() -> int:
    flags = parse_flags()
    page = build_app(SharedData(None if flags.data == "practice" else Path(flags.data)))
    try:
        page.launch(server_name=flags.host, server_port=flags.port, share=flags.share, **LAUNCH)
    except OSError as error:  # the port is taken, or the address is not this machine's
        print(f"Error: the page cannot be served on port {flags.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
