"""Gradio's inputs without their validation.

Event handlers validate the values and report errors in one line. Gradio would log the whole value, and compare a choice
with the choices that it remembers of a session, which it forgets.
"""

from typing import Any

import gradio as gr


class Choice(gr.Dropdown):
    """A dropdown that passes the selected value on, of any type."""

    is_template = True  # the page shows the base class

    def preprocess(self, payload: Any) -> Any:
        return payload


class Cards(gr.Radio):
    """Choices side by side, the first line of each in bold. Passes the selected value on, of any type."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload


class Number(gr.Textbox):
    """A field for a number as text, of any type: browsers drop the decimal comma from number inputs."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> str | None:
        return f"{value:g}" if isinstance(value, float) else super().postprocess(value)


class PhotoFile(gr.Image):
    """A photo to upload, paste or take. Passes on the path of the unchanged file, or None."""

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        return payload.path if payload else None
