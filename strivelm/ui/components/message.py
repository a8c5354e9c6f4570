"""A message to the visitor: a note, or an error."""

from pathlib import Path

import gradio as gr

from strivelm.ui.components.view import View
from strivelm.ui.core import codec

HERE = Path(__file__).parent
VIEW = View(HERE, "message", '<p class="message strivelm-marked" role="status"></p>')
NOTHING = codec.dumps({"kind": "", "text": ""})


def view(elem_id: str) -> gr.HTML:
    """A line that takes no space while it is empty."""
    return VIEW.component({"kind": "", "text": ""}, elem_id=elem_id, elem_classes="message-box")


def note(*sentences: str) -> str:
    """The value for a note; empty if there is no sentence."""
    return codec.dumps({"kind": "note", "text": "\n".join(sentences)}) if sentences else NOTHING


def error(sentence: str) -> str:
    """The value for an error, which the visitor can correct."""
    return codec.dumps({"kind": "error", "text": sentence})
