"""Limits on HTTP requests: which endpoints exist, how large a body may be, how many requests one client may have open.

Gradio serves endpoints that this page does not need, limits uploads only, and reads JSON bodies of any size.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_demo.server.clients import address_of

logger = logging.getLogger(__name__)

# By kind of request. A drawing has 3 kB, one of 20,000 points 250 kB, and a photo of 10 MB has 13 MB as base64.
MAX_OPEN = {"request": 400, "large request": 20, "upload": 50, "photo": 10, "event stream": 1_000}  # of one address
MAX_KB = {"request": 100, "large request": 1_000, "upload": 16_000, "photo": 16_000, "event stream": 100}  # of a body
MAX_PHOTO_COMMAS = 1_000  # 5 million empty lists in 16 MB would block the server for seconds
MAX_QUEUED = 50  # events of one client in Gradio's queue
BODY_TIMEOUT = 20.0  # seconds without another part of a body
TOO_LARGE = "The request is too large. At most 1 MB is allowed, 16 MB for one photo; without Content-Length, 0.1 MB."

HEALTH, UPLOAD = "/health", "/gradio_api/upload"
PAGE = re.compile(r"/(config/?)?")  # Gradio builds these for each client, in 25 ms
QUEUED = re.compile(r"/gradio_api/(queue/join|call/.+)")
EVENT_STREAMS = re.compile(r"/gradio_api/(upload_progress|queue/data|heartbeat/.+|call/.+)")
PHOTOS = re.compile(r"/gradio_api/(queue/join|(run|call|call/v2)/predict_image)")

# What the page, gradio_client and the API page request. Of the files, only uploads on this host.
_READ = re.compile(
    rf"{HEALTH}|{PAGE.pattern}|/(theme\.css|favicon\.ico|card\.png|robots\.txt)/?|/(assets|static)/.+"
    r"|/gradio_api/(info/?|startup-events|theme\.css|upload_progress|queue/data|file=(?!\w+:/).+)"
    r"|/gradio_api/(heartbeat/[^/]+|call/(v2/)?[^/]+/[^/]+)"
)
_WRITE = re.compile(
    r"/predict|/gradio_api/(queue/join|cancel|reset/?|upload|component_server/?|run/[^/]+|call/(v2/)?[^/]+)"
)
ENDPOINTS = {"GET": _READ, "HEAD": _READ, "POST": _WRITE, "OPTIONS": _WRITE}


class RequestLimits:
    """ASGI middleware that refuses requests over the limits above, each with {"error": text} as JSON.

    Statuses: 404 for an endpoint that the page does not need, 408 for a body that stops coming, 413 for a large body,
    415 for a file, 429 for too many requests, 500 if the app fails. `count_queued` counts a client's queued events.
    """

    def __init__(self, app: ASGIApp, count_queued: Callable[[str], int] = lambda address: 0):
        self.app = app
        self._count_queued = count_queued
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
        headers, is_post = Headers(scope=scope), method == "POST"
        if is_post and path != UPLOAD and "multipart" in headers.get("content-type", ""):
            return await JSONResponse({"error": "Send JSON."}, 415)(scope, receive, send)  # Gradio would keep the files
        kilobytes = int(headers.get("content-length", 0)) / 1000
        if not is_post:
            kind = "event stream" if EVENT_STREAMS.fullmatch(path) else "request"
        elif path == UPLOAD:
            kind = "upload"
        elif PHOTOS.fullmatch(path) and kilobytes > MAX_KB["large request"]:
            kind = "photo"
        else:
            kind = "large request" if kilobytes > MAX_KB["request"] else "request"

        address = address_of(scope.get("client"))
        is_queued = is_post and QUEUED.fullmatch(path)
        if self._open[address, kind] >= MAX_OPEN[kind] or (is_queued and self._count_queued(address) >= MAX_QUEUED):
            error = f"Your address has {MAX_OPEN[kind]} {kind}s open or {MAX_QUEUED} events queued; try again later."
            return await JSONResponse({"error": error}, 429)(scope, receive, send)
        self._open[address, kind] += 1
        try:
            async with AsyncExitStack() as page_build:
                if PAGE.fullmatch(path):
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
        is_complete = is_refused = has_started = False

        async def receive_limited() -> Message:
            nonlocal bytes_left, commas_left, is_complete, is_refused
            message: Message = {}
            with suppress(TimeoutError):
                # What follows a complete body is the disconnect, for which an event stream waits for hours.
                async with asyncio.timeout(None if is_complete else BODY_TIMEOUT):
                    message = await receive()
            part, is_complete = message.get("body", b""), not message.get("more_body", False)
            bytes_left, commas_left = bytes_left - len(part), commas_left - part.count(b",")
            if not message or min(bytes_left, commas_left) < 0:
                is_refused = True
                if not has_started:
                    status, error = (413, TOO_LARGE) if message else (408, "The rest did not arrive; send it again.")
                    await JSONResponse({"error": error}, status)(scope, receive, send)
                raise ValueError("The body exceeds a limit.")
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal has_started
            if not is_refused:
                has_started = True
                await page_build.aclose()  # the page is built; another client's turn
                await send(message)

        try:
            await self.app(scope, receive_limited, send_unless_refused)
        except Exception:
            if not is_refused:
                logger.exception("A request to %s failed", scope["path"])
                if not has_started:
                    await JSONResponse({"error": "Internal server error."}, 500)(scope, receive, send)
