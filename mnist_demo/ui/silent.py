"""Ends connections that ask for nothing: opened and never used, or with half the head of a request. uvicorn waits for
more of those for ever, and each takes one of the files that a server may have open."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from mnist_demo.ui.events import client_address

LOOK_SECONDS = 2.0  # between two looks
PATIENCE = 10  # looks at which a connection asks for nothing
MOST = 300  # such connections of one address; a browser opens one or two ahead


@dataclass(frozen=True)
class Silent:
    """Looks after the connections of a page that is served."""

    blocks: gr.Blocks
    _looks: dict[Any, int] = field(default_factory=dict)  # by connection, those first that are silent for longest

    async def look(self) -> None:
        """End those that were silent at PATIENCE looks, and of one address the latest beyond MOST."""
        connections = self.blocks.server.server_state.connections
        looks = {each: count + 1 for each, count in self._looks.items() if each in connections and _is_silent(each)}
        looks |= {each: 1 for each in connections if each not in looks and _is_silent(each)}
        self._looks.clear()
        self._looks.update(looks)
        silent: Counter[str] = Counter()
        for connection, count in looks.items():
            address = client_address(connection.client)
            silent[address] += 1
            if count >= PATIENCE or silent[address] > MOST:
                connection.transport.abort()


def _is_silent(connection: Any) -> bool:
    """Whether nothing is answered to it; for a while after an answer, uvicorn's own patience counts."""
    is_asking = connection.cycle and not connection.cycle.response_complete
    return not is_asking and connection.timeout_keep_alive_task is None
