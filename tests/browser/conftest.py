"""A real Chromium before a real page: what a visitor sees, and everything that goes wrong on the way."""

import os
import shutil
import string
import threading
import time
from functools import partial
from urllib.parse import urlsplit

import pytest
import torch
from browser import embeddings_tab, learn_tab, predictions_tab
from known_heads import planted
from serving import Slow, open_random, served

from strivelm.data.ngrams import count_ngrams
from strivelm.loading import open_model

# Beside letters what could be taken for code, a script from right to left, and an emoji: all of it may be written.
CHARS = "\n" + string.ascii_letters + string.digits + " .,:;!?'-<>/=${}()[]\"&" + "שלום" + "😀"
make = partial(open_random, chars=CHARS, corpus="<b>${noise}</b>")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find_chromium() -> str | None:
    """The path of a Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="session")
def address():
    """Where the page over a quick model is."""
    with served(make()) as at:
        yield at


@pytest.fixture(scope="session")
def opened():
    """The open model of the page at `address`."""
    return make()


@pytest.fixture(scope="session")
def model(opened):
    """The model of the page at `address`."""
    return opened.model


@pytest.fixture(scope="session")
def slow_address():
    """Where the page is whose model takes a hundredth of a second and more for a character."""
    with served(make(slow=True)) as at:
        yield at


@pytest.fixture(scope="session")
def bundled_address():
    """Where the page over the bundled model is, of which some lessons say what it does."""
    with served(open_model("bundled")) as at:
        yield at


@pytest.fixture(scope="session")
def film_address():
    """Where the page over the film is, which has snapshots."""
    with served(open_model("film")) as at:
        yield at


@pytest.fixture(scope="session")
def planted_address():
    """Where the page over the model of known heads is."""
    with served(planted()) as at:
        yield at


@pytest.fixture(scope="session")
def counted():
    """An open model that came with counts of a text, and where a page over it is; its Embeddings tab is tested."""
    opened = open_random(chars=embeddings_tab.CHARS, n_layer=2)
    drawn = torch.randint(opened.model.vocab_size, (2, 3000), generator=torch.Generator().manual_seed(5))
    ids = drawn.amin(0)  # all occur, the first ones most often
    vars(opened)["ngrams"] = count_ngrams(ids.tolist(), opened.model.vocab_size)
    with served(opened) as at:
        yield opened, at


@pytest.fixture(scope="session")
def two_layers():
    """An open model of two layers that came with counts of a text."""
    found = open_random(predictions_tab.CHARS, n_layer=2, block_size=64, n_embd=32)
    ids = found.model.tokenizer.encode("A cat, a dog, yes.\n" * 30)
    vars(found)["ngrams"] = count_ngrams(ids, found.model.vocab_size)
    return found


@pytest.fixture(scope="session")
def two_layers_address(two_layers):
    """Where the page over it is."""
    with served(two_layers) as at:
        yield at


@pytest.fixture
def predictions(visit, two_layers_address):
    """The function that opens the Predictions tab of that page, as `predictions_tab.look`."""
    return partial(predictions_tab.look, visit, two_layers_address)


@pytest.fixture
def learn(visit):
    """The function that opens a step of the Learn tab of a page, as `learn_tab.look`."""
    return partial(learn_tab.look, visit)


@pytest.fixture
def steps():
    """The function that says how many characters the slow model has written."""
    return lambda: Slow.steps


# One browser a module, not a session: while Playwright runs it occupies this thread's event loop, which tests of other
# folders may need. The pages are served before, for the same reason: a module asks for those of its own by
# `usefixtures`.
@pytest.fixture(scope="module")
def browser(address, slow_address):
    """A Chromium; the test is skipped where none is installed, and fails where CI should have one."""
    path = find_chromium()
    if path is None:
        reason = "no Chromium was found; install one (Debian: apt-get install chromium)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def visit(browser, address):
    """The function that opens the page as a new visitor; at the end nothing may have gone wrong, or gone outside."""
    contexts, wrong = [], []

    def watch(page, expected):
        def hear(said):
            if said.type == "error" and not (expected and expected in said.text):
                wrong.append(f"console: {said.text}")

        page.on("console", hear)
        page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: wrong.append(f"outside: {request.url}") if outside(request.url) else None)

    def open_page(
        at=address, width=1280, height=800, theme="light", expected="", shows="#generate-text .status", motion="reduce"
    ):
        """Opens the page; with motion "no-preference" the text that comes by itself comes at a reader's pace."""
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion=motion)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        watch(page, expected)
        page.goto(f"{at}{'&' if '?' in at else '?'}__theme={theme}")
        page.wait_for_selector(shows)
        page.wait_for_selector("#header dd")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def outside(url: str) -> bool:
    """Whether a request leaves this machine."""
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob", "about") and parts.hostname != "127.0.0.1"


@pytest.fixture
def until():
    """The function that waits for a condition of this process, for a minute at most."""

    def wait(condition, what):
        pause = threading.Event()
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, f"waited a minute: {what}"
            pause.wait(0.05)

    return wait
