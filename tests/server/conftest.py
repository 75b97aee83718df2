"""A server that tests may abuse."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.protocol import Protocol, find_server
from tests.served_app import serve_app

MAX_UPLOAD_BYTES, MAX_STATES, MAX_WAITING = 5_000_000, 10, 5
# Small limits and few digits, so that tests need not wait long.
PROGRAM = f"""
from tests.serve import run_app
from mnist_demo.server import gradio_patches, housekeeping, serve, uploads
from mnist_demo.ui.services import WorkQueue
gradio_patches.UNDELIVERED_SECONDS, housekeeping.PAUSE_SECONDS = 3.0, 0.5
uploads.MAX_BYTES, serve._OPTIONS["state_session_capacity"] = {MAX_UPLOAD_BYTES}, {MAX_STATES}
WorkQueue.__init__.__defaults__ = (1, {MAX_WAITING})
run_app(4_000, 100)
"""


@dataclass(frozen=True)
class Server:
    """A process of the app."""

    url: str
    process: psutil.Process
    uploads: Path
    protocol: Protocol

    def client(self, ip: str = "198.51.100.1") -> httpx.Client:
        """Return an HTTP client with that IP address; before it comes what the client itself claims."""
        headers = {"X-Forwarded-For": f"192.0.2.7, {ip}, 10.1.2.3"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return an app that runs as in a Space."""
    uploads = tmp_path_factory.mktemp("server") / "deep" / "uploads"
    environment = {"SPACE_ID": "user/digits", "GRADIO_TEMP_DIR": str(uploads), "MNIST_DEMO_TRAIN_SECONDS": "600"}
    environment |= {"GRADIO_HEARTBEAT_INTERVAL": "1"}  # seconds, shorter than UNDELIVERED_SECONDS
    program = f"import os\nos.environ |= {environment}\n{PROGRAM}"
    with serve_app("synthetic", may_complain=True, program=["-c", program]) as url:
        yield Server(url, find_server(url), uploads, Protocol.of(url))
