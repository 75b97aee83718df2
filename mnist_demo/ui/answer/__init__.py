"""What was read: the digit, ten bars, what the network saw, and what every model says."""

from pathlib import Path
from typing import Any

import gradio as gr

_HERE = Path(__file__).parent
_HTML, _CSS, _JS = ((_HERE / f"answer.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))


class Answer(gr.HTML):
    """Shows what `figures.answer` gives, as its value or, with `pad`, as the detail of the pad's event `answer`."""

    def __init__(self, value: dict[str, Any], *, pad: bool = False, **options: Any):
        super().__init__(value=value, html_template=_HTML, css_template=_CSS, js_on_load=_JS, pad=pad, **options)
