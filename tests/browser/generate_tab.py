"""How the tests of the Generate tab set it up, open the sections beside Write, and read what these show."""

from urllib.parse import urlencode

TITLES = {"compare": "Compare", "heads": "Switch heads off", "slowly": "One character, slowly"}
FINISHED = "name => document.querySelector(`#${name}-view .status`)?.textContent.startsWith('Finished')"
PROMPT = "The <b>fox</b> ${x}"


def set_up(page, prompt=PROMPT, seed=7, count=40):
    """Fills the prompt, the seed and the number of characters."""
    if page.is_visible("#fold-settings"):  # a phone
        page.click("#fold-settings")
    page.fill("#prompt textarea", prompt)
    page.fill("#seed input", str(seed))
    set_number(page, "count", count)


def set_number(page, name, value):
    """Types a setting's number and leaves the field."""
    page.fill(f"#{name} input[type=number]", str(value))
    page.press(f"#{name} input[type=number]", "Tab")


def open_section(page, name):
    """Opens a section, by the menu where the row of tabs is too narrow for it."""
    tab = page.locator(f"#ways > .tab-wrapper button[role=tab]:has-text('{TITLES[name]}')")
    if not tab.count() or not tab.first.is_visible():
        page.locator("#ways .overflow-menu > button").click()
        page.locator("#ways .overflow-dropdown button", has_text=TITLES[name]).click()
    else:
        tab.first.click()


def finished(page, name):
    """Waits until a section has written and its button rests."""
    page.wait_for_function(FINISHED, arg=name)
    page.wait_for_selector(f"#run-{name}:enabled")


def texts(page, name):
    """What stands in the columns, line breaks as they are."""
    found = page.locator(f"#{name}-view .new").evaluate_all("all => all.map((one) => one.textContent)")
    return [text.replace("⏎\n", "\n") for text in found]


def link(visit, address, **choices):
    """A page that is opened by a link with these choices."""
    page = visit().context.new_page()  # a second page: the first one would complain of being left while it loads
    page.goto(f"{address}?{urlencode(choices)}")
    page.wait_for_selector("#header dd")
    return page


def sentence(page):
    """What One character, slowly says about the step that is open."""
    return page.inner_text("#slowly-view .sentence")


def go(page, step):
    """Opens a step of One character, slowly."""
    page.click(f"#slowly-view .step >> nth={step}")


def text_of(page, selector):
    """The text of an element with its line breaks."""
    return page.eval_on_selector(selector, "element => element.textContent")


def at_rest(steps):
    """A condition that holds once the count has not moved for twenty looks, a second or more."""
    seen = []

    def still():
        seen.append(steps())
        return len(seen) > 20 and len(set(seen[-20:])) == 1

    return still
