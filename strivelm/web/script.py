"""Scripts that are joined of ES modules: the worker's, and by the same rule the page's own.

A module imports from its neighbours by `import { … } from "./NAME.js";` and ends with `export { … };`. Node and the
linters read it as it is. A worker that is made of a text, and a file that is opened from a disk, can't load modules:
there all exports become properties of one object.
"""

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
MODULES = (
    *("uniforms", "choice", "safetensors", "config", "layout", "webassembly", "javascript", "model"),
    *("prompt", "writing", "answers", "worker"),
)
"""The worker's modules, each after those that it imports from."""
OUTSIDE = ("client", "element")
"""Those of a page that has a worker."""
IMPORT = re.compile(r'^import \{ ([^}]*?) \} from "(?:\.|\.\./common|(?:\.\./)+web)/\w+\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export \{([^}]*)\};\n\Z", re.MULTILINE)


def module(source: str, name: str, into: str) -> str:
    """A module as a statement that adds its exports to an object, of which it takes what it imports.

    Raises ValueError for a module with other imports or exports.
    """
    source = IMPORT.sub(rf"const {{ \1 }} = {into};", source)
    body, found = EXPORT.subn(r"return {\1};\n", source)
    if found != 1 or re.search(r"^(import|export)\b", body, re.MULTILINE):
        raise ValueError(f'{name}.js must import as `import {{ a }} from "./b.js";` and end with `export {{ a, b }};`')
    return f"Object.assign({into}, (() => {{\n{body}}})());"


def own(name: str, into: str) -> str:
    """One of these modules, as `module` gives it."""
    return module((HERE / f"{name}.js").read_text("utf-8"), name, into)


@cache
def joined(names: tuple[str, ...] = MODULES) -> str:
    """Modules, whose exports are properties of `web`."""
    return "\n".join(["const web = {};", *(own(name, "web") for name in names)])


def worker(limits: Mapping[str, object]) -> str:
    """The worker's script, which loads nothing but models. A worker named "plain" leaves WebAssembly aside.

    Args:
        limits: the page's, by the names that answers.js and prompt.js use.
    """
    wasm = base64.b64encode((HERE / "decoder.wasm").read_bytes()).decode()
    return f"""{joined()}
const wasm = self.name === "plain" ? null : Uint8Array.from(atob({json.dumps(wasm)}), (char) => char.charCodeAt(0));
const handle = web.serve((message) => self.postMessage(message), {{ wasm, limits: {json.dumps(limits)} }});
self.onmessage = ({{ data }}) => handle(data);
"""


def element(limits: Mapping[str, object]) -> str:
    """The script of <strivelm-text>, for any page: it brings its worker along."""
    made = json.dumps(worker(limits)).replace("</", "<\\/")
    return f"(() => {{\nconst WORKER = {made};\n{joined(OUTSIDE)}\n}})();\n"
