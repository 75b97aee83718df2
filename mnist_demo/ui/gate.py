"""What the server may be asked, how much a request may bring, and how many a visitor may have under way.

Gradio serves more than this page needs (a proxy for other hosts, an editor, recordings), limits uploads alone, and
takes a body of JSON whole, however large.
"""

import logging
import re
from collections import Counter

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)
HEALTH = "/health"  # answers as long as the server does
_ANY = "[^/]+"
# What the page, `gradio_client` and the API page ask for. Files: those that a visitor uploaded, no other host's.
_SERVED = {
    "GET": re.compile(
        r"/|/(config|theme\.css|favicon\.ico|robots\.txt)/?|/(assets|static)/.+"
        r"|/gradio_api/(info/?|startup-events|theme\.css|upload_progress|queue/data|file=(?!\w+:/).+)"
        rf"|/gradio_api/(heartbeat/{_ANY}|call/(v2/)?{_ANY}/{_ANY})"
    ),
    "POST": re.compile(
        rf"/gradio_api/(queue/join|cancel|reset/?|upload|component_server/?|run/{_ANY}|call/(v2/)?{_ANY})"
    ),
}
_SERVED["HEAD"] = _SERVED["GET"]
_SERVED["OPTIONS"] = _SERVED["POST"]  # a browser asks so before it posts from another site

MAX_DRAWING = 1_000_000  # bytes of what the pad sends: 20,000 points and their punctuation take a quarter of it
MAX_BODY = 16_000_000  # of anything else: a picture of 10 MB as base64 text
MAX_AT_ONCE = 100  # requests of an address that are being answered, pages that are kept open not counted; each page has
# one for its pad, and a school may come from one address


class Gate:
    """ASGI middleware that refuses what the page does not need with 404, a body that is too large with 413, without
    reading on, too many requests at once with 429, and where Gradio fails answers with 500; each as {"error": text}."""

    # Starlette's own limit of bodies answers in plain text, is one for all paths, and is not in older versions.

    def __init__(self, app: ASGIApp):
        self.app = app
        self._under_way: Counter[str] = Counter()  # by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # a web socket, which nothing here needs
            return await Response(status_code=404)(scope, receive, send)
        path, method = scope["path"].removeprefix(scope.get("root_path", "")), scope["method"]
        if path == HEALTH:
            return await JSONResponse({"status": "ok"})(scope, receive, send)
        if method not in _SERVED or not _SERVED[method].fullmatch(path):
            return await _refuse(404, "There is nothing here.")(scope, receive, send)
        if method != "POST":
            return await self.app(scope, receive, send)
        address = (scope.get("client") or ("",))[0]
        if self._under_way[address] >= MAX_AT_ONCE:
            error = f"{MAX_AT_ONCE} requests from your address are being answered; try again in a moment."
            return await _refuse(429, error)(scope, receive, send)
        self._under_way[address] += 1
        try:
            limit = MAX_DRAWING if "/component_server" in path else MAX_BODY
            await self._answer(limit, scope, receive, send)
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]

    async def _answer(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        taken, answered = 0, False

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise ValueError("The body is too large.")
            return message

        async def send_on(message: Message) -> None:
            nonlocal answered
            if taken <= limit:  # or else the answer below stands for it
                answered = True
                await send(message)

        failed = False
        try:
            await self.app(scope, receive_some, send_on)
        except Exception:
            failed = True
            if taken <= limit:
                logger.exception("A request to %s failed", scope["path"])
        if taken > limit and not answered:
            error = f"What was sent is too large; at most {limit // 10**6} MB are read."
            await _refuse(413, error)(scope, receive, send)
        elif failed and not answered:
            await _refuse(500, "The server could not answer this.")(scope, receive, send)


def _refuse(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status)
