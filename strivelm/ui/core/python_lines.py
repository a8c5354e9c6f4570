"""The first lines of Python beside a view."""

from pathlib import Path

from strivelm.loading import OpenModel
from strivelm.ui.core.models import name_of


def load_line(opened: OpenModel) -> str:
    """The line that opens a model. Of a folder, whose place is nobody's business, it runs where the folder lies."""
    name = name_of(opened.ref)
    if Path(opened.ref).is_dir():
        return f"model = load_model({f'./{name}'!r})  # where the folder {name} lies"
    return f"model = load_model({name!r})"
