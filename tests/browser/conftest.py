"""A real Chromium before a real page: what a visitor sees, and everything that goes wrong on the way."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import shutil
import socket
import string
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import torch

from strivelm import GPT, OpenModel
from strivelm.ui import build, launch_options

# Beside letters what could be taken for code, a script from right to left, and an emoji: all of it may be written.
CHARS = "\n" + string.ascii_letters + string.digits + " .,:;!?'-<>/=${}()[]\"&" + "שלום" + "😀"
TRAINING = {"best": {"step": 7, "validation": 3.5}, "corpus": {"name": "<b>${noise}</b>"}}
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


class Slow:
    """A decoder that rests before each character and counts them."""

    steps = 0

    def __init__(self, decoder):
        self.decoder = decoder

    def prefill(self, ids):
        return self.decoder.prefill(ids)

    def step(self, ids):
        Slow.steps += 1
        time.sleep(0.01)
        return self.decoder.step(ids)


def open_random(slow=False) -> OpenModel:
    """An open model of random weights, the same every time."""
    torch.manual_seed(0)
    model = GPT(len(CHARS), 32, 1, 2, 16, chars=CHARS).eval()
    if slow:
        make = model.decoder
        model.decoder = lambda batch_size=1: Slow(make(batch_size))
    return OpenModel("noise", model, TRAINING)


@contextmanager
def served(model: OpenModel):
    """The address of a page over the model."""
    with socket.socket() as at:
        at.bind(("127.0.0.1", 0))
        port = at.getsockname()[1]
    page = build(model)
    options = launch_options() | {"quiet": True, "prevent_thread_lock": True}
    try:
        yield page.launch(server_name="127.0.0.1", server_port=port, **options)[1]
    finally:
        page.close(verbose=False)


@pytest.fixture(scope="session")
def address():
    """Where the page over a quick model is."""
    with served(open_random()) as at:
        yield at


@pytest.fixture(scope="session")
def slow_address():
    """Where the page is whose model takes a hundredth of a second and more for a character."""
    with served(open_random(slow=True)) as at:
        yield at


@pytest.fixture
def steps():
    """The function that says how many characters the slow model has written."""
    return lambda: Slow.steps


# One browser a module, not a session: while Playwright runs it occupies this thread's event loop, which tests of other
# rooms may need. The pages are served before, for the same reason.
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

    def open_page(at=address, width=1280, height=800, theme="light", expected=""):
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        watch(page, expected)
        page.goto(f"{at}?__theme={theme}")
        page.wait_for_selector("#generate-text .status")
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
