"""How values are sent to a view: as JSON, with large arrays as base64 of little-endian numbers.

Nested lists of numbers are very slow in a page (each is parsed, and Gradio serialises it repeatedly); one string is
cheap. `components/common/codec.js` decodes what is encoded here; tests hold the two equal.
"""

import base64
import json
import math

import numpy as np
import torch

Numbers = torch.Tensor | np.ndarray | list | tuple


def dumps(value: object, compact: bool = False) -> str:
    """JSON for a view. '<' is escaped, as gr.HTML would warn of a script in plain text."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":") if compact else None)
    return written.replace("<", "\\u003c")


def f32(values: Numbers) -> str:
    """Numbers as 32-bit floats; decoded in JavaScript by `strivelm.f32`."""
    return _base64(_array(values).astype("<f4"))


def u8(values: Numbers) -> str:
    """Whole numbers from 0 to 255; decoded by `strivelm.u8`."""
    return _base64(_array(values).astype("u1"))


def u16(values: Numbers) -> str:
    """Whole numbers from 0 to 65,535; decoded by `strivelm.u16`."""
    return _base64(_array(values).astype("<u2"))


def u32(values: Numbers) -> str:
    """Whole numbers from 0 to 4,294,967,295; decoded by `strivelm.u32`."""
    return _base64(_array(values).astype("<u4"))


def probabilities(values: Numbers) -> str:
    """Probabilities as 16 bits of √p, an error of at most √p/65535; decoded by `strivelm.probabilities`."""
    return _base64(np.rint(65_535 * np.sqrt(_array(values).astype(np.float64))).astype("<u2"))


def cosines(values: Numbers) -> str:
    """Cosines as 16-bit integers, a rounding of at most 1.6e-5; decoded by `strivelm.cosines`."""
    return _base64(np.rint(32_767 * np.clip(_array(values).astype(np.float64), -1, 1)).astype("<i2"))


def weights(values: Numbers) -> str:
    """Attention weights (N, T, T), one byte each: row by row, for the keys that each query sees.

    A byte q = round(255 √p) is decoded as p = (q/255)², with an error of at most √p/255 + 1/510²: 0.004 where p is 1,
    0.0004 where it is 0.01.
    """
    array = _array(values)
    rows, columns = np.tril_indices(array.shape[-1])
    return _base64(np.rint(255 * np.sqrt(array[:, rows, columns])).astype("u1"))


def finite(value: float) -> float | None:
    """A number as JSON can hold it: NaN and infinities become None."""
    return value if math.isfinite(value) else None


def finites(values: Numbers) -> list[float | None]:
    """Numbers of any shape as a flat list that JSON can hold, for small arrays."""
    return [finite(float(value)) for value in _array(values).flatten()]


def _array(values: Numbers) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return np.asarray(values)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
