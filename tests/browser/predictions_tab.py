"""How the tests of the Predictions tab open its sections and read what these show."""

import string
from urllib.parse import urlencode

CHARS = "\n" + string.ascii_letters + " .,;<>/${}😀"
TEXT = "A <b> of\n${it} 😀, yes."
SECTIONS = ("losses", "lens", "attribution", "ablation")
LENGTH = """name => name === "lens"
  ? document.querySelector("#lens .cells").getAttribute("aria-label")?.match(/of ([0-9]+) places/)[1]
  : document.querySelectorAll(`#${name} .text .cell`).length - (name === "losses")"""
"""How many characters of a text a section shows."""
LOOKED = "document.querySelector('#losses [data-looked], #losses[data-looked]').dataset.looked"
"""The place of the text that is looked at in Loss so far."""


def look(visit, at, /, text=TEXT, section="losses", **choices):
    """Opens the tab with what an address says, and waits until all of it is there."""
    query = choices | {"text": text, "section": section}
    options = {name: query.pop(name) for name in ("width", "height", "theme") if name in query}
    page = visit(f"{at}?{urlencode({'tab': 'predictions'} | query)}", shows="#predictions-text", **options)
    shown(page, section, text)
    return page


def shown(page, section, text=TEXT):
    """Waits until a section is in sight, and its view rests and is of a text."""
    page.wait_for_selector(f"#predictions-{section}", state="visible")
    page.wait_for_function(f"Number(({LENGTH})('{section}')) === {len(text)}")
    page.wait_for_function(f"!document.querySelector('#predictions-{section} [data-waiting=true]')")


def turn(page, section, text=TEXT):
    """Opens another section, as a visitor does."""
    page.click(f"#predictions-section input[value={section}] + span")
    shown(page, section, text)


def parts(page):
    """The bars of attribution, as they stand: [[part, value], ...]."""
    return page.eval_on_selector_all(
        "#attribution [data-part]", "all => all.map((one) => [one.dataset.part, Number(one.dataset.value)])"
    )


def values(page):
    return [value for _, value in parts(page)]
