"""Looking at attention for a visitor: every head's weights on a text in one string, and the exact numbers of one head.

Weights are sent as bytes: q = round(255 √p), read back as p = (q/255)², which is off by at most √p/255 + 1/510² (0.004
where p is 1, 0.0004 where it is 0.01). Of each map only the keys that a query sees are sent, row after row. A page asks
for exact numbers once it has chosen a head, or a head and a character.
"""

import base64
import threading
import weakref

import numpy as np
import torch

from strivelm import inspection
from strivelm.inspection.attention import FEW, STANDS_OUT
from strivelm.inspection.layer import NEEDED
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core.models import Facts, facts_of
from strivelm.ui.tabs.generate.payload import start_from

PASSAGES = (
    "ROMEO:\nThe night is long, and yet I will not sleep.\n"
    "The moon is on the wall; the wall is white.\nCome, gentle night, and let the garden sleep.\n",
    "Once upon a time a fox came to the river. He saw the old mouse on the other side, and the mouse saw the fox.\n",
)
"""Texts to begin with, the first of which a model can read."""
SHOWN_FIRST = 96
"""How many characters a text to begin with has where no passage can be read."""


def default_text(facts: Facts) -> str:
    """A text to begin with, every character of which the model knows, within its context."""
    known = set(facts.vocabulary)
    for passage in PASSAGES:
        if set(passage) <= known:
            return passage[: facts.context]
    often = -(-SHOWN_FIRST // len(facts.vocabulary))  # small vocabularies repeat: heads may look for that
    return (facts.vocabulary * max(2, often))[: min(facts.context, SHOWN_FIRST)]


def attention(opened: OpenModel, text: str) -> dict:
    """The value of the attention view, complete: `attention.VIEW.show` draws it in a notebook.

    Raises ValueError, a sentence, for what is no text.
    """
    shown = maps(opened, text)
    return shown | {"judged": judged(opened, shown["text"]), "circuits": circuits(opened)}


def maps(opened: OpenModel, text: str) -> dict:
    """All heads' weights on a text and their means, what the text became for this model, and sentences about that.

    Raises ValueError, a sentence, for what is no text.
    """
    start = start_from(opened.model, limits.checked_prompt(text))
    recorded = _recorded(opened, start.ids[-opened.model.block_size :])
    weights = recorded.attention.float().cpu()
    config = opened.model.config
    return {
        "model": facts_of(opened).name,
        "text": "".join(recorded.chars),
        "layers": config.n_layer,
        "heads": config.n_head,
        "context": config.block_size,
        "maps": coded(torch.cat([weights.flatten(0, 1), weights.mean(1)])),
        "notes": list(start.notes),
    }


_last: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _recorded(opened: OpenModel, ids: list[int]) -> inspection.Trace:
    """A trace that keeps the attention. The last one of each model is kept: what is painted is measured next."""
    held = _last.get(opened.model)
    if held is None or held.ids.tolist() != ids:
        held = _last[opened.model] = inspection.trace(opened.model, torch.tensor(ids), keep={"attention"})
    return held


def coded(weights: torch.Tensor) -> str:
    """Weights (N, T, T) as base64 of a byte each, of the keys that each query sees."""
    rows, columns = np.tril_indices(weights.shape[-1])
    seen = weights.numpy()[:, rows, columns]
    return _base64(np.rint(255 * np.sqrt(seen)).astype(np.uint8))


def judged(opened: OpenModel, text: str) -> dict:
    """What each head does on a text, in a word and in scores beside those of uniform attention; rollout."""
    recorded = _recorded(opened, opened.model.tokenizer.encode(limits.checked_prompt(text)))
    weights, ids = recorded.attention, recorded.ids
    rolled = inspection.rollout(weights)
    rollouts = {"rollout": coded(torch.stack([rolled.weights[-1], rolled.uniform[-1]]))}
    if len(ids) < 2:
        note = f"A text of one character shows nothing of what heads do: it can only read itself. {FEW + 1} are needed."
        return rollouts | {"heads": None, "uniform": {}, "notes": [note]}
    found = inspection.patterns(weights, ids)
    scores = {name: getattr(found, name).tolist() for name in found.uniform}
    L, H = found.strength.shape
    return rollouts | {
        "heads": [_head(found, scores, layer, head) for layer in range(L) for head in range(H)],
        "uniform": {name: _number(value) for name, value in found.uniform.items()},
        "notes": list(found.notes),
    }


def _head(found: inspection.Patterns, scores: dict, layer: int, head: int) -> dict:
    earned = found.earned(layer, head)
    return {
        "word": found.verdict[layer][head],
        "score": earned and earned[0],
        "chance": earned and earned[1],
        "strength": _number(found.strength[layer, head].item()),
        "scores": {name: _number(values[layer][head]) for name, values in scores.items()},
    }


_measured: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_measuring = threading.Lock()


def circuits(opened: OpenModel) -> dict:
    """What heads do with repetitions and with what they see, which is the model's and no text's: measured once."""
    with _measuring:  # two visitors who ask at once wait for one measurement
        if opened.model not in _measured:
            _measured[opened.model] = _circuits(opened)
        return _measured[opened.model]


def _circuits(opened: OpenModel) -> dict:
    repeats, copies = inspection.induction(opened.model), inspection.copying(opened.model)
    strength = repeats.strength
    return {
        "induction": _plain(repeats.score),
        "control": _plain(repeats.control),
        "uniform": _number(repeats.uniform),
        "strength": _plain(strength),
        "named": [[layer, head] for layer, head in (strength >= STANDS_OUT).nonzero().tolist()],
        "distinct": repeats.distinct,
        "notes": list(repeats.notes),
        "copying": _plain(copies.score),
        "copies": [word for row in copies.verdict for word in row],
    }


def row(opened: OpenModel, text: str, layer: int, head: int, query: int) -> dict:
    """How one row of one head came about, in float32: the query, the keys, their scaled products, the weights.

    The scores are of all keys; those after the query are what the mask takes away.
    """
    ids = opened.model.tokenizer.encode(limits.checked_prompt(text))
    recorded = inspection.trace(opened.model, ids, keep=NEEDED)
    found = inspection.inside(opened.model, recorded, layer, query, head)
    return {
        "query": _floats(found.query),
        "keys": _floats(found.keys),
        "divisor": found.divisor,
        "scores": _floats(recorded.scores[layer, head, query]),
        "attention": _floats(found.attention),
    }


def exact(opened: OpenModel, text: str, name: str) -> dict:
    """The exact weights of one map in float32: of a head "2.1", of "mean2", "rollout", or "uniform" rollout.

    Raises ValueError, a sentence, where there is no such map.
    """
    config = opened.model.config
    heads = {f"{layer}.{head}": (layer, head) for layer in range(config.n_layer) for head in range(config.n_head)}
    means = {f"mean{layer}": layer for layer in range(config.n_layer)}
    if name not in {"rollout", "uniform", *means, *heads}:
        raise ValueError(f"There is no map {name!r:.40}; expected a head such as 0.0, or mean0, rollout, uniform.")
    ids = opened.model.tokenizer.encode(limits.checked_prompt(text))
    weights = inspection.trace(opened.model, ids, keep={"attention"}).attention
    if name in heads:
        found = weights[heads[name]]
    elif name in means:
        found = weights[means[name]].mean(0)
    else:
        rolled = inspection.rollout(weights)
        found = (rolled.weights if name == "rollout" else rolled.uniform)[-1]
    return {"weights": _floats(found.cpu()[np.tril_indices(len(ids))])}


def _floats(values: torch.Tensor) -> str:
    """Numbers as base64 of float32, in the order of little-endian machines, which browsers' arrays have."""
    return _base64(values.detach().cpu().numpy().astype("<f4"))


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _plain(values: torch.Tensor) -> list[float | None]:
    return [_number(value) for value in values.flatten().tolist()]


def _number(value: float) -> float | None:
    """What JSON can hold: a number that is none becomes None."""
    return value if np.isfinite(value) else None
