"""POST /predict: predictions while a visitor draws. It stands beside Gradio, whose own events take longer."""

import asyncio
from collections.abc import Callable
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mnist_demo.errors import InputError
from mnist_demo.server.clients import client_address
from mnist_demo.ui.services.queues import FairQueue, Ticket, WorkQueue

PREDICT_PATH = "/predict"
LONG_BYTES = 10_000  # a larger drawing takes long; people's have about 3,000 bytes
MAX_BATCH = 8  # drawings predicted at once; more gain nothing, and delay the next

Predict = Callable[[list[Any]], list[dict[str, Any]]]


def predict_route(predict: Predict, queue: WorkQueue) -> Route:
    """Return the route. `predict` takes drawings as they were sent, and returns one response for each.

    A drawing that arrives alone is predicted at once. Those that arrive meanwhile are predicted as one batch, which
    takes the model less time, in an order that is fair to clients. Long work runs in a thread, in turn in `queue`.
    """
    tickets, waiting = FairQueue(), dict[Ticket, tuple[Any, asyncio.Future]]()

    def predict_batch() -> None:
        batch = [waiting.pop(ticket) for ticket in tickets.pop(MAX_BATCH)]
        if waiting:
            asyncio.get_running_loop().call_soon(predict_batch)
        try:
            responses: list[Any] = predict([drawing for drawing, _ in batch])
        except Exception as error:
            responses = [error] * len(batch)
        for (_, future), response in zip(batch, responses, strict=True):
            if not future.done():  # the client may have gone
                future.set_exception(response) if isinstance(response, Exception) else future.set_result(response)

    def predict_in_turn(drawing: Any, client: str) -> dict[str, Any]:
        try:
            with queue.turn(client):
                return predict([drawing])[0]
        except InputError as error:
            return {"error": str(error)}

    async def respond(request: Request) -> JSONResponse:
        try:
            drawing = await request.json()
        except (ValueError, RecursionError):
            return JSONResponse({"error": "Send the drawing as JSON."}, 400)
        is_long = len(await request.body()) > LONG_BYTES
        if is_long:
            return JSONResponse(await to_thread.run_sync(predict_in_turn, drawing, client_address(request)))
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        waiting[tickets.add(client_address(request))] = drawing, future
        if len(waiting) == 1:
            loop.call_soon(predict_batch)
        return JSONResponse(await future)

    return Route(PREDICT_PATH, respond, methods=["POST"])
