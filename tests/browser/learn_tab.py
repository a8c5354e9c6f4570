"""How the tests of the Learn tab open a step, and read its figure."""

from urllib.parse import urlencode

FIGURE = "#learn-figure"


def look(visit, at, /, step="1", width=1280, theme="light", **choices):
    """Opens a step of the tab by its address, and waits until it is there."""
    address = f"{at}?{urlencode({'tab': 'learn', 'step': step} | choices)}"
    page = visit(address, width=width, theme=theme, shows=FIGURE)
    shown(page, step)
    return page


def shown(page, step):
    """Waits until a step's figure and words are there."""
    page.wait_for_selector(f'{FIGURE} [data-step="{step}"]')
    page.wait_for_function(
        "step => document.querySelector('#learn-body section:not([hidden]) h2')?.textContent.startsWith(`${step} ·`)",
        arg=step,
    )
    settled(page)


def go(page, step):
    """Opens a step from the list, and has it shown at once."""
    page.click(f'#learn-steps [data-id="{step}"]')
    shown(page, step)
    if page.locator(f"{FIGURE} .skip").count():
        page.click(f"{FIGURE} .skip")


def attempt(page, condition):
    """Does what 'Try this' says by its button, and waits until the figure says so."""
    page.click("#learn-try")
    page.wait_for_function(condition)


def choose(page, at):
    """Chooses a character, and waits until the figure is that of it."""
    page.click(f'{FIGURE} .strip [data-at="{at}"]')
    page.wait_for_function(
        "at => document.querySelector('#learn-figure [aria-selected=true]').dataset.at === at",
        arg=str(at),
    )
    settled(page)


def settled(page):
    """Waits until what is seen belongs to the settings that are asked for."""
    page.wait_for_selector('#learn-shown[data-waiting="false"]')


def rows(page, title):
    """The cells of a table by its title."""
    figure = page.locator(f"{FIGURE} figure", has=page.locator("h3", has_text=title))
    return [row.locator("th, td").all_inner_texts() for row in figure.locator("tbody tr").all()]


def per_cent(text):
    """The number of a share that is written as "12.3 %"."""
    return float(text.split("%")[0].strip().lstrip("< "))


def text_is(text):
    """A condition: the figure shows this text."""
    return f"document.querySelector('#learn-figure .strip').textContent === {text!r}"
