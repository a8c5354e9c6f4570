"""The page over small models, served on a free port, and a model that is slow enough to be interrupted."""

import string
from functools import partial

import pytest
from gradio_client import Client
from serving import Slow, free_port, open_random, served

from strivelm import OpenModel, open_model

make = partial(open_random, chars=string.ascii_letters + " .,:;!?'\n-")


@pytest.fixture(scope="session")
def noise() -> OpenModel:
    """A model of random weights that knows letters and punctuation."""
    return make()


@pytest.fixture(scope="session")
def client(noise):
    """A client of the page over `noise`."""
    with served(noise) as address:
        yield Client(address, verbose=False, analytics_enabled=False)


@pytest.fixture(scope="session")
def slow_client():
    """A client of a page whose model takes a hundredth of a second and more for a character."""
    with served(make(slow=True)) as address:
        yield Client(address, verbose=False, analytics_enabled=False)


@pytest.fixture
def steps():
    """The function that says how many characters the slow model has written."""
    return lambda: Slow.steps


@pytest.fixture
def make_open():
    """The function that makes open models of random weights."""
    return make


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    return free_port()


@pytest.fixture(scope="session")
def bundled() -> OpenModel:
    """The model that comes along."""
    return open_model("bundled")


@pytest.fixture(scope="session")
def film() -> OpenModel:
    """The small model that comes along."""
    return open_model("film")


@pytest.fixture(scope="session")
def young() -> OpenModel:
    """The same while it was trained."""
    return open_model("film@step-55")


@pytest.fixture(scope="session")
def stranger() -> OpenModel:
    """A model of other sizes than `noise`, a shorter context, and a vocabulary that is partly another."""
    return open_random("\n .eshiTt\u00e9\u0436", ref="stranger", block_size=12, n_layer=2, n_head=4, n_embd=24)
