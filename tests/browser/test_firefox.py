"""The page in Firefox: every tab shows what it shows in Chromium, Back walks back, nothing goes wrong."""

import pytest
import torch
from browser.attention_tab import ALL, READ
from browser.firefox import find_firefox, started

from strivelm import trace


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    """A Firefox."""
    path = find_firefox()
    if path is None:
        pytest.skip("Firefox is not on this machine (Debian: apt-get install firefox-esr)")
    with started(path, tmp_path_factory.mktemp("profile")) as found:
        yield found


TABS = {
    "attention": "#attention-view .whole:not([hidden]) .tile canvas",
    "embeddings": "#embeddings-map .view[data-state=shown] .tools button",
    "predictions": "#losses .text .cell",
    "learn": "#learn-shown[data-waiting='false'] [data-step]",
}
"""What stands in each tab once its view has its answer."""


def to(firefox, tab):
    """Opens a tab, and waits until its view has its answer."""
    firefox.ask(
        "[...document.querySelectorAll('button[role=tab]')]"
        f".find((one) => one.textContent.trim().toLowerCase() === '{tab}').click()"
    )
    firefox.until(f"document.querySelector({TABS[tab]!r})")


def test_every_tab_is_there_and_back_walks_back(firefox, address, opened):
    firefox.size(1280, 800)
    firefox.open(address)
    firefox.until("document.querySelector('#generate-text .status')?.textContent.startsWith('Finished')")
    for tab in TABS:
        to(firefox, tab)
        firefox.until(f"new URL(location.href).searchParams.get('tab') === '{tab}'")
        assert firefox.ask("document.documentElement.scrollWidth <= innerWidth")
    firefox.back()
    firefox.until("new URL(location.href).searchParams.get('tab') === 'predictions'")
    assert firefox.said == []


def test_weights_in_the_view_are_the_models(firefox, address, model):
    text = "a cat sat"
    firefox.open(f"{address}?tab=attention&text=a+cat+sat")
    firefox.until("document.querySelector('#attention-view .whole:not([hidden]) .tile canvas')")
    config = model.config
    sizes = [config.n_layer, config.n_head, len(text)]
    firefox.until(f"({READ})('view.state()').text === '{text}'")
    found = firefox.ask(f"({READ})(`{ALL}`, ...{sizes})")
    torch.testing.assert_close(torch.tensor(found), trace(model, text).attention, atol=1 / 255, rtol=0)
    assert firefox.said == []


def test_a_phone_has_all_tabs_in_reach(firefox, address):
    firefox.size(500, 844)  # no window of Firefox is narrower
    firefox.open(address)
    firefox.until("document.querySelector('#generate-text .status')")
    assert firefox.ask("document.documentElement.scrollWidth <= innerWidth")
    inside = firefox.ask(
        "[...document.querySelectorAll('button[role=tab]')].slice(0, 5)"
        ".map((one) => one.getBoundingClientRect()).map((at) => at.left >= 0 && at.right <= innerWidth && at.width > 0)"
    )
    assert inside == [True] * 5
    firefox.size(1280, 800)
