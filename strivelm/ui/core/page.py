"""What the tabs of the page share: the visitor's model, the address, and the way of a text from one tab to the next.

The address (?model=…&tab=…&text=…) is written in the visitor's browser and read once, when the page is opened. So a
link shows its reader the same view, and nothing of one visitor is kept where another could see it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.core.gpu import Work
from strivelm.ui.core.models import Models

QUIET = {"show_progress": "hidden", "api_visibility": "private"}
"""Of every event of the page: nothing lies over a view while it waits, and programs have endpoints of their own."""
LOOKING = QUIET | {"concurrency_id": "looking", "concurrency_limit": limits.CONCURRENT}
"""Of an event that looks into a model: so many run at once, whoever asks."""

Parse = Callable[[str], object]
"""Makes a component's value of what an address says; raises ValueError for what means nothing."""


@dataclass(frozen=True)
class Linked:
    """A component whose value stands in the address while its tab is open."""

    tab: str
    name: str
    component: gr.components.Component
    parse: Parse


@dataclass(frozen=True)
class Carried:
    """A button that takes a text into another tab."""

    button: gr.Button
    text: gr.components.Component
    tab: str


@dataclass
class Page:
    """What a tab's `build` is given: where models come from, and where it says what it has."""

    models: Models
    work: Work
    current: gr.Textbox
    """Holds the reference of this visitor's model; every piece of work takes it as an input."""
    tabs: gr.Tabs
    linked: list[Linked] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)
    eager: list[str] = field(default_factory=list)
    """The tabs that work at once when they are opened."""
    texts: dict[str, gr.components.Component] = field(default_factory=dict)
    """The text that each tab works on, by the tab's id; its run button is `run-ID`."""

    def link(self, tab: str, name: str, component: gr.components.Component, parse: Parse = str) -> None:
        """Keeps a component's value in the address; its value at the start, the usual one, is left out of it.

        What a view itself keeps there (`strivelm.put(tab, name, value)` in its script) needs no component.
        """
        self.linked.append(Linked(tab, name, component, parse))
        place = ", ".join(map(json.dumps, (tab, name)))
        js = f"(value) => {{ strivelm.put({place}, value, {json.dumps(component.value)}); }}"
        component.change(None, component, None, js=js)

    def text(self, tab: str, component: gr.Textbox) -> None:
        """Says which component holds the text that a tab works on: it is linked, and others carry their texts there."""
        self.texts[tab] = component
        self.link(tab, "text", component, limits.checked_prompt)

    def first(self, tab: str) -> None:
        """Has a tab's run button pressed when the tab is opened for the first time, so that it is never met empty."""
        self.eager.append(tab)

    def carry(self, button: gr.Button, text: gr.components.Component, tab: str) -> None:
        """Lets a button take a component's text to another tab, which opens and works on it."""
        self.carried.append(Carried(button, text, tab))

    def selected(self, tab: str) -> str:
        """The script that runs in the browser when a tab is opened."""
        return f"() => strivelm.opened({json.dumps(tab)}, {json.dumps(tab in self.eager)})"

    def wire(self) -> None:
        """Connects what the tabs have said; to be called when all of them are built."""
        for way in self.carried:
            if way.tab not in self.texts:  # a page without that tab
                way.button.visible = False
                continue
            js = f"""(text) => {{
              strivelm.carry({json.dumps(way.tab)});
              return [text, {{__type__: "update", selected: {json.dumps(way.tab)}}}];
            }}"""
            way.button.click(None, way.text, [self.texts[way.tab], self.tabs], js=js)

    def restore(self, opened: gr.events.Dependency, tabs: tuple[str, ...]) -> None:
        """After `opened`: sets the linked components by the address, opens its tab and presses the tab's run button."""

        def values(request: gr.Request) -> list:
            said = dict(request.query_params)
            tab = said.get("tab") if said.get("tab") in tabs else tabs[0]
            found = [_value(one, said) if one.tab == tab else gr.skip() for one in self.linked]
            return [gr.Tabs(selected=tab) if tab != tabs[0] else gr.skip(), *found]

        outputs = [self.tabs, *(one.component for one in self.linked)]
        restored = opened.then(values, None, outputs, queue=False, show_progress="hidden", api_visibility="private")
        # A link to a text shows what there is to see of it; the plain page waits to be asked.
        js = f"() => strivelm.arrive({json.dumps(tabs)})"
        restored.then(None, None, None, js=js)


def _value(one: Linked, said: dict[str, str]) -> object:
    if one.name not in said:
        return gr.skip()
    try:
        return one.parse(said[one.name])
    except (ValueError, TypeError, OverflowError):
        return gr.skip()


def number(least: float, most: float, whole: bool = False) -> Parse:
    """Reads a number of an address; what lies outside of least to most means nothing."""

    def parse(text: str) -> float:
        value = int(text) if whole else float(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return parse


def one_of(*choices: str) -> Parse:
    """Reads a choice of an address."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return parse
