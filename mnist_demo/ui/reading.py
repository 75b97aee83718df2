"""The endpoint that the pad asks while somebody draws; it stands beside Gradio, whose own way takes longer."""

import asyncio
from collections.abc import Callable
from typing import Any

from anyio import to_thread  # which Gradio brings along, and uses for the same
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mnist_demo.errors import InputError
from mnist_demo.ui.events import address
from mnist_demo.ui.line import FairQueue, Line, Ticket

ADDRESS = "/read"
LONG_BYTES = 10_000  # of a drawing that takes longer than many; people's have about 3,000
AT_ONCE = 8  # drawings that are read together; more bring the network nothing, and hold up who comes next

Read = Callable[[list[Any]], list[dict[str, Any]]]


def reading(read: Read, line: Line) -> Route:
    """What answers pads, each with a drawing as JSON: `read` is given those that wait, whatever was sent, and gives the
    answer for each.

    A drawing that comes alone is read at once; those that come meanwhile are read together, as a network needs less
    time for several at once, in an order that is fair to addresses. What takes long is read in a thread, in the `line`.
    """
    queue, waiting = FairQueue(), dict[Ticket, tuple[Any, asyncio.Future]]()

    def read_some() -> None:
        some = [waiting.pop(ticket) for ticket in queue.give_turns(AT_ONCE)]
        if waiting:
            asyncio.get_running_loop().call_soon(read_some)
        try:
            answers: list[Any] = read([drawing for drawing, _ in some])
        except Exception as error:
            answers = [error] * len(some)
        for (_, future), answer in zip(some, answers, strict=True):
            if not future.done():  # or else whoever asked has gone
                future.set_exception(answer) if isinstance(answer, Exception) else future.set_result(answer)

    def read_slowly(drawing: Any, where: str) -> dict[str, Any]:
        try:
            with line.take(where):
                return read([drawing])[0]
        except InputError as error:
            return {"error": str(error)}

    async def answer(request: Request) -> JSONResponse:
        try:
            drawing = await request.json()
        except (ValueError, RecursionError):
            return JSONResponse({"error": "A drawing must be sent as JSON."}, 400)
        is_long = len(await request.body()) > LONG_BYTES
        if is_long or (isinstance(drawing, dict) and drawing.get("every")):  # others draw meanwhile
            return JSONResponse(await to_thread.run_sync(read_slowly, drawing, address(request)))
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        waiting[queue.enter(address(request))] = drawing, future
        if len(waiting) == 1:
            loop.call_soon(read_some)
        return JSONResponse(await future)

    return Route(ADDRESS, answer, methods=["POST"])
