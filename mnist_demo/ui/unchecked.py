"""Gradio's components without its checks of what comes: handlers check it, say in one line what is wrong, and repeat
little of it. Gradio would log all of it, and compare choices with those that it remembers of a visit, and forgets."""

from typing import Any

import gradio as gr


class Choice(gr.Dropdown):
    """Gives what was chosen, of any type."""

    is_template = True  # in the page it is its base

    def preprocess(self, payload: Any) -> Any:
        return payload


class Number(gr.Number):
    """Gives what stands in the field, of any type."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload


class PictureFile(gr.Image):
    """A picture to be uploaded, pasted or taken; gives the path of the file as it came, None where there is none."""

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        return payload.path if payload else None
