"""The scripts that views share: ES modules of `common` and `plots`, joined into one script for a page or a file.

A module imports from its neighbours by `import { … } from "./NAME.js";` and ends with `export { … };`. Node and the
linters read it as it is. For the browser, where a standalone file can't load modules, all exports become properties of
`window.strivelm`.
"""

import re
from functools import cache
from pathlib import Path

from strivelm.ui.components import glossary

HERE = Path(__file__).parent
MODULES = (
    *("common/format", "common/codec", "common/colour", "common/drawing", "common/elements", "common/glossary"),
    *("common/address", "common/ask", "common/tabs", "common/beside", "common/history", "common/present"),
    "common/export",
    *("plots/picture", "plots/bars", "plots/part_switches", "plots/heatmap", "plots/lines", "plots/scatter"),
)
"""The modules, each after those that it imports from."""

IMPORT = re.compile(r'^import \{ ([^}]*?) \} from "(?:\.|\.\./common)/\w+\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export \{([^}]*)\};\n\Z", re.MULTILINE)


@cache
def shared() -> str:
    """One script that makes `window.strivelm`. Raises ValueError for a module with other imports or exports."""
    return "\n".join(["window.strivelm ??= {};", glossary.script(), *map(_module, MODULES)])


def _module(name: str) -> str:
    source = IMPORT.sub(r"const { \1 } = window.strivelm;", (HERE / f"{name}.js").read_text("utf-8"))
    body, found = EXPORT.subn(r"return {\1};\n", source)
    if found != 1 or re.search(r"^(import|export)\b", body, re.MULTILINE):
        raise ValueError(f'{name}.js must import as `import {{ a }} from "./b.js";` and end with `export {{ a, b }};`')
    return f"Object.assign(window.strivelm, (() => {{\n{body}}})());"
