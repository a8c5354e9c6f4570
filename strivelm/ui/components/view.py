"""Interactive components: each a NAME.py with its NAME.js and NAME.css beside it.

All of them follow one rule: the HTML template is constant, and the script writes content with textContent. Text from a
model or a visitor is never put into a template, where `${…}` would be executed.

The same script shows a view in three places. In the page (`View.component`) it asks the server for its data, by
`strivelm.view` and `strivelm.ask`; in a notebook (`View.show`) and in a standalone file (`View.html`) it is given a
value, a string of JSON in `props.value`. Views share `window.strivelm` (see `scripts`) and common.css.
"""

import html
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import gradio as gr

from strivelm.ui.components import glossary, scripts
from strivelm.ui.core import codec
from strivelm.ui.core.questions import question

HERE = Path(__file__).parent
VIEWS: dict[str, "View"] = {}
"""All views by name."""
PLACE = "STRIVELM_VALUE"
"""The placeholder for the value in a view's file."""


@dataclass(frozen=True)
class View:
    """A component that draws a JSON value with a script and a style of its own."""

    folder: Path
    """The folder of its files; a file that is missing there is taken from the folder of the components."""
    name: str
    """NAME.js is its script, and NAME.css its style, which is optional."""
    template: str
    """Its HTML, which never changes."""
    parts: tuple[str, ...] = ()
    """Further scripts, PART.js, placed before its own in the same scope, if one file would be too long."""
    styles: tuple[str, ...] = ()
    """Further styles, STYLE.css, placed before its own, which several views share."""

    def __post_init__(self):
        VIEWS[self.name] = self

    @cached_property
    def markup(self) -> str:
        """The template with its marked terms, [nats](term:nat), as elements that explain themselves."""
        return glossary.marked(self.template)

    @cached_property
    def script(self) -> str:
        """The script that runs once when the view is made, in its own scope, with `element`, `props` and `watch`."""
        return "\n".join(read(f"{part}.js", self.folder) for part in (*self.parts, self.name))

    @cached_property
    def style(self) -> str:
        """Its CSS rules, which apply only inside it."""
        own = [self.name] if (self.folder / f"{self.name}.css").is_file() else []
        return "\n".join(read(f"{style}.css", self.folder) for style in (*self.styles, *own))

    def component(self, value: object = None, **options) -> gr.HTML:
        """The view as a component of the page with a value for JSON; the options are those of `gr.HTML`."""
        return gr.HTML(
            codec.dumps(value),
            html_template=self.markup,
            js_on_load=self.script,
            css_template=self.style,
            apply_default_css=False,
            **options,
        )

    def html(self, value: object, title: str = "StriveLM") -> str:
        """The view as a standalone HTML file, which loads nothing, with a value for JSON."""
        return self.file(title).replace(PLACE, json.dumps(codec.dumps(value)))

    def file(self, title: str = "StriveLM") -> str:
        """The same with PLACE in place of the value: a JavaScript string of JSON without '<'."""
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{read('common.css')}{read('standalone.css')}.strivelm-view {{ {self.style} }}</style>"
            f'<body><main class="strivelm-view">{self.markup}</main>'
            f"<script>{scripts.shared()}\n"
            f"strivelm.mount(document.querySelector('.strivelm-view'), {PLACE}, "
            f"(element, props, watch, trigger) => {{\n{self.script}\n}});</script>"
        ).replace("\r", "")

    def show(self, value: object, height: int = 640) -> "Shown":
        """The view for a notebook: as the last line of a cell it is drawn."""
        return Shown(self.html(value), height)


@dataclass(frozen=True)
class Shown:
    """A view in a frame, so that its style and script don't affect the notebook around it."""

    page: str
    """The HTML."""
    height: int
    """The frame's height in pixels."""

    def save(self, path: str | Path) -> None:
        """Writes it as a standalone HTML file. Raises OSError if that fails."""
        Path(path).write_text(self.page, "utf-8")

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" sandbox="allow-scripts allow-downloads" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )


@cache
def read(name: str, folder: Path = HERE) -> str:
    """The text of a file in a folder, or in this one if it is missing there."""
    own = folder / name
    return (own if own.is_file() else HERE / name).read_text("utf-8")


@question("view.file", device=False, cached=True)
def file(view: str) -> str:
    """A view as a standalone HTML file, in which the browser replaces PLACE by the value."""
    if view not in VIEWS:
        raise ValueError(f"There is no view {view!r:.40}; expected one of {', '.join(sorted(VIEWS))}.")
    return VIEWS[view].file()
