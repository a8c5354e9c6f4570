"""How the lines of Python beside a view begin: what opens the model that the view shows."""

import os
from pathlib import Path

from strivelm.loading import COME_ALONG, OpenModel


def load_line(opened: OpenModel) -> str:
    """The line that opens a model, as in `model = load_model('bundled')`.

    Where a folder lies on the page's machine is not told: its line runs in the folder that holds it.
    """
    name, at, revision = opened.ref.partition("@")
    for folder, rest in ((opened.ref, ""), (name, at + revision)):
        if folder not in COME_ALONG and os.path.isdir(folder):
            near = f"./{Path(folder).resolve().name}{rest}"
            return f"model = load_model({near!r})  # run this in the folder that holds the model's folder"
    return f"model = load_model({opened.ref!r})"
