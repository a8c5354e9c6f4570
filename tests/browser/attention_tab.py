"""How the tests of the Attention tab open it, and read weights back out of its view."""

import torch
from browser.taken_along import lines_of, ran

VIEW = "#attention-view"
# The element whose script drew the view, and what it lets others read.
READ = f"""(ask, ...more) => {{
  const view = [...document.querySelectorAll("{VIEW}, {VIEW} *, .strivelm-view")].find((one) => one.strivelm);
  return (new Function("view", "more", `return (${{ask}})`))(view.strivelm, more);
}}"""
ALL = """Array.from({ length: more[0] }, (_, l) => Array.from({ length: more[1] }, (_, h) =>
  Array.from({ length: more[2] }, (_, q) => Array.from({ length: more[2] }, (_, k) => view.value(l, h, q, k)))))"""


def read(page, ask, *more):
    """What the view's script answers to an expression, in which `more` is what is given."""
    return page.evaluate(f"([ask, more]) => ({READ})(ask, ...more)", [ask, list(more)])


def state(page):
    """What is chosen in the view."""
    return read(page, "view.state()")


def look(page, text=None):
    """Opens the tab, which looks at its own text at once; then at `text`. Waits until all is there."""
    if page.get_attribute("button[role=tab]:has-text('Attention')", "aria-selected") != "true":
        page.click("button[role=tab]:has-text('Attention')")
    settled(page)
    if text is not None:
        page.fill("#attention-text textarea", text)
        page.click("#run-attention")
        page.wait_for_function("([read, text]) => eval(read)('view.state()').text === text", arg=[READ, text])
        settled(page)


def settled(page):
    """Waits until the view is of the text that is judged, and no error stands there."""
    page.wait_for_function(f"document.querySelector('{VIEW} .whole:not([hidden]) .tile canvas')")
    page.wait_for_function("read => eval(read)('view.state().text === view.judged()')", arg=READ)
    page.wait_for_selector("#attention-message [data-kind=error]", state="hidden")


def near(found, expected):
    """Whether weights read back are the trace's, within the error that the view states."""
    found, expected = torch.tensor(found, dtype=torch.float64), expected.double()
    return bool(((found - expected).abs() <= expected.sqrt() / 255 + 1 / 510**2 + 1e-7).all())


def ran_lines(page, opened, tools=".tools-one"):
    """What the Python lines leave behind that stand beside the large map, or beside all."""
    return ran(lines_of(page.locator(f"{VIEW} {tools}")), opened)
