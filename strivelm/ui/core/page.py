"""What the tabs of the page share: the visitor's model, the address, and buttons that take a text to another tab.

The address (?model=…&tab=…&text=…) is written in the visitor's browser and read once, when the page is opened. So a
link opens the same view for others, and the server stores nothing about a visitor.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.components import Component

from strivelm.ui import limits
from strivelm.ui.core import in_browser
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Facts, Models

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Options of every event of the page: no progress overlay, and not in the API, which has endpoints of its own."""

OPENING: dict[str, Any] = {"concurrency_id": "opening", "concurrency_limit": limits.CONCURRENT}
"""Options of the events that open models."""
Field = gr.Textbox | gr.Slider | gr.Radio | gr.CheckboxGroup | gr.Dropdown | gr.Checkbox | gr.Number
"""A component whose value the visitor changes."""
Parse = Callable[[str], object]
"""Makes a component's value from the text in an address; raises ValueError for an invalid one."""
Follow = Callable[[Facts], object]
"""Gives a component's value for a model."""


@dataclass(frozen=True)
class Linked:
    """A component whose value is in the address while its tab is open."""

    tab: str
    name: str
    component: Field
    parse: Parse
    follow: Follow | None = None
    """Gives its default value for a model; None if that is the same for all."""

    def usual(self, facts: Facts) -> object:
        """Its default value for a model, which the address leaves out."""
        return self.follow(facts) if self.follow else self.component.value


