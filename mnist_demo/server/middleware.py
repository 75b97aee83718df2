"""Limits on HTTP requests: which endpoints exist, how large a body may be, how many requests one client may have open.

Gradio serves endpoints that this page does not need, limits uploads only, and reads JSON bodies of any size.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_demo.server.clients import client_address

logger = logging.getLogger(__name__)

# By kind of request. A drawing has 3 kB, one of 20,000 points 250 kB, and a photo of 10 MB has 13 MB as base64.
MAX_OPEN = {"request": 400, "large request": 20, "upload": 50, "photo": 10}  # of one address
MAX_KB = {"request": 100, "large request": 1_000, "upload": 16_000, "photo": 16_000}  # of a body
MAX_PHOTO_COMMAS = 1_000  # 5 million empty lists in 16 MB would block the server for seconds
MAX_QUEUED = 50  # events of one client in Gradio's queue
TOO_LARGE = "The request is too large. At most 1 MB is allowed, 16 MB for one photo; without Content-Length, 0.1 MB."

HEALTH, UPLOAD = "/health", "/gradio_api/upload"
PAGE = re.compile(r"/(config/?)?")  # Gradio builds these for each client, in 25 ms
QUEUED = re.compile(r"/gradio_api/(queue/join|call/.+)")
PHOTOS = re.compile(r"/gradio_api/(queue/join|(run|call|call/v2)/predict_image)")

# What the page, gradio_client and the API page request. Of the files, only uploads on this host.
_READ = re.compile(
    rf"{HEALTH}|{PAGE.pattern}|/weights/.+|/(theme\.css|favicon\.ico|card\.png|robots\.txt)/?|/(assets|static)/.+"
    r"|/gradio_api/(info/?|startup-events|theme\.css|upload_progress|queue/data|file=(?!\w+:/).+)"
    r"|/gradio_api/(heartbeat/[^/]+|call/(v2/)?[^/]+/[^/]+)"
)
_WRITE = re.compile(r"/gradio_api/(queue/join|cancel|reset/?|upload|component_server/?|run/[^/]+|call/(v2/)?[^/]+)")
ENDPOINTS = {"GET": _READ, "HEAD": _READ, "POST": _WRITE, "OPTIONS": _WRITE}


class RequestLimits:
    """ASGI middleware that refuses requests over the limits above, each with {"error": text} as JSON.

    404: an endpoint that the page does not need; 413: a large body; 415: a file; 429: many requests; 500: a failure.
    """

    def __init__(self, app: ASGIApp, count_queued: Callable[[str], int] = lambda address: 0):
        self.app = app
        self._count_queued = count_queued  # counts a client's queued events
        self._open: Counter[tuple[str, str]] = Counter()  # requests by address and kind
        self._page_build = asyncio.Semaphore(1)  # builds in parallel slow each other and everything else

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        path, method = scope["path"].removeprefix(scope.get("root_path", "")), scope.get("method")
        if method not in ENDPOINTS or not ENDPOINTS[method].fullmatch(path):  # web sockets have no method
            return await JSONResponse({"error": "Not found."}, 404)(scope, receive, send)
        if path == HEALTH:
            return await JSONResponse({"status": "ok"})(scope, receive, send)
        is_page, request = PAGE.fullmatch(path), HTTPConnection(scope)
        if method != "POST" and not is_page:  # files and event streams; their number is up to the reverse proxy
            return await self.app(scope, receive, send)
        if path != UPLOAD and "multipart" in request.headers.get("content-type", ""):
            return await JSONResponse({"error": "Send JSON."}, 415)(scope, receive, send)  # Gradio would keep the files
        kilobytes = int(request.headers.get("content-length", 0)) / 1000
        kind = "large request" if kilobytes > MAX_KB["request"] else "request"
        if path == UPLOAD:
            kind = "upload"
        elif PHOTOS.fullmatch(path) and kilobytes > MAX_KB["large request"]:
            kind = "photo"
        address, is_queued = client_address(request), QUEUED.fullmatch(path)
        if self._open[address, kind] >= MAX_OPEN[kind] or (is_queued and self._count_queued(address) >= MAX_QUEUED):
            error = f"Your address has {MAX_OPEN[kind]} {kind}s open or {MAX_QUEUED} events queued; try again later."
            return await JSONResponse({"error": error}, 429)(scope, receive, send)
        self._open[address, kind] += 1
        try:
            async with AsyncExitStack() as page_build:
                if is_page:
                    scope = {**scope, "query_string": b""}  # the page's script reads it; Gradio fails at ?page=1
                    await page_build.enter_async_context(self._page_build)
                await self._forward(kind, page_build, scope, receive, send)
        finally:
            self._open[address, kind] -= 1
            self._open += Counter()  # removes zeros

    async def _forward(self, kind: str, page_build: AsyncExitStack, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app. If the body exceeds a limit or the app fails, send an error instead of its response."""
        bytes_left = 1000 * MAX_KB[kind]
        commas_left = MAX_PHOTO_COMMAS if kind == "photo" else bytes_left
        refusal: JSONResponse | None = None
        has_started = False

        async def receive_limited() -> Message:
            nonlocal bytes_left, commas_left, refusal
            message = await receive()
            part = message.get("body", b"")
            bytes_left, commas_left = bytes_left - len(part), commas_left - part.count(b",")
            if min(bytes_left, commas_left) < 0:
                refusal = JSONResponse({"error": TOO_LARGE}, 413)
                raise ValueError(TOO_LARGE)
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal has_started
            if not refusal:
                has_started = True
                await page_build.aclose()  # the page is built; another client's turn
                await send(message)

        try:
            await self.app(scope, receive_limited, send_unless_refused)
        except Exception:
            if not refusal:
                logger.exception("A request to %s failed", scope["path"])
                refusal = JSONResponse({"error": "Internal server error."}, 500)
        if refusal and not has_started:
            await refusal(scope, receive, send)
