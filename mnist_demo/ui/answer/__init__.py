"""What was read: the digit, ten bars, what the network saw, and what every model says."""

from pathlib import Path
from typing import Any

import gradio as gr

from mnist_demo.my_digits import MAX_DIGITS

_HERE = Path(__file__).parent
_HTML, _CSS, _JS = ((_HERE / f"answer.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
_MINE = (_HERE.parent / "mine.js").read_text(encoding="utf-8")


class Answer(gr.HTML):
    """Shows what `figures.answer` gives, as its value or, with `pad`, as the detail of the pad's event `answer`; then
    whoever drew may also say what it is."""

    def __init__(self, value: dict[str, Any], *, pad: bool = False, **options: Any):
        super().__init__(
            value=value,
            html_template=_HTML,
            css_template=_CSS,
            js_on_load=f"{_MINE}\n{_JS}",
            pad=pad,
            most=MAX_DIGITS,
            **options,
        )
