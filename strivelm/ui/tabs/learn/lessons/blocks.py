"""What a lesson's figure is made of: plain dicts that the lesson view draws, one below the other.

Numbers come in as tensors or floats and leave as short text, or as JSON numbers of four significant digits.
"""

import math
from collections.abc import Sequence

import torch

from strivelm.ui.core import codec

Cell = str | dict
"""Text; {"chars": …}, characters one by one; {"passage": …}, a text; {"bar": share, "text": …}, a bar from 0 to 1."""


def number(value: float, digits: int = 3) -> str:
    """A number as text, with so many significant digits; '–' where there is none."""
    if not math.isfinite(value):
        return "–"
    value = 0.0 if abs(value) < 1e-12 else value  # rounding's remains
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else digits - 1
    return f"{value:,.{min(decimals, 6)}f}".replace("-", "−")


def share(p: float) -> str:
    """A share as per cent."""
    if not math.isfinite(p):
        return "–"
    return "< 0.01 %" if 0 < p < 5e-5 else f"{100 * p:.3g} %" if p < 0.9995 else "100 %"


def chars(text: str) -> Cell:
    """A cell of characters."""
    return {"chars": text}


def bar(value: float, text: str | None = None) -> Cell:
    """A cell with a bar from 0 to 1 beside its text."""
    value = value if math.isfinite(value) else 0.0
    return {"bar": float(f"{min(max(value, 0.0), 1.0):.4g}"), "text": share(value) if text is None else text}


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], note: str = "", mark: int = -1) -> dict:
    """A table; `mark` is the row that stands out."""
    return {
        "kind": "table",
        "title": title,
        "head": list(head),
        "rows": list(map(list, rows)),
        "note": note,
        "mark": mark,
    }


def vector(name: str, values: torch.Tensor, op: str = "") -> dict:
    """One row of `vectors`: its values, its length and its extremes."""
    values = values.detach().cpu().double().flatten()
    return {
        "name": name,
        "op": op,
        "values": codec.f32(values),
        "norm": number(values.norm().item()),
        "least": number(values.min().item()),
        "most": number(values.max().item()),
    }


def vectors(title: str, rows: Sequence[dict], note: str = "") -> dict:
    """Vectors below each other, all on one scale."""
    return {"kind": "vectors", "title": title, "rows": list(rows), "note": note}


def bars(title: str, series: Sequence[str], rows: Sequence[tuple], note: str = "") -> dict:
    """Horizontal bars from 0 to 1: each row a character and its shares, one for each of the series."""
    shown = [[char, *(float(f"{value:.4g}") for value in values)] for char, *values in rows]
    return {"kind": "bars", "title": title, "series": list(series), "rows": shown, "note": note}


def heat(title: str, weights: torch.Tensor, note: str = "") -> dict:
    """A map (T, T) of attention weights, a row a query, each weight a byte (`codec.weights`)."""
    weights = weights.detach().cpu().double().clamp(0, 1)
    return {"kind": "heat", "title": title, "size": len(weights), "data": codec.weights(weights[None]), "note": note}


def curve(title: str, lines: Sequence[tuple], levels: Sequence[tuple], x: str, y: str, note: str = "") -> dict:
    """Lines (name, [(x, y) …]) with levels (name, y) drawn across."""
    return {
        "kind": "curve",
        "title": title,
        "lines": [{"name": name, "points": [[x, float(f"{y:.5g}")] for x, y in points]} for name, points in lines],
        "levels": [[name, float(f"{y:.5g}")] for name, y in levels],
        "x": x,
        "y": y,
        "note": note,
    }


def vocabulary(title: str, rows: Sequence[tuple], note: str = "") -> dict:
    """All characters as a grid: (char, id, share of the text or None)."""
    shown = [[char, id, None if part is None else float(f"{part:.4g}")] for char, id, part in rows]
    return {"kind": "vocabulary", "title": title, "rows": shown, "note": note}


def scatter(title: str, points: Sequence[tuple], note: str = "") -> dict:
    """Characters in a plane: (char, x, y, class)."""
    shown = [[char, float(f"{x:.4g}"), float(f"{y:.4g}"), of] for char, x, y, of in points]
    return {"kind": "scatter", "title": title, "points": shown, "note": note}


def passage(title: str, text: str, note: str = "") -> dict:
    """A text as it is."""
    return {"kind": "passage", "title": title, "text": text, "note": note}


def written(title: str, prompt: str, text: str, nats: Sequence[float], note: str = "") -> dict:
    """A text that the model wrote after a prompt, with each character's surprisal."""
    coded = [float(f"{value:.4g}") for value in nats]
    return {"kind": "written", "title": title, "prompt": prompt, "text": text, "nats": coded, "note": note}


def film(title: str, prompt: str, seed: int, refs: Sequence[str], note: str = "") -> dict:
    """A model that learns to go on with a text; its pictures are asked for apart, of its snapshots."""
    return {"kind": "film", "title": title, "prompt": prompt, "seed": seed, "refs": list(refs), "note": note}


def choice(key: str, label: str, options: Sequence[tuple], value: object) -> dict:
    """A control: one of several (value, label)."""
    return {
        "kind": "choice",
        "key": key,
        "label": label,
        "options": [[str(one), name] for one, name in options],
        "value": str(value),
    }


def slider(key: str, label: str, least: float, most: float, step: float, value: float) -> dict:
    """A control: a number."""
    return {
        "kind": "slider",
        "key": key,
        "label": label,
        "least": least,
        "most": most,
        "step": step,
        "value": value,
    }


def button(label: str, **settings: object) -> dict:
    """A control: sets settings at once."""
    return {"kind": "button", "label": label, "settings": {key: str(value) for key, value in settings.items()}}
