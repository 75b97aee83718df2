"""How much a request may bring: Gradio limits uploads alone, and takes a body of JSON whole, however large."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_DRAWING = 1_000_000  # bytes of what the pad sends: 20,000 points and their punctuation take a quarter of it
MAX_BODY = 16_000_000  # of anything else: a picture of 10 MB as base64 text


class LimitBodies:
    """ASGI middleware that answers a larger body with 413 and {"error": text}, without reading on."""

    # Starlette's own answers in plain text, has one limit for all paths, and is not in older versions.

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = MAX_DRAWING if "/component_server" in scope["path"] else MAX_BODY
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

        try:
            await self.app(scope, receive_some, send_on)
        except Exception:
            if taken <= limit:
                raise
        if taken > limit and not answered:
            error = f"What was sent is too large; at most {limit // 10**6} MB are read."
            await JSONResponse({"error": error}, 413)(scope, receive, send)
