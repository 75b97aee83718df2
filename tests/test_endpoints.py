"""Every endpoint that the server has, reviewed: a new one fails here until somebody has looked at it."""

import re
import subprocess
import sys

import httpx
import pytest

from mnist_demo.ui.gate import HEALTH
from tests.conftest import ROOT

PAGE = "the page itself, its settings and files: public, read-only"
ASKED = "starts or answers what the page asks: each handler checks what it is given"
OPEN = "news for one page, by its session's name, which is random"
FILES = "what a visitor uploaded, by the hash of its content; no other file, no other host"
SERVED = {
    "GET /": PAGE,
    "HEAD /": PAGE,
    "GET /config": PAGE,
    "GET /config/": PAGE,
    "GET /static/{path:path}": PAGE,
    "GET /assets/{path:path}": PAGE,
    "GET /favicon.ico": PAGE,
    "GET /theme.css": PAGE,
    "GET /robots.txt": PAGE,
    "GET /gradio_api/theme.css": PAGE,
    "GET /gradio_api/info": PAGE,
    "GET /gradio_api/info/": PAGE,
    "GET /gradio_api/startup-events": "lets Gradio's queue begin; Gradio asks for it at the start",
    "GET /gradio_api/file={path_or_url:path}": FILES,
    "HEAD /gradio_api/file={path_or_url:path}": FILES,
    "GET /gradio_api/upload_progress": OPEN,
    "GET /gradio_api/heartbeat/{session_hash}": OPEN,
    "GET /gradio_api/queue/data": OPEN,
    "GET /gradio_api/call/{api_name}/{event_id}": OPEN,
    "GET /gradio_api/call/v2/{api_name}/{event_id}": OPEN,
    "POST /read": ASKED,
    "POST /gradio_api/queue/join": ASKED,
    "POST /gradio_api/run/{api_name}": ASKED,
    "POST /gradio_api/call/{api_name}": ASKED,
    "POST /gradio_api/call/v2/{api_name}": ASKED,
    "POST /gradio_api/component_server": ASKED,
    "POST /gradio_api/component_server/": ASKED,
    "POST /gradio_api/cancel": "ends an event of a session, whose name one must know",
    "POST /gradio_api/reset": "the same",
    "POST /gradio_api/reset/": "the same",
    "POST /gradio_api/upload": "10 MB at most into a folder named after the content; deleted after 20 minutes",
}
REFUSED = {  # the page does not need them
    *("GET /openapi.json", "HEAD /openapi.json", "GET /gradio_api/openapi.json"),
    *("POST /login", "POST /login/", "GET /logout", "GET /svelte/{path:path}", "GET /gradio_api/deep_link"),
    *("GET /pwa_icon", "GET /pwa_icon/{size}", "GET /manifest.json"),
    *("GET /monitoring", "GET /monitoring/summary", "GET /monitoring/{key}"),
    *("GET /gradio_api/user", "GET /gradio_api/user/", "GET /gradio_api/login_check", "GET /gradio_api/login_check/"),
    *("GET /gradio_api/token", "GET /gradio_api/token/", "GET /gradio_api/app_id", "GET /gradio_api/app_id/"),
    *("GET /gradio_api/dev/reload", "GET /gradio_api/queue/status", "GET /gradio_api/runs", "GET /gradio_api/runs/"),
    "GET /gradio_api/custom_component/{id}/{environment}/{type}/{file_name}",
    *("GET /gradio_api/proxy={url_path:path}", "HEAD /gradio_api/proxy={url_path:path}"),
    *("POST /gradio_api/stream/{event_id}", "POST /gradio_api/stream/{event_id}/close"),
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
    *("GET /gradio_api/file/{path:path}", "POST /gradio_api/process_recording"),
    *("POST /gradio_api/api/{api_name}", "POST /gradio_api/api/{api_name}/"),
    *("POST /gradio_api/run/{api_name}/", "POST /gradio_api/call/{api_name}/", "POST /gradio_api/call/v2/{api_name}/"),
    *("POST /gradio_api/vibe-edit", "POST /gradio_api/vibe-edit/"),
    *("POST /gradio_api/undo-vibe-edit", "POST /gradio_api/undo-vibe-edit/"),
    *("GET /gradio_api/vibe-code", "GET /gradio_api/vibe-code/"),
    *("POST /gradio_api/vibe-code", "POST /gradio_api/vibe-code/"),
    *("POST /gradio_api/vibe-starter-queries", "POST /gradio_api/vibe-starter-queries/"),
}
NOTHING = {"error": "There is nothing here."}


# In a process of its own, as Gradio's servers leave sockets open.
LIST_ENDPOINTS = """
from mnist_demo.ui import build_app
from mnist_demo.ui.shared_data import SharedData

def walk(routes):
    for route in routes:
        if hasattr(route, "original_router"):  # a router that is included
            walk(route.original_router.routes)
        else:
            for method in getattr(route, "methods", None) or [type(route).__name__]:
                print(method, route.path)

walk(build_app(SharedData(None)).launch(prevent_thread_lock=True, quiet=True)[0].routes)
"""


def test_every_endpoint_has_been_reviewed():
    listed = subprocess.run([sys.executable, "-c", LIST_ENDPOINTS], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert set(listed.stdout.splitlines()) == SERVED.keys() | REFUSED, listed.stderr


@pytest.mark.parametrize("endpoint", sorted(REFUSED))
def test_what_the_page_does_not_need_is_not_there(address: str, endpoint: str):
    method, path = endpoint.split()
    answer = httpx.request(method, address + re.sub(r"\{[^}]+\}", "x", path).lstrip("/"))
    assert answer.status_code == 404 and (method == "HEAD" or answer.json() == NOTHING)


def test_the_servers_health_can_be_asked(address: str):
    assert httpx.get(address + HEALTH.lstrip("/")).json() == {"status": "ok"}
