"""The digit browser: a page of digits with filters and sorting, a confusion matrix, and a dialog for one digit."""

from collections.abc import Sequence
from typing import Any

from mnist_demo.digit_query import PAGE_SIZE
from mnist_demo.ui.components.base import Component, Query

POLL_MS = 200  # between two requests while the server computes a result


class DigitBrowser(Component):
    """Show pages of digits. The value is the list of models to choose from, each [name, key].

    The page's address holds the current query. `functions` are `grid`, `digit`, `grid_file` and `table_file` of
    `BrowseTab`. Each takes the query as text by name, and returns {"busy": text} while it computes the result or
    {"error": text}.
    """

    scripts = ("dom.js", "download.js", "arrow_keys.js", "matrix.js", "dialog.js", "script.js")
    # The `js` of an event that refreshes the digits.
    refresh = "() => { document.dispatchEvent(new Event('browse')); return []; }"

    def __init__(self, functions: Sequence[Query], models: list, *, model: str, sets: dict[str, str], **options: Any):
        super().__init__(
            models, functions=functions, model=model, sets=sets, page_size=PAGE_SIZE, poll_ms=POLL_MS, **options
        )

    def postprocess(self, value: Any) -> Any:
        return [list(choice) for choice in value or []]

    def api_info(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}

    def example_payload(self) -> list:
        return [["sketch", "sketch"]]
