"""Interactive components: each a NAME.py with its NAME.js and NAME.css beside it.

All of them follow one rule: the HTML template is constant, the value is one string of JSON, and the script writes what
it holds with textContent. Text from a model or a visitor never comes near a template, where `${…}` would run.
"""

import json
from pathlib import Path

import gradio as gr

HERE = Path(__file__).parent


def view(name: str, template: str, value: object, **options) -> gr.HTML:
    """The component `name`, drawn by its NAME.js with its NAME.css, showing a value that JSON can hold."""
    return gr.HTML(
        dumps(value),
        html_template=template,
        js_on_load=(HERE / f"{name}.js").read_text("utf-8"),
        css_template=(HERE / f"{name}.css").read_text("utf-8"),
        apply_default_css=False,
        **options,
    )


def dumps(value: object) -> str:
    """JSON for a view. '<' is written as an escape, or gr.HTML would warn of a script in what is only text."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
