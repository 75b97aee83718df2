"""Ends connections that ask for nothing: opened and never used, with half the head of a request, or with an answer that
nobody takes. uvicorn waits for those for ever, and each takes one of the files that a server may have open."""

from collections import Counter
from typing import Any

import gradio as gr

from mnist_demo.ui.events import client_address

LOOK_SECONDS = 2.0  # between two looks
PATIENCE = 10  # looks at which a connection asks for nothing
MOST = 300  # such connections of one address; a browser opens one or two ahead


class Silent:
    """Looks after the connections of a page that is served."""

    def __init__(self, blocks: gr.Blocks):
        self._blocks = blocks
        # By connection, the longest silent first: for how many looks, and how many bytes are still to be sent.
        self._seen: dict[Any, tuple[int, int]] = {}

    async def look(self) -> None:
        """End those that were silent for PATIENCE looks, and of one address the oldest beyond MOST."""
        connections = self._blocks.server.server_state.connections
        seen = {}
        for connection in [*self._seen, *(connections - self._seen.keys())]:
            if connection in connections and _is_silent(connection):
                looks, before = self._seen.get(connection, (0, 0))
                unsent = connection.transport.get_write_buffer_size()
                seen[connection] = (looks + 1 if unsent >= before else 1), unsent
        self._seen = seen
        counts: Counter[str] = Counter()
        for connection, (looks, _) in reversed(seen.items()):
            address = client_address(connection.client)
            counts[address] += 1
            if looks >= PATIENCE or (counts[address] > MOST and looks > 1):
                connection.transport.abort()


def _is_silent(connection: Any) -> bool:
    """Whether nothing is being answered; for a while after an answer, uvicorn's own patience counts."""
    if not hasattr(connection, "cycle"):
        return False  # a web socket's, which the gate refuses
    is_answered = connection.cycle is None or connection.cycle.response_complete
    return is_answered and (connection.timeout_keep_alive_task is None or connection.transport.is_closing())
