"""What the tabs of the page share: the visitor's model, the address, and the way of a text from one tab to the next.

The address (?model=…&tab=…&text=…) is written in the visitor's browser and read once, when the page is opened. So a
link shows its reader the same view, and nothing of one visitor is kept where another could see it.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.components import Component

from strivelm.ui import limits
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Facts, Models

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Of every event of the page: nothing lies over a view while it waits, and programs have endpoints of their own."""

Field = gr.Textbox | gr.Slider | gr.Radio | gr.CheckboxGroup | gr.Dropdown | gr.Checkbox | gr.Number
"""A component whose value the visitor changes."""
Parse = Callable[[str], object]
"""Makes a component's value of what an address says; raises ValueError for what means nothing."""
Follow = Callable[[Facts], object]
"""Gives a component's value for a model."""


@dataclass(frozen=True)
class Linked:
    """A component whose value stands in the address while its tab is open."""

    tab: str
    name: str
    component: Field
    parse: Parse
    follow: Follow | None = None
    """What its usual value is for a model; None where that is the same for all."""

    @property
    def usual(self) -> object:
        """Its value when the page is opened, which the address leaves out."""
        return self.component.value


@dataclass
class Page:
    """What a tab's `build` is given: where models come from, and where it says what it has."""

    models: Models
    dispatcher: Dispatcher
    current: gr.Textbox
    """Holds the reference of this visitor's model."""
    tabs: gr.Tabs
    linked: list[Linked] = field(default_factory=list)
    following: list[tuple[Component, Follow]] = field(default_factory=list)
    """Components that show something of the model, and what they show."""
    carried: list[tuple[gr.Button, Component, str]] = field(default_factory=list)
    """Buttons that take a component's text to another tab."""
    brings: dict[str, dict[str, str]] = field(default_factory=dict)
    """What else is chosen in a tab to which a text is taken."""

    @property
    def facts(self) -> Facts:
        """Of the model that the page is started with."""
        return self.models.facts(self.models.own)

    def link(
        self,
        tab: str,
        name: str,
        component: Field,
        parse: Parse = str,
        follow: Follow | None = None,
    ) -> None:
        """Keeps a component's value in the address, but for its usual one; scripts read it by `strivelm.get`.

        What a view itself keeps there (`strivelm.put(tab, name, value, usual)`) needs no component.

        Args:
            follow: what the usual value is for a model, which an untouched component takes on when that is opened.
        """
        self.linked.append(Linked(tab, name, component, parse, follow))
        place = f"{json.dumps(tab)}, {json.dumps(name)}"
        component.change(None, component, None, js=f"(value) => {{ strivelm.put({place}, value); }}")

    def text(self, tab: str, component: gr.Textbox, usual: Follow, brings: dict[str, str] | None = None) -> None:
        """Says which component holds the text that a tab works on: it is linked, and others carry their texts there.

        Args:
            usual: the text to begin with, for a model.
            brings: what else is chosen in the tab, by name, when a text is carried there.
        """
        self.brings[tab] = brings or {}
        self.link(tab, "text", component, limits.checked_prompt, usual)

    def follow(self, component: Component, shown: Follow) -> None:
        """Says what a component shows of the model, which is renewed with each that is opened."""
        self.following.append((component, shown))

    def run(self, tab: str, triggers: Iterable) -> None:
        """Has a tab's views look (`strivelm.view`) when something happens, with what its components hold by then."""
        mine = [one for one in self.linked if one.tab == tab]
        puts = "".join(
            f"strivelm.put({json.dumps(tab)}, {json.dumps(one.name)}, values[{i}]);" for i, one in enumerate(mine)
        )
        js = f"(...values) => {{ {puts} strivelm.run({json.dumps(tab)}); }}"
        gr.on(list(triggers), None, [one.component for one in mine], None, js=js)

    def carry(self, button: gr.Button, text: Component, tab: str) -> None:
        """Lets a button take a component's text to another tab, which opens and works on it."""
        self.carried.append((button, text, tab))

    # -- when all tabs are built ---------------------------------------------------------------------------------------

    @property
    def components(self) -> list[Component]:
        """The linked components, whose values the browser keeps in the same order."""
        return [one.component for one in self.linked]

    @property
    def outputs(self) -> list[Component]:
        """What changes with the model: linked components that follow it, and what shows something of it."""
        follows = [one.component for one in self.linked if one.follow]
        return [*follows, *(component for component, _ in self.following)]

    def renewed(self, before: str, after: str, values: Iterable[object]) -> list:
        """The values of `outputs` for another model; what the visitor has changed stays where it can be read.

        Args:
            before, after: the models by reference.
            values: what the linked components that follow the model hold.
        """
        new = self.models.facts(after)
        try:
            old = self.models.facts(before)
        except ValueError:  # closed meanwhile, and not to be had any more
            old = None
        known, found = set(new.vocabulary), []
        follows = [(one.name, one.follow) for one in self.linked if one.follow]
        for (name, follow), value in zip(follows, values, strict=True):
            unknown = name == "text" and isinstance(value, str) and not set(value) <= known
            untouched = old and value == follow(old)
            found.append(follow(new) if untouched or unknown else gr.skip())
        return [*found, *(shown(new) for _, shown in self.following)]

    def script(self, call: str) -> str:
        """JavaScript that calls `strivelm.CALL(page, model, values)` with the current model and the linked values."""
        return f"(model, ...values) => {{ strivelm.{call}({self.config()}, model, values); }}"

    def config(self) -> str:
        """What the browser has to know of the page, as JSON."""
        linked = [[one.tab, one.name, one.usual] for one in self.linked]
        return json.dumps({"own": self.models.own, "linked": linked}).replace("<", "\\u003c")

    def wire_carried(self) -> None:
        """Connects the buttons that carry texts; to be called when all tabs are built."""
        texts = {one.tab: one.component for one in self.linked if one.name == "text"}
        for button, text, tab in self.carried:
            if tab not in texts:  # a page without that tab
                button.visible = False
                continue
            name, brings = json.dumps(tab), json.dumps(self.brings[tab])
            js = f"""(text) => {{
              for (const [name, value] of Object.entries({{ ...{brings}, text }})) strivelm.put({name}, name, value);
              strivelm.run({name});
              return [text, {{__type__: "update", selected: {name}}}];
            }}"""
            button.click(None, text, [texts[tab], self.tabs], js=js)

    def restored(self, said: dict[str, str], tabs: tuple[str, ...]) -> list:
        """The tab and the values of the linked components as an address says; what means nothing there is skipped."""
        tab = said.get("tab") if said.get("tab") in tabs else tabs[0]
        found = [_value(one, said) if one.tab == tab else gr.skip() for one in self.linked]
        return [gr.Tabs(selected=tab) if tab != tabs[0] else gr.skip(), *found]


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
