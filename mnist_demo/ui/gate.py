"""What the server may be asked, how much a request may bring, and how many a visitor may have under way.

Gradio serves more than this page needs (a proxy for other hosts, an editor, recordings), limits uploads alone, and
takes a body of JSON whole, however large.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_demo.ui.events import client_address
from mnist_demo.ui.reading import ADDRESS as READ

logger = logging.getLogger(__name__)
HEALTH = "/health"  # answers as long as the server does
UPLOAD = "/gradio_api/upload"
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
    values: int = 1_000_000  # of a body of JSON; 300 digits of 800 points each have 720,000 brackets and commas


DRAWINGS = Limit(1_000_000, 400, 100_000)  # 20,000 points have 60,000 brackets and commas, and a quarter of the bytes
COMPONENTS = Limit(8_000_000, 60)  # what else parts of the page ask; a file of 300 digits has up to 5 MB
CALLS = Limit(16_000_000, 20, 100_000)  # of programs, without the queue: a drawing, a picture of 10 MB as base64 text
OTHERS = Limit(16_000_000, 50)  # events, which `gradio_client` sends the same in, and uploads
NEWS = Limit(1_000_000, 1_000)  # what tells a page something as long as it is open: one or two a page
PAGES = Limit(1_000_000, 1_000)  # the page and its files, of which a browser asks for several at once
MOST_BYTES = 100_000_000  # of bodies of one address that are read or answered; each takes several times its memory
MOST_EVENTS = 50  # of one address that wait for others of their kind
SILENCE_SECONDS = 20.0  # for which a body may stop coming
_QUEUED = re.compile(r"/gradio_api/(queue/join|call/)")
_IS_CALL = re.compile(r"/gradio_api/(run|call)/.+")
_IS_NEWS = re.compile(r"/gradio_api/(upload_progress|queue/data|heartbeat/.+|call/.+)")


class Gate:
    """ASGI middleware that refuses what the page does not need with 404, a body that is too large with 413, without
    reading on, too many requests at once with 429, and where Gradio fails answers with 500; each as {"error": text}.

    `count_waiting` tells how many events of an address are queued.
    """

    # Starlette's own limit of bodies answers in plain text, is one for all paths, and is not in older versions.

    def __init__(self, app: ASGIApp, count_waiting: Callable[[str], int] = lambda address: 0):
        self.app = app
        self._count_waiting = count_waiting
        self._under_way: Counter[tuple[str, Limit]] = Counter()  # by address and kind
        self._bytes: Counter[str] = Counter()  # by address

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
        headers = dict(scope["headers"])
        if method == "POST" and path != UPLOAD and b"multipart" in headers.get(b"content-type", b""):
            return await _refuse(415, "Send this as JSON.")(scope, receive, send)  # files would be left behind
        limit = _limit(method, path)
        address = client_address(scope.get("client"))
        who = address, limit
        if self._under_way[who] >= limit.at_once:
            error = f"{limit.at_once} requests from your address are being answered; try again in a moment."
            return await _refuse(429, error)(scope, receive, send)
        if _QUEUED.match(path) and method == "POST" and self._count_waiting(address) >= MOST_EVENTS:
            error = f"{MOST_EVENTS} requests from your address wait already; try again in a moment."
            return await _refuse(429, error)(scope, receive, send)
        body = _Body(limit, method, path, lambda size: self._take(address, size))
        self._under_way[who] += 1
        try:
            await self._answer(body, scope, receive, send)
        finally:
            _subtract(self._under_way, who, 1)
            _subtract(self._bytes, address, body.taken)

    def _take(self, address: str, size: int) -> bool:
        """Count bytes of a body as they come; whether they may be kept."""
        self._bytes[address] += size
        return self._bytes[address] <= MOST_BYTES

    async def _answer(self, body: "_Body", scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        async def receive_some() -> Message:
            return await body.receive(receive)

        async def send_on(message: Message) -> None:
            nonlocal answered
            if not body.refused:  # or else the answer below stands for it
                answered = True
                await send(message)

        failed = False
        try:
            await self.app(scope, receive_some, send_on)
        except Exception:
            failed = True
            if not body.refused:
                logger.exception("A request to %s failed", scope["path"])
        if body.refused and not answered:
            await _refuse(*body.refused)(scope, receive, send)
        elif failed and not answered:
            await _refuse(500, "The server could not answer this.")(scope, receive, send)


class _Body:
    """A request's body as it comes, until it is refused."""

    def __init__(self, limit: Limit, method: str, path: str, take: Callable[[int], bool]):
        self.refused: tuple[int, str] | None = None  # status and reason
        self._limit, self._is_upload = limit, path == UPLOAD
        self._take, self.taken, self._values = take, 0, 0
        self._is_whole = method != "POST"  # there is none

    async def receive(self, receive: Receive) -> Message:
        """The next part of it. Raises ValueError where it is refused."""
        try:
            # After it, what comes is that the other side has gone, for which the app may wait long.
            async with asyncio.timeout(None if self._is_whole else SILENCE_SECONDS):
                message = await receive()
        except TimeoutError:
            self.refused = 408, f"Nothing came for {SILENCE_SECONDS:.0f} s; send the rest sooner."
            raise ValueError("The body stopped coming.") from None
        part = message.get("body", b"")
        self.taken += len(part)
        has_room = self._take(len(part))
        self._values += 0 if self._is_upload else sum(map(part.count, (b"[", b"{", b",")))
        self._is_whole = not message.get("more_body", False)
        if self.taken > self._limit.body:
            self.refused = 413, f"What was sent is too large; at most {self._limit.body // 10**6} MB are read."
        elif self._values > self._limit.values:  # each of which costs Gradio far more than its bytes
            self.refused = 413, f"What was sent holds too many values; at most {self._limit.values:,} are read."
        elif not has_room:
            self.refused = 429, f"{MOST_BYTES // 10**6} MB from your address are being read; try again in a moment."
        if self.refused:
            raise ValueError("The body is too large.")
        return message


def _subtract(counter: Counter[Any], key: Hashable, count: int) -> None:
    """So that nothing stays of those who have gone."""
    counter[key] -= count
    if not counter[key]:
        del counter[key]


def _limit(method: str, path: str) -> Limit:
    if method != "POST":
        return NEWS if _IS_NEWS.fullmatch(path) else PAGES
    kinds = {READ: DRAWINGS, "/gradio_api/component_server": COMPONENTS}
    return CALLS if _IS_CALL.fullmatch(path) else kinds.get(path.rstrip("/"), OTHERS)


def _refuse(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status)
