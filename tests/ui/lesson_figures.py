"""What the tests of the Learn tab share: how a step's figure is read."""

import base64
import re

import numpy as np
import torch

from strivelm.ui.tabs.learn.lessons.openings import read
from strivelm.ui.tabs.learn.lessons.reading import Chosen
from strivelm.ui.tabs.learn.payload import figure

TEXT = "To be, or not to be"


def shown(opened, step, text=TEXT, **settings):
    """The figure of a step."""
    return figure(read(opened, text, Chosen(step, **settings)))


def block(found, kind, title=""):
    return next(one for one in found.blocks if one["kind"] == kind and one["title"].startswith(title))


def logits_of(opened, text=TEXT):
    """The model's own logits (T, V), by its own forward pass."""
    with torch.no_grad():
        return opened.model(torch.tensor([opened.model.tokenizer.encode(text)]))[0][0].double()


def says(cell):
    """A cell's number."""
    text = cell["text"] if isinstance(cell, dict) else cell
    return float(re.sub(r"[^0-9.e+\-]", "", text.replace("−", "-")))


def floats(text):
    """The numbers of a string in base64."""
    return np.frombuffer(base64.b64decode(text), "<f4").tolist()
