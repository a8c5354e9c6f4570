"""Interactive components: each a NAME.py with its NAME.js and NAME.css beside it.

All of them follow one rule: the HTML template is constant, and the script writes what it shows with textContent. Text
from a model or a visitor never comes near a template, where `${…}` would run.

A view is shown in three places by the same script. In the page (`View.component`) it asks for what it shows, by
`strivelm.view` and `strivelm.ask`; in a notebook (`View.show`) and in a file of its own that needs nothing else
(`View.html`) it is given a value, a string of JSON in `props.value`. What views share is `window.strivelm` (see
`scripts`) and common.css.
"""

import html
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import gradio as gr

from strivelm.ui.components import scripts
from strivelm.ui.core import codec
from strivelm.ui.core.questions import question

HERE = Path(__file__).parent
VIEWS: dict[str, "View"] = {}
"""All views by name."""
PLACE = "STRIVELM_VALUE"
"""What stands in a view's file where its value has to be."""


@dataclass(frozen=True)
class View:
    """A component that draws a JSON value with a script and a style of its own."""

    folder: Path
    """Where its files are; what is not there is taken from the folder of the components."""
    name: str
    """NAME.js is its script, and NAME.css its style, which may be missing."""
    template: str
    """Its HTML, which never changes."""
    parts: tuple[str, ...] = ()
    """Further scripts, PART.js, that stand before its own where one file would be too long; they share its scope."""
    styles: tuple[str, ...] = ()
    """Further styles, STYLE.css, that stand before its own: what several views share."""

    def __post_init__(self):
        VIEWS[self.name] = self

    @cached_property
    def script(self) -> str:
        """What runs once when the view appears, in a scope of its own; it sees `element`, `props` and `watch`."""
        return "\n".join(read(f"{part}.js", self.folder) for part in (*self.parts, self.name))

    @cached_property
    def style(self) -> str:
        """Its rules, which hold inside it only."""
        own = [self.name] if (self.folder / f"{self.name}.css").is_file() else []
        return "\n".join(read(f"{style}.css", self.folder) for style in (*self.styles, *own))

    def component(self, value: object = None, **options) -> gr.HTML:
        """The view as a part of the page, showing a value that JSON can hold; its options are those of `gr.HTML`."""
        return gr.HTML(
            codec.dumps(value),
            html_template=self.template,
            js_on_load=self.script,
            css_template=self.style,
            apply_default_css=False,
            **options,
        )

    def html(self, value: object, title: str = "StriveLM") -> str:
        """The view as an HTML file of its own, that loads nothing, showing a value that JSON can hold."""
        return self.file(title).replace(PLACE, json.dumps(codec.dumps(value)))

    def file(self, title: str = "StriveLM") -> str:
        """The same with PLACE where the value's JSON has to stand, as a string of JavaScript without '<'."""
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{read('common.css')}{read('standalone.css')}.strivelm-view {{ {self.style} }}</style>"
            f'<body><main class="strivelm-view">{self.template}</main>'
            f"<script>{scripts.shared()}\n"
            f"strivelm.mount(document.querySelector('.strivelm-view'), {PLACE}, "
            f"(element, props, watch, trigger) => {{\n{self.script}\n}});</script>"
        ).replace("\r", "")

    def show(self, value: object, height: int = 640) -> "Shown":
        """The view for a notebook: the last line of a cell draws it."""
        return Shown(self.html(value), height)


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


@question("view.file", device=False, cached=True)
def file(view: str) -> str:
    """A view as an HTML file of its own, in which the browser puts what it shows in PLACE's stead."""
    if view not in VIEWS:
        raise ValueError(f"There is no view {view!r:.40}; expected one of {', '.join(sorted(VIEWS))}.")
    return VIEWS[view].file()
