"""Writes each view's script into a folder as the browser runs it: `python .ci/bundles.py FOLDER`.

A view's scripts are parts that share the scope of one function (strivelm/ui/components/view.py), so that a linter that
reads them one by one sees names that nobody defines and functions that nobody calls.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path

from strivelm import ui
from strivelm.ui.components import view

COMMON = ("common.js",)
"""Scripts that the page runs once, for all views: they make what `strivelm` is."""


def views() -> dict[str, view.View]:
    """Every view that a module of the page defines, by its name."""
    found = {}
    for module in pkgutil.walk_packages(ui.__path__, f"{ui.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, view.View):
                found[value.name] = value
    return found


def main(folder: Path) -> None:
    """Writes them, with the linter's settings and, in parts.json, which file stands where in which of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in sorted(views().items()):
        # eslint's parser takes `return` outside a function only from a script; the browser gives the body to one.
        body = one.script.rstrip("\n")
        (folder / f"{name}.js").write_text(f"(element, props, watch, trigger, server) => {{\n{body}\n}};\n", "utf-8")
    for name in COMMON:
        (folder / name).write_text(view.read(name), "utf-8")
    print(f"{len(list(folder.glob('*.js')))} scripts in {folder}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
