"""Writes each view's script into a folder as the browser runs it: `python .ci/bundles.py FOLDER`.

A view's scripts are parts that share the scope of one function (strivelm/ui/components/view.py): a linter that reads
them one by one sees names that nobody defines and functions that nobody calls.
"""

import importlib
import pkgutil
import sys
from pathlib import Path

from strivelm import ui
from strivelm.ui.components.view import VIEWS


def main(folder: Path) -> None:
    """Writes NAME.js for each view that a module of the page defines."""
    for module in pkgutil.walk_packages(ui.__path__, f"{ui.__name__}."):
        importlib.import_module(module.name)
    folder.mkdir(parents=True, exist_ok=True)
    for name, view in VIEWS.items():
        body = view.script.rstrip("\n")
        (folder / f"{name}.js").write_text(f"(element, props, watch, trigger, server) => {{\n{body}\n}};\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
