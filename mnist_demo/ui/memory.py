"""Memory that was freed goes back to the system. The C library keeps it, in a pool for each of many threads, so that a
server grows by what each of them happened to compute last."""

import ctypes
from collections.abc import Callable

from anyio import to_thread

GIVE_BACK_SECONDS = 10.0  # between two times; one takes about 5 ms


def _find_trim() -> Callable[[int], int] | None:
    """glibc's; other C libraries have none, and no such pools."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # the last on Windows
        return None


_TRIM = _find_trim()


async def give_back() -> None:
    if _TRIM:
        await to_thread.run_sync(_TRIM, 0)
