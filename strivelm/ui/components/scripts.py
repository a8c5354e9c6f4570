"""The scripts that views share: ES modules of `common` and `plots`, joined into one script for a page or a file.

`strivelm.web.script` says how; all exports become properties of `window.strivelm`.
"""

from functools import cache
from pathlib import Path

from strivelm.ui.components import glossary
from strivelm.web import script

HERE = Path(__file__).parent
MODULES = (
    *("common/format", "common/codec", "common/colour", "common/drawing", "common/elements", "common/glossary"),
    *("common/address", "common/ask", "common/life", "common/machine", "common/tabs", "common/beside"),
    *("common/history", "common/present", "common/export"),
    *("plots/picture", "plots/bars", "plots/part_switches", "plots/heatmap", "plots/lines", "plots/scatter"),
    "plots/spark",
)
"""The modules, each after those that it imports from."""


@cache
def shared() -> str:
    """One script that makes `window.strivelm`. Raises ValueError for a module with other imports or exports."""
    client = script.own("client", "window.strivelm")
    return "\n".join(["window.strivelm ??= {};", glossary.script(), client, *map(_module, MODULES)])


def _module(name: str) -> str:
    return script.module((HERE / f"{name}.js").read_text("utf-8"), name, "window.strivelm")
