"""How the Python lines beside a view begin: they open the model that the view is about, as everybody can open it."""

from pathlib import Path

from strivelm.loading import OpenModel


def load_line(opened: OpenModel) -> str:
    """The line that makes `model`: `model = load_model('bundled')`."""
    return f"model = load_model({_reference(opened.ref)}"


def open_line(opened: OpenModel) -> str:
    """The line that makes `opened`, a model with what came along: `opened = open_model('bundled')`."""
    return f"opened = open_model({_reference(opened.ref)}"


def _reference(ref: str) -> str:
    """The reference as Python has it, with the bracket after it; of a folder its name alone, and where to run that."""
    place, at, revision = ref.partition("@")
    if Path(ref).is_dir():
        place, at, revision = ref, "", ""
    if not Path(place).is_dir():
        return f"{ref!r})"
    return f"{f'./{Path(place).resolve().name}{at}{revision}'!r})  # run where this folder lies"
