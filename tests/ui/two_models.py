"""What the tests of two models on one text share: numbers of an answer, and what its Python lines leave behind."""

import base64
import contextlib
import io

import numpy as np


def floats(text: str) -> np.ndarray:
    """Numbers that `codec.f32` wrote."""
    return np.frombuffer(base64.b64decode(text), "<f4")


def ran(python: str) -> dict:
    """The names that Python lines leave behind, and under "out" what they print."""
    names = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(python, names)
    return names | {"out": out.getvalue()}
