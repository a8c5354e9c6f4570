"""Writes each view's script into a folder as the browser runs it: `python .ci/bundles.py FOLDER`.

A view's scripts are parts that share the scope of one function (strivelm/ui/components/view.py): a linter that reads
them one by one sees names that nobody defines and functions that nobody calls. A line before each part tells lint.mjs
which file it is.
"""

import importlib
import pkgutil
import sys
from pathlib import Path

from strivelm import ui
from strivelm.ui.components import view

ROOT = Path(__file__).parents[1]


def place(part: str, folder: Path) -> Path:
    """Where a view's part lies: in its own folder, or in that of the components."""
    own = folder / f"{part}.js"
    return own if own.is_file() else view.HERE / f"{part}.js"


def main(folder: Path) -> None:
    """Writes NAME.js for each view that a module of the page defines."""
    for module in pkgutil.walk_packages(ui.__path__, f"{ui.__name__}."):
        importlib.import_module(module.name)
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in view.VIEWS.items():
        paths = [place(part, one.folder) for part in (*one.parts, one.name)]
        text = "".join(f"// @part {path.relative_to(ROOT).as_posix()}\n{path.read_text('utf-8')}\n" for path in paths)
        parts = "\n".join(line for line in text.splitlines() if not line.startswith("// @part"))
        if parts.split() != one.script.split():
            raise ValueError(f"the view {name} runs something else than its parts one after the other")
        (folder / f"{name}.js").write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
