"""Two processes behind nginx, configured as in docs/deployment.md."""

import re
from pathlib import Path

import httpx
import pytest

from tests.nginx import documented, run_nginx
from tests.protocol import DRAWING, EVENTS, JOIN, PREDICT, SEVEN, Protocol
from tests.served_app import FEW_DIGITS, serve_app


@pytest.mark.slow
def test_two_processes_behind_nginx_predict_and_train(tmp_path: Path):
    with serve_app("synthetic", program=FEW_DIGITS) as one, serve_app("synthetic", program=FEW_DIGITS) as two:
        hosts = [app.split("/")[2] for app in (one, two)]
        with run_nginx(tmp_path, documented(0), one, two) as port:
            address = f"http://127.0.0.1:{port}/"

            def client(number: int) -> httpx.Client:
                transport = httpx.HTTPTransport(local_address=f"127.0.0.{number}")
                return httpx.Client(transport=transport, base_url=address, timeout=60)

            homes = {}
            for number in range(2, 18):
                with client(number) as each:
                    responses = [each.post(PREDICT, json=DRAWING) for _ in range(3)]
                assert [response.json()["data"][0]["digit"] for response in responses] == [7] * 3
                (homes[number],) = {response.headers["X-Served-By"] for response in responses}  # always the same
            assert set(homes.values()) == set(hosts)

            trainer, other = (next(n for n, home in homes.items() if home == host) for host in hosts)
            with client(trainer) as each:
                assert each.post(JOIN, json=Protocol.of(address).training("me", "softmax", epochs=2)).is_success
                text = each.get(EVENTS, params={"session_hash": "me"}).text
                key = re.search(r'"key":"([^"]+/softmax #1[^"]*)"', text)
                assert key and "process_completed" in text
                own = {"data": [SEVEN, key[1]]}
                assert each.post(PREDICT, json=own).json()["data"][0]["model"].startswith("softmax #1")
            with client(other) as each:
                assert "no longer available" in each.post(PREDICT, json=own).json()["error"]
