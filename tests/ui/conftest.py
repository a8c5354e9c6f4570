"""The page over small models, served on a free port, and a model that is slow enough to be interrupted."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import socket
import string
import time
from contextlib import contextmanager

import pytest
import torch
from gradio_client import Client

from strivelm import GPT, OpenModel
from strivelm.ui import build, launch_options

CHARS = string.ascii_letters + " .,:;!?'\n-"
TRAINING = {"best": {"step": 7, "validation": 3.5}, "corpus": {"name": "noise"}}


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


def open_random(ref="noise", **changes) -> OpenModel:
    """An open model of random weights, the same every time."""
    torch.manual_seed(0)
    sizes = {"vocab_size": len(CHARS), "block_size": 32, "n_layer": 1, "n_head": 2, "n_embd": 16, "chars": CHARS}
    return OpenModel(ref, GPT(**{**sizes, **changes}).eval(), TRAINING)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as at:
        at.bind(("127.0.0.1", 0))
        return at.getsockname()[1]


@contextmanager
def served(model: OpenModel):
    """The address of a page over the model."""
    page = build(model)
    options = launch_options() | {"quiet": True, "prevent_thread_lock": True}
    try:
        yield page.launch(server_name="127.0.0.1", server_port=free_port(), **options)[1]
    finally:
        page.close(verbose=False)


@pytest.fixture(scope="session")
def noise() -> OpenModel:
    """A model of random weights that knows letters and punctuation."""
    return open_random()


@pytest.fixture(scope="session")
def client(noise):
    """A client of the page over `noise`."""
    with served(noise) as address:
        yield Client(address, verbose=False, analytics_enabled=False)


@pytest.fixture(scope="session")
def slow_client():
    """A client of a page whose model takes a hundredth of a second and more for a character."""
    opened = open_random()
    make = opened.model.decoder
    opened.model.decoder = lambda batch_size=1: Slow(make(batch_size))
    with served(opened) as address:
        yield Client(address, verbose=False, analytics_enabled=False)


@pytest.fixture
def steps():
    """The function that says how many characters the slow model has written."""
    return lambda: Slow.steps


@pytest.fixture
def make_open():
    """The function that makes open models of random weights."""
    return open_random


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    return free_port()
