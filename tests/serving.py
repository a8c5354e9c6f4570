"""The page over small models of random weights, served on a free port: what the tests of the page share."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import socket
import time
from contextlib import contextmanager

import torch

from strivelm import GPT, OpenModel
from strivelm.ui import build, launch_options


class Slow:
    """A decoder that rests before each character and counts them, so that it can be interrupted."""

    steps = 0

    def __init__(self, decoder):
        self.decoder = decoder

    def prefill(self, ids):
        return self.decoder.prefill(ids)

    def step(self, ids):
        Slow.steps += 1
        time.sleep(0.01)
        return self.decoder.step(ids)


def open_random(chars: str, corpus: str = "noise", ref: str = "noise", slow: bool = False, **sizes) -> OpenModel:
    """An open model of random weights, the same every time, which names a corpus and a validation loss of 3.5."""
    torch.manual_seed(0)
    sizes = {"vocab_size": len(chars), "block_size": 32, "n_layer": 1, "n_head": 2, "n_embd": 16} | sizes
    model = GPT(chars=chars, **sizes).eval()
    if slow:
        make = model.decoder
        model.decoder = lambda batch_size=1, **how: Slow(make(batch_size, **how))
    return OpenModel(ref, model, {"best": {"step": 7, "validation": 3.5}, "corpus": {"name": corpus}})


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
