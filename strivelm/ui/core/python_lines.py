"""The first lines of Python beside a view."""

import os

from strivelm.loading import COME_ALONG, OpenModel
from strivelm.ui.core.models import name_of


def load_line(opened: OpenModel) -> str:
    """The line that opens a model. Of a folder, whose place is nobody's business, it runs where the folder lies."""
    place, at, snapshot = opened.ref.partition("@")
    for folder, rest in ((opened.ref, ""), (place, at + snapshot)):
        if folder not in COME_ALONG and os.path.isdir(folder):
            name = name_of(folder)
            return f"model = load_model({f'./{name}{rest}'!r})  # where the folder {name} lies"
    return f"model = load_model({name_of(opened.ref)!r})"
