"""How values travel to a view: as JSON, with what is numerous in base64."""

import json


def dumps(value: object, compact: bool = False) -> str:
    """JSON for a view. '<' is written as an escape, or gr.HTML would warn of a script in what is only text."""
    said = json.dumps(value, ensure_ascii=False, separators=(",", ":") if compact else None)
    return said.replace("<", "\\u003c")
