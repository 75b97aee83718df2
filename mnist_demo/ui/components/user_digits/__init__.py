"""The user's own digits, which the browser stores, and the progress of a fine-tuning on them."""

from mnist_demo.ui.components.base import Component


class UserDigitsPanel(Component):
    """List the user's digits. The value is the progress of a fine-tuning, as `TeachTab.finetune` yields it.

    It may also hold "choices", the names and keys of the models to teach, and "model", the key of the selected one.
    Files of digits are uploaded. The function `validate` takes {"path"} and returns {"content": the file's text} or
    {"error"}; `download` takes {"key"} and returns a model's file. The event `submit` with {"path", "model"} starts a
    fine-tuning, `clear` stops it, and `select` with {"key"} chooses its model for the pad. Options: a file of digits
    starts with `file_head`, and `max_digits` and `max_bytes` are its limits.
    """

    scripts = ("dom.js", "strokes.js", "user_digits.js", "download.js", "line_chart.js", "script.js")
