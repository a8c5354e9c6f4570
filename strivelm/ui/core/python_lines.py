"""The Python lines beside a view: how they open the model that it shows."""

from pathlib import Path

from strivelm.loading import COME_ALONG, OpenModel


def load_line(opened: OpenModel) -> str:
    """The line that makes `model`, by `strivelm.load_model`."""
    return _line("model = load_model({})", opened)


def open_line(opened: OpenModel) -> str:
    """The line that makes `opened`, the model with what came along, by `strivelm.open_model`."""
    return _line("opened = open_model({})", opened)


def _line(line: str, opened: OpenModel) -> str:
    """The line with the model's reference. Of a folder it has the name alone: where the page's machine keeps it, a
    visitor neither knows nor has to know."""
    name, at, revision = opened.ref.partition("@")
    folder = Path(opened.ref) if Path(opened.ref).is_dir() else Path(name)
    if name in COME_ALONG or not folder.is_dir():
        return line.format(repr(opened.ref))
    shown = folder.resolve().name + ("" if folder == Path(opened.ref) else at + revision)
    return f"{line.format(repr(f'./{shown}'))}  # run this where the folder {folder.resolve().name} lies"
