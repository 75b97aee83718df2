"""What can go wrong through no fault of the program, said in one sentence to the person who can mend it."""


class DemoError(ValueError):
    """Base of all errors that a command line or a page may show as they are: what was given, what is allowed."""


class InputError(DemoError):
    """A drawing, a picture, a name or a value that cannot be used."""


class DataError(DemoError):
    """The data folder lacks a file, or a file in it is damaged."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(f"{reason} {remedy}")
        self.reason = reason  # without the folder's place, for a page that strangers see


class CheckpointError(DemoError):
    """A file that is not a checkpoint of this project, or no longer whole."""


def brief(value: object) -> str:
    """A value as a message may repeat it: the beginning of a text, or else what kind of thing it is."""
    return repr(value[:40]) if isinstance(value, str) else type(value).__name__
