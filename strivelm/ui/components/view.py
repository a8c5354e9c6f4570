"""Interactive components: each a NAME.py with its NAME.js and NAME.css beside it.

All of them follow one rule: the HTML template is constant, the value is one string of JSON, and the script writes what
it holds with textContent. Text from a model or a visitor never comes near a template, where `${…}` would run.

A view is shown in three places by the same script: in the page (`View.component`), in a notebook (`View.show`), and in
a file of its own that needs nothing else (`View.html`). What views share is in common.js (`window.strivelm`) and
common.css.
"""

import html
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import gradio as gr

from strivelm.ui.core import codec

HERE = Path(__file__).parent


@dataclass(frozen=True)
class View:
    """A component that draws a JSON value with a script and a style of its own."""

    folder: Path
    """Where its files are; what is not there is taken from the folder of the components."""
    name: str
    """NAME.js and NAME.css are its script and its style."""
    template: str
    """Its HTML, which never changes."""
    parts: tuple[str, ...] = ()
    """Further scripts, PART.js, that stand before its own where one file would be too long; they share its scope."""
    styles: tuple[str, ...] = ()
    """Further styles, STYLE.css, that stand before its own: what several views share."""
    raw: bool = False
    """Whether its value is text that the script itself knows how to read, and not JSON."""

    @cached_property
    def script(self) -> str:
        """What runs once when the view appears. It sees `element`, `props`, `watch`, `trigger` and `server`."""
        return "\n".join(read(f"{part}.js", self.folder) for part in (*self.parts, self.name))

    @cached_property
    def style(self) -> str:
        """Its rules, which hold inside it only."""
        return "\n".join(read(f"{style}.css", self.folder) for style in (*self.styles, self.name))

    def component(self, value: object = None, **options) -> gr.HTML:
        """The view as a part of the page, showing a value that JSON can hold; its options are those of `gr.HTML`."""
        return gr.HTML(
            self._written(value),
            html_template=self.template,
            js_on_load=self.script,
            css_template=self.style,
            apply_default_css=False,
            server_functions=[self._standalone()],
            **options,
        )

    def html(self, value: object, title: str = "StriveLM") -> str:
        """The view as an HTML file of its own, that loads nothing, showing a value that JSON can hold."""
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{read('common.css')}{read('standalone.css')}.strivelm-view {{ {self.style} }}</style>"
            f'<body><main class="strivelm-view">{self.template}</main>'
            f"<script>{read('common.js')}\n"
            f"strivelm.mount(document.querySelector('.strivelm-view'), {json.dumps(self._written(value))}, "
            f"(element, props, watch, trigger, server) => {{\n{self.script}\n}});</script>"
        ).replace("\r", "")

    def show(self, value: object, height: int = 640) -> "Shown":
        """The view for a notebook: the last line of a cell draws it."""
        return Shown(self.html(value), height)

    def _standalone(self):
        """What the view's own script may ask the server for: itself as a file."""

        def standalone(value: str) -> str:
            return self.html(value if self.raw else json.loads(value))

        return standalone

    def _written(self, value: object) -> str:
        return (value or "").replace("<", "\\u003c") if self.raw else codec.dumps(value)


@dataclass(frozen=True)
class Shown:
    """A view in a frame of its own, so that neither its style nor its script touches the notebook around it."""

    page: str
    """The file's text."""
    height: int
    """Of the frame, in pixels."""

    def save(self, path: str | Path) -> None:
        """Writes it as an HTML file that needs nothing else. Raises OSError where that can't be done."""
        Path(path).write_text(self.page, "utf-8")

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" sandbox="allow-scripts allow-downloads" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )


@cache
def read(name: str, folder: Path = HERE) -> str:
    """A file of a folder, or of this one where it isn't there."""
    own = folder / name
    return (own if own.is_file() else HERE / name).read_text("utf-8")
