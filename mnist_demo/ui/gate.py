"""What the server may be asked, how much a request may bring, and how many a visitor may have under way.

Gradio serves more than this page needs (a proxy for other hosts, an editor, recordings), limits uploads alone, and
takes a body of JSON whole, however large.
"""

import logging
import re
from collections import Counter
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_demo.ui.reading import ADDRESS as READ

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
        rf"{READ}|/gradio_api/(queue/join|cancel|reset/?|upload|component_server/?|run/{_ANY}|call/(v2/)?{_ANY})"
    ),
}
_SERVED["HEAD"] = _SERVED["GET"]
_SERVED["OPTIONS"] = _SERVED["POST"]  # a browser asks so before it posts from another site


@dataclass(frozen=True)
class Limit:
    """Of requests of a kind."""

    body: int  # bytes
    at_once: int  # that are being answered for one address, from which a school or, behind a proxy, everybody may come


DRAWINGS = Limit(1_000_000, 400)  # 20,000 points and their punctuation take a quarter of it
COMPONENTS = Limit(8_000_000, 400)  # what else parts of the page ask; a file of 300 digits has up to 5 MB
OTHERS = Limit(16_000_000, 100)  # such as a picture of 10 MB as base64 text
NEWS = Limit(1_000_000, 1_000)  # what tells a page something as long as it is open: one or two a page
_IS_NEWS = re.compile(r"/gradio_api/(upload_progress|queue/data|heartbeat/.+|call/.+)")


class Gate:
    """ASGI middleware that refuses what the page does not need with 404, a body that is too large with 413, without
    reading on, too many requests at once with 429, and where Gradio fails answers with 500; each as {"error": text}."""

    # Starlette's own limit of bodies answers in plain text, is one for all paths, and is not in older versions.

    def __init__(self, app: ASGIApp):
        self.app = app
        self._under_way: Counter[tuple[str, Limit]] = Counter()  # by address and kind

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
        limit = _limit(method, path)
        if not limit:
            return await self.app(scope, receive, send)
        who = (scope.get("client") or ("",))[0], limit
        if self._under_way[who] >= limit.at_once:
            error = f"{limit.at_once} requests from your address are being answered; try again in a moment."
            return await _refuse(429, error)(scope, receive, send)
        self._under_way[who] += 1
        try:
            await self._answer(limit.body, scope, receive, send)
        finally:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]

    async def _answer(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        taken, answered = 0, False

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise ValueError("The body is too large.")
            return message

        async def send_on(message: Message) -> None:
            nonlocal answered
            if taken <= most:  # or else the answer below stands for it
                answered = True
                await send(message)

        failed = False
        try:
            await self.app(scope, receive_some, send_on)
        except Exception:
            failed = True
            if taken <= most:
                logger.exception("A request to %s failed", scope["path"])
        if taken > most and not answered:
            error = f"What was sent is too large; at most {most // 10**6} MB are read."
            await _refuse(413, error)(scope, receive, send)
        elif failed and not answered:
            await _refuse(500, "The server could not answer this.")(scope, receive, send)


def _limit(method: str, path: str) -> Limit | None:
    if method == "POST":
        return DRAWINGS if path == READ else COMPONENTS if "/component_server" in path else OTHERS
    return NEWS if _IS_NEWS.fullmatch(path) else None


def _refuse(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status)
