"""Two processes behind a load balancer, as the README has it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mnist_demo.recipes import find_recipe
from mnist_demo.ui.recipe_fields import values_of
from tests.conftest import ROOT, free_port, served, wait_for
from tests.wire import JOIN, NEWS, READ, Wire

NO_NGINX = "NO NGINX: two processes were not tested. Install it (Debian: apt-get install nginx-light)."
SEVEN = [[[10, 10], [90, 10], [40, 100]]]


@contextmanager
def balanced(folder: Path, *servers: str) -> Iterator[str]:
    """Nginx with the README's settings before those servers; gives its address."""
    settings = re.search(r"```nginx\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert settings
    port, text = free_port(), settings[1].replace("8080", "PORT")
    for told, server in zip(("127.0.0.1:7860", "127.0.0.1:7861"), servers, strict=True):
        assert told in text
        text = text.replace(told, server)
    text = text.replace("PORT", f"127.0.0.1:{port}")
    places = "".join(f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    head = f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}"
    (folder / "nginx.conf").write_text(f"{head} http {{ access_log off; {places} {text} }}")
    with subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]) as process:
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def visitor(number: int) -> httpx.Client:
    """Somebody with an address of their own."""
    return httpx.Client(transport=httpx.HTTPTransport(local_address=f"127.0.0.{number}"), timeout=60)


def test_two_processes_behind_nginx_draw_and_train(tmp_path: Path):
    if not shutil.which("nginx"):
        pytest.fail(NO_NGINX) if os.environ.get("CI") else pytest.skip(NO_NGINX)
    with served("practice") as one, served("practice") as two:
        hosts = [address.split("/")[2] for address in (one, two)]
        with balanced(tmp_path, *hosts) as address:
            wire = Wire.of(address)
            homes = {}
            for number in range(2, 18):
                with visitor(number) as client:
                    drawing = {"strokes": SEVEN, "model": "sketch"}
                    answers = [client.post(address + READ, json=drawing) for _ in range(3)]
                    assert [answer.json()["shown"] for answer in answers] == ["7"] * 3
                    (homes[number],) = {answer.headers["X-Served-By"] for answer in answers}  # always the same
            assert set(homes.values()) == set(hosts)

            trainer, other = (next(n for n, home in homes.items() if home == host) for host in hosts)
            with visitor(trainer) as client:
                values = values_of(find_recipe("softmax")) | {"epochs": 2}
                assert client.post(address + JOIN, json=wire.training("me", "softmax", *values.values())).is_success
                news = client.get(address + NEWS, params={"session_hash": "me"}).text
                key = re.search(r'"key":\s*"([^"]+/softmax, yours 1[^"]*)"', news)
                assert key and "Finished after" in news
                mine = {"strokes": SEVEN, "model": key[1]}
                assert client.post(address + READ, json=mine).json()["model"].startswith("softmax, yours 1")
            with visitor(other) as client:
                answer = client.post(address + READ, json=mine).json()
                assert answer["model"] == "sketch" and "is not here" in answer["notice"]
