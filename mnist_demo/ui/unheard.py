"""Forgets what Gradio has to tell pages that do not ask for it, or else whoever starts events and never hears their
answers would fill the memory, and have networks trained for nobody."""

from dataclasses import dataclass, field
from typing import Any

from gradio.queueing import Queue
from gradio.routes import file_upload_statuses
from gradio.state_holder import StateHolder

from mnist_demo.ui.events import LONGEST_NAME

LOOK_SECONDS = 2.0  # between two looks
PATIENCE = 60  # looks at which the same message waits: two minutes, for a phone that slept
UPLOADS_FOLLOWED = 1000  # names of uploads whose progress was asked for


@dataclass(frozen=True)
class Unheard:
    """Looks after the queue of the pages' events, and what Gradio keeps of pages."""

    queue: Queue
    states: StateHolder
    _looks: dict[str, tuple[int, Any]] = field(default_factory=dict)  # by page: at how many looks what was the oldest

    async def look(self) -> None:
        """Forget the pages that have heard nothing at PATIENCE looks, and end their events; those with a name that no
        page has at once, as it may be of any length."""
        told = self.queue.pending_messages_per_session
        looks = {}
        for page, messages in told.items():
            if messages.qsize():
                oldest = messages._queue[0]  # type: ignore[attr-defined]  # it cannot be asked without being taken
                count, before = self._looks.get(page, (0, None))
                looks[page] = (count + 1 if oldest is before else 1, oldest)
        self._looks.clear()
        self._looks.update(looks)
        for page in list(told):
            if looks.get(page, (0, None))[0] >= PATIENCE or len(page) > LONGEST_NAME:
                told.pop(page, None)  # unless Gradio has, meanwhile
                await self.queue.clean_events(session_hash=page)
        for page in self.queue.pending_event_ids_session.keys() - told.keys():
            del self.queue.pending_event_ids_session[page]
        for page in [page for page in self.states.session_data if len(page) > LONGEST_NAME]:
            self.states.session_data.pop(page, None)
            self.states.time_last_used.pop(page, None)
        if len(file_upload_statuses._signals) > UPLOADS_FOLLOWED:
            file_upload_statuses._signals.clear()
