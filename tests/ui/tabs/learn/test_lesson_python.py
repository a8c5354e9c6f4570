"""The Python beside a step's figure prints every number that the figure shows."""

import contextlib
import io
import re

import pytest
from lesson_figures import shown

from strivelm.ui.tabs.learn.lessons import IDS

TEXT = "To be, or not to be"
RECORDS = ("The model and the machine", "What it learnt from", "Its configuration", "Every number that the model")
"""Tables of what was recorded, not computed."""
NUMBER = re.compile(r"[-−]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


def numbers(text):
    """The numbers in a text; per cents as shares."""
    found = [float(one.replace(",", "").replace("−", "-")) for one in NUMBER.findall(text)]
    return [one / 100 for one in found] if text.endswith("%") else found


def cells(block):
    """The texts of the numbers that a block shows, of an experiment those on the reader's own text."""
    if block["kind"] == "bars":
        return [repr(value) for row in block["rows"] for value in row[1:]]
    if block["kind"] == "vocabulary":
        return [repr(row[2]) for row in block["rows"] if row[2]]
    if block["kind"] != "table" or block["title"].startswith(RECORDS):
        return []
    if block["title"].startswith("An experiment"):
        return [row[-1] for row in block["rows"]]
    texts = [cell.get("text", "") if isinstance(cell, dict) else cell for row in block["rows"] for cell in row[1:]]
    return [text for text in texts if NUMBER.fullmatch(text.removesuffix("%").strip())]


@pytest.mark.parametrize("step", [step for step in IDS if step not in ("4", "7")])
def test_the_lines_print_what_the_figure_shows(bundled, step):
    found = shown(bundled, step, TEXT, temperature=0.9, top_k=5)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec("import torch\ntorch.set_printoptions(sci_mode=False, precision=6, threshold=10**6)\n" + found.python, {})
    printed = numbers(said.getvalue().replace("%", " "))
    looked = [text for block in found.blocks for text in cells(block)]
    assert looked or step == "3.7"
    for text in looked:
        (value,) = numbers(text)
        assert any(abs(abs(one) - abs(value)) <= 6e-3 * abs(value) + 6e-5 for one in printed), (text, step)