@dataclass
class Page:
    """What a tab's `build` is given: the models, and where the tab registers its components."""

    models: Models
    dispatcher: Dispatcher
    current: gr.Textbox
    """Holds the reference of this visitor's model."""
    tabs: gr.Tabs
    linked: list[Linked] = field(default_factory=list)
    following: list[tuple[Component, Follow]] = field(default_factory=list)
    """Components that show something about the model, each with the function that gives its value."""
    carried: list[tuple[gr.Button, Component, str]] = field(default_factory=list)
    """Buttons that take a component's text to another tab."""
    brings: dict[str, dict[str, str]] = field(default_factory=dict)
    """By tab: the choices that are set there when a text is taken to it."""

    @property
    def facts(self) -> Facts:
        """The facts of the model that the page is started with."""
        return self.models.facts(self.models.own)

    def link(
        self,
        tab: str,
        name: str,
        component: Field,
        parse: Parse = str,
        follow: Follow | None = None,
        step: bool = False,
    ) -> None:
        """Keeps a component's value in the address, unless it is the default; scripts read it by `strivelm.get`.

        A choice that a view keeps there itself (`strivelm.put(tab, name, value, usual)`) needs no component.

        Args:
            follow: gives the default for a model; an unchanged component takes it when that model is opened.
            step: whether another value is a step of the browser's history, to which Back leads.
        """
        self.linked.append(Linked(tab, name, component, parse, follow))
        put = f"strivelm.put({json.dumps(tab)}, {json.dumps(name)}, value, undefined, {json.dumps({'step': step})})"
        component.change(None, component, None, js=f"(value) => {{ {put}; }}")

    def sections(self, tab: str, inner: gr.Tabs, entries: dict[str, gr.Tab], name: str = "section") -> None:
        """Keeps in the address which of a tab's inner tabs is open; to open another is a step of the history.

        It is for inner tabs that are made when the page is opened; Gradio opens the first of those that come later.

        Args:
            entries: the inner tabs by the id that stands in addresses; the first is the usual one.
        """
        ids = tuple(entries)
        chosen = gr.Textbox(ids[0], visible="hidden", label="The open section")
        chosen.change(None, chosen, inner, js="(id) => ({ __type__: 'update', selected: id })")
        for id, entry in entries.items():
            entry.select(None, None, chosen, js=f"() => {json.dumps(id)}")
        self.link(tab, name, chosen, one_of(*ids), step=True)

    def text(self, tab: str, component: gr.Textbox, usual: Follow, brings: dict[str, str] | None = None) -> None:
        """Registers the component with the text of a tab: it is linked, and other tabs can take their texts to it.

        Args:
            usual: gives the initial text for a model.
            brings: the choices, by name, that are set in the tab when a text is taken to it.
        """
        self.brings[tab] = brings or {}
        self.link(tab, "text", component, limits.checked_prompt, usual)

    def follow(self, component: Component, shown: Follow) -> None:
        """Registers a component that shows something about the model; it is updated when another model is opened."""
        self.following.append((component, shown))

    def run(self, tab: str, triggers: Iterable) -> None:
        """Makes a tab's views ask (`strivelm.view`) at these events, with the current values of its components."""
        mine = [one for one in self.linked if one.tab == tab]
        puts = "".join(
            f"strivelm.put({json.dumps(tab)}, {json.dumps(one.name)}, values[{i}]);" for i, one in enumerate(mine)
        )
        js = f"(...values) => {{ {puts} strivelm.run({json.dumps(tab)}); }}"
        gr.on(list(triggers), None, [one.component for one in mine], None, js=js)

    def carry(self, button: gr.Button, text: Component, tab: str) -> None:
        """Registers a button that takes a component's text to another tab, which opens and uses it."""
        self.carried.append((button, text, tab))

    # -- when all tabs are built ---------------------------------------------------------------------------------------

    @property
    def components(self) -> list[Component]:
        """The linked components, whose values the browser keeps in the same order."""
        return [one.component for one in self.linked]

    @property
    def outputs(self) -> list[Component]:
        """The components that change with the model: linked ones that follow it, and those that show it."""
        follows = [one.component for one in self.linked if one.follow]
        return [*follows, *(component for component, _ in self.following)]

    def renewed(self, before: str, after: str, values: Iterable[object]) -> list:
        """The values of `outputs` for another model; a changed text stays if the model knows its characters.

        Args:
            before, after: the references of the models.
            values: the values of the linked components that follow the model.
        """
        new = self.models.facts(after)
        try:
            old = self.models.facts(before) if self.models.is_local(before) else None
        except ValueError:  # closed meanwhile, and no longer available
            old = None
        known, found = set(new.vocabulary), []
        follows = [(one.name, one.follow) for one in self.linked if one.follow]
        for (name, follow), value in zip(follows, values, strict=True):
            unknown = name == "text" and isinstance(value, str) and not set(value) <= known
            untouched = old and value == follow(old)
            found.append(follow(new) if untouched or unknown else gr.skip())
        return [*found, *(shown(new) for _, shown in self.following)]

    def usual(self, facts: Facts) -> str:
        """The default values of the linked components for a model, which its addresses leave out, as JSON."""
        return json.dumps([one.usual(facts) for one in self.linked])

    def config(self, tabs: tuple[str, ...]) -> str:
        """What the browser needs to know of the page, whose tabs have these ids, as JSON."""
        linked = [[one.tab, one.name] for one in self.linked]
        known = {"own": self.models.own, "tabs": tabs, "linked": linked, "writer": in_browser.writer()}
        return json.dumps(known).replace("<", "\\u003c")

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

    def restored(self, query: dict[str, str], tabs: tuple[str, ...]) -> list:
        """The tab and the values of the linked components in an address; invalid ones are skipped."""
        tab = query.get("tab") if query.get("tab") in tabs else tabs[0]
        found = [_value(one, query) if one.tab == tab else gr.skip() for one in self.linked]
        return [gr.Tabs(selected=tab) if tab != tabs[0] else gr.skip(), *found]


def _value(one: Linked, query: dict[str, str]) -> object:
    if one.name not in query:
        return gr.skip()
    try:
        return one.parse(query[one.name])
    except (ValueError, TypeError, OverflowError):
        return gr.skip()


def number(least: float, most: float, whole: bool = False) -> Parse:
    """Parses a number in an address; outside of least to most it is invalid."""

    def parse(text: str) -> float:
        value = int(text) if whole else float(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return parse


def one_of(*choices: str) -> Parse:
    """Parses a choice in an address."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return parse
