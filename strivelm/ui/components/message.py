"""A sentence from the page to its visitor: a note, or what was wrong."""

from pathlib import Path

import gradio as gr

from strivelm.ui.components.view import View
from strivelm.ui.core import codec

HERE = Path(__file__).parent
VIEW = View(HERE, "message", '<p class="message" role="status"></p>')
NOTHING = codec.dumps({"kind": "", "text": ""})


def view(elem_id: str) -> gr.HTML:
    """A line that takes no room while it has nothing to say."""
    return VIEW.component({"kind": "", "text": ""}, elem_id=elem_id, elem_classes="message-box")


def note(*sentences: str) -> str:
    """The value for something worth knowing; nothing where there is no sentence."""
    return codec.dumps({"kind": "note", "text": "\n".join(sentences)}) if sentences else NOTHING


def error(sentence: str) -> str:
    """The value for something that has to be changed before it works."""
    return codec.dumps({"kind": "error", "text": sentence})
