"""Every endpoint of the server, reviewed. A new one, as after an update of Gradio, fails here until it is added."""

import re
import subprocess
import sys

import httpx
import pytest

from mnist_demo.server.middleware import HEALTH
from tests.conftest import ROOT

SERVED = {
    "the page, its settings and files; public, read-only": """
        GET /  HEAD /  GET /config  GET /static/{path:path}  GET /assets/{path:path}  GET /favicon.ico  GET /theme.css
        GET /card.png  HEAD /card.png  GET /robots.txt  GET /gradio_api/theme.css  GET /gradio_api/info""",
    "weights of a model; a visitor's own has a secret key": "GET /weights/{key:path}  HEAD /weights/{key:path}",
    "starts Gradio's queue; Gradio requests it at the start": "GET /gradio_api/startup-events",
    "files that a client uploaded, by the hash of their content; no other file and no other host": """
        GET /gradio_api/file={path_or_url:path}  HEAD /gradio_api/file={path_or_url:path}""",
    "event streams of one session, whose name is random": """
        GET /gradio_api/upload_progress  GET /gradio_api/heartbeat/{session_hash}  GET /gradio_api/queue/data
        GET /gradio_api/call/{api_name}/{event_id}  GET /gradio_api/call/v2/{api_name}/{event_id}""",
    "events and predictions; each handler validates what it gets": """
        POST /gradio_api/queue/join  POST /gradio_api/run/{api_name}  POST /gradio_api/call/{api_name}
        POST /gradio_api/call/v2/{api_name}  POST /gradio_api/component_server""",
    "ends an event of a session, whose name is random": "POST /gradio_api/cancel  POST /gradio_api/reset",
    "at most 10 MB, to a folder named after the content; deleted after 20 minutes": "POST /gradio_api/upload",
}
REFUSED = """
    GET /openapi.json  HEAD /openapi.json  GET /gradio_api/openapi.json  POST /login  GET /logout  GET /pwa_icon
    GET /svelte/{path:path}  GET /pwa_icon/{size}  GET /manifest.json  GET /monitoring  GET /monitoring/summary
    GET /monitoring/{key}  GET /gradio_api/deep_link  GET /gradio_api/user  GET /gradio_api/login_check
    GET /gradio_api/token  GET /gradio_api/app_id  GET /gradio_api/dev/reload  GET /gradio_api/queue/status
    GET /gradio_api/runs  GET /gradio_api/custom_component/{id}/{environment}/{type}/{file_name}
    GET /gradio_api/proxy={url_path:path}  HEAD /gradio_api/proxy={url_path:path}  GET /gradio_api/file/{path:path}
    POST /gradio_api/stream/{event_id}  POST /gradio_api/stream/{event_id}/close
    GET /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8
    GET /gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}
    GET /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file  POST /gradio_api/process_recording
    POST /gradio_api/api/{api_name}  POST /gradio_api/vibe-edit  POST /gradio_api/undo-vibe-edit
    GET /gradio_api/vibe-code  POST /gradio_api/vibe-code  POST /gradio_api/vibe-starter-queries"""

# In a process of its own, as Gradio's servers leave sockets open.
LIST_ENDPOINTS = """
from mnist_demo.server import gradio_patches
from mnist_demo.server.serve import serve
from mnist_demo.ui import build_page
from mnist_demo.ui.services import Services

def show(routes):
    for route in routes:
        if hasattr(route, "original_router"):  # a router that is included
            show(route.original_router.routes)
        else:
            for method in getattr(route, "methods", None) or [type(route).__name__]:
                print(method, route.path)

gradio_patches.apply()
page = build_page(Services.create(None))
show(serve(**vars(page), prevent_thread_lock=True, quiet=True)[0].routes)
"""


def endpoints(text: str) -> set[str]:
    return set(re.split(r"\s\s+", text.strip()))


@pytest.mark.slow
def test_every_endpoint_has_been_reviewed():
    listed = subprocess.run([sys.executable, "-c", LIST_ENDPOINTS], cwd=ROOT, capture_output=True, encoding="utf-8")
    found = {line if line.endswith(" /") else line.rstrip("/") for line in listed.stdout.splitlines()}
    assert found == endpoints("  ".join(SERVED.values())) | endpoints(REFUSED), listed.stderr


@pytest.mark.parametrize("endpoint", sorted(endpoints(REFUSED)))
def test_endpoints_that_the_page_does_not_need_are_refused(app_url: str, endpoint: str):
    method, path = endpoint.split()
    response = httpx.request(method, app_url + re.sub(r"\{[^}]+\}", "x", path).lstrip("/"))
    assert response.status_code == 404 and (method == "HEAD" or response.json() == {"error": "Not found."})


def test_health_is_served(app_url: str):
    assert httpx.get(app_url + HEALTH.lstrip("/")).json() == {"status": "ok"}
