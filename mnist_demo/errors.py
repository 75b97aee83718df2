"""Errors whose one-sentence message says what was given, what is allowed and what to do."""


class DemoError(ValueError):
    """Base class of the errors whose message the command line and the page may show unchanged."""


class InputError(DemoError):
    """A drawing, photo, name or value that cannot be used."""


class DataError(DemoError):
    """A missing or damaged file in the data folder."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(f"{reason} {remedy}")
        self.reason = reason  # without the folder's path: a public page may show it


class CheckpointError(DemoError):
    """A checkpoint file that is missing, damaged, not from this project, or not writable."""


def describe_value(value: object) -> str:
    """Return how a message shows `value`: the first 40 characters of a string, the type's name of anything else."""
    return repr(value[:40]) if isinstance(value, str) else type(value).__name__
