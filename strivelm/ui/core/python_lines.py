"""The lines by which the Python code beside a view opens its model."""

from collections.abc import Sequence
from pathlib import Path

from strivelm.loading import COME_ALONG, OpenModel


def load_line(opened: OpenModel) -> str:
    """The line that makes `model`, by `strivelm.load_model`."""
    return _line("model = load_model({})", opened)


def open_line(opened: OpenModel) -> str:
    """The line that makes `opened`, the model with its record, by `strivelm.open_model`."""
    return _line("opened = open_model({})", opened)


def of_two_models(opened: OpenModel, beside: OpenModel, imports: Sequence[str], lines: Sequence[str]) -> str:
    """Python that makes `model` and `beside`, by `strivelm.load_model`, and goes on with lines, which need imports."""
    first = ["from strivelm import load_model", *imports, ""]
    return "\n".join([*first, load_line(opened), _line("beside = load_model({})", beside), *lines])


def _line(line: str, opened: OpenModel) -> str:
    """The line with the model's reference; of a folder only the name, as visitors need not know the page's paths."""
    name, at, revision = opened.ref.partition("@")
    along = next((one for one, place in COME_ALONG.items() if Path(name) == Path(place)), None)
    if along is not None:  # a snapshot of the model that the page was started with, opened by its place
        return line.format(repr(f"{along}{at}{revision}"))
    folder = Path(opened.ref) if Path(opened.ref).is_dir() else Path(name)
    if name in COME_ALONG or not folder.is_dir():
        return line.format(repr(opened.ref))
    shown = folder.resolve().name + ("" if folder == Path(opened.ref) else at + revision)
    return f"{line.format(repr(f'./{shown}'))}  # run this where the folder {folder.resolve().name} lies"
