"""Two processes behind nginx, configured as in docs/deployment.md."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, free_port, serve_app, wait_for_port
from tests.protocol import DRAWING, EVENTS, JOIN, PREDICT, SEVEN, Protocol

NO_NGINX = "NO NGINX: two processes were not tested. Install it (Debian: apt-get install nginx-light)."


@contextmanager
def nginx(folder: Path, *hosts: str) -> Iterator[str]:
    """Run nginx in front of those hosts; return its address."""
    settings = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/deployment.md").read_text(encoding="utf-8"), re.DOTALL)
    assert settings
    port, text = free_port(), settings[1]
    for documented, actual in zip(("127.0.0.1:7860", "127.0.0.1:7861"), hosts, strict=True):
        assert documented in text
        text = text.replace(documented, actual)
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    folders = "".join(f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    head = f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}"
    (folder / "nginx.conf").write_text(f"{head} http {{ access_log off; {folders} {text} }}")
    with subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]) as process:
        try:
            wait_for_port(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


@pytest.mark.slow
def test_two_processes_behind_nginx_predict_and_train(tmp_path: Path):
    if not shutil.which("nginx"):
        pytest.fail(NO_NGINX) if os.environ.get("CI") else pytest.skip(NO_NGINX)
    with serve_app("synthetic") as one, serve_app("synthetic") as two:
        hosts = [address.split("/")[2] for address in (one, two)]
        with nginx(tmp_path, *hosts) as address:

            def client(number: int) -> httpx.Client:
                transport = httpx.HTTPTransport(local_address=f"127.0.0.{number}")
                return httpx.Client(transport=transport, base_url=address, timeout=60)

            homes = {}
            for number in range(2, 18):
                with client(number) as each:
                    responses = [each.post(PREDICT, json=DRAWING) for _ in range(3)]
                assert [response.json()["label"] for response in responses] == ["7"] * 3
                (homes[number],) = {response.headers["X-Served-By"] for response in responses}  # always the same
            assert set(homes.values()) == set(hosts)

            trainer, other = (next(n for n, home in homes.items() if home == host) for host in hosts)
            with client(trainer) as each:
                assert each.post(JOIN, json=Protocol.of(address).training("me", "softmax", epochs=2)).is_success
                text = each.get(EVENTS, params={"session_hash": "me"}).text
                key = re.search(r'"key":"([^"]+/softmax, yours 1[^"]*)"', text)
                assert key and "process_completed" in text
                own = {"strokes": SEVEN, "model": key[1]}
                assert each.post(PREDICT, json=own).json()["model"].startswith("softmax, yours 1")
            with client(other) as each:
                response = each.post(PREDICT, json=own).json()
            assert response["model"] == "sketch" and "no longer available" in response["notice"]
