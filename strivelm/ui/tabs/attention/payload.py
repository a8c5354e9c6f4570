"""The questions of the Attention tab: the weights of all heads on a text in one string, and exact numbers of one head.

The weights of all heads are sent as bytes (`codec.weights`); the page asks for exact numbers when a head, or a head and
a character, is chosen.
"""

import math
import weakref

import numpy as np
import torch

from strivelm import inspection
from strivelm.inspection.attention import FEW, PARTS, STANDS_OUT
from strivelm.inspection.layer import NEEDED
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec, costs
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.python_lines import load_line
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import start_from


def attention(opened: OpenModel, text: str) -> dict:
    """The value of the attention view, complete: `attention.VIEW.show` draws it in a notebook.

    Raises ValueError, a sentence, for what is no text.
    """
    shown = maps(opened, text)
    return shown | {"judged": judged(opened, shown["text"]), "circuits": circuits(opened)}


@question("attention.whole", costs=costs.patterns)
def whole(opened: OpenModel, text: str) -> dict:
    """The answers of "attention.maps" and "attention.judged" in one, so that both can be drawn at once.

    Raises ValueError, a sentence, for what is no text.
    """
    shown = maps(opened, text)
    return shown | {"judged": judged(opened, shown["text"])}


@question("attention.maps")
def maps(opened: OpenModel, text: str) -> dict:
    """All heads' weights on a text and their means, the text as the model read it, and notes on that.

    Of a text for which that would be too large to send, the end is read.

    Raises ValueError, a sentence, for what is no text.
    """
    start = start_from(opened.model, limits.checked_prompt(text))
    read = start.ids[-opened.model.block_size :]
    most = costs.most_read(opened.model, costs.maps, len(read))
    recorded = _recorded(opened, read[-most:])
    weights = recorded.attention.float().cpu()
    config = opened.model.config
    return {
        "model": facts_of(opened).name,
        "load": load_line(opened),
        "text": "".join(recorded.chars),
        "layers": config.n_layer,
        "heads": config.n_head,
        "context": config.block_size,
        "maps": codec.weights(torch.cat([weights.flatten(0, 1), weights.mean(1)])),
        "notes": [*start.notes, *costs.notes_on(opened.model, "maps are sent", most, len(read))],
    }


_last: list[tuple[weakref.ref, inspection.Trace]] = []


def _recorded(opened: OpenModel, ids: list[int]) -> inspection.Trace:
    """A trace with the attention. The last one is cached, as `judged` follows `maps`; only one, as it may be large."""
    for of, trace in _last[:]:
        if of() is opened.model and trace.ids.tolist() == ids:
            return trace
    trace = inspection.trace(opened.model, torch.tensor(ids), keep={"attention"})
    _last[:] = [(weakref.ref(opened.model), trace)]
    return trace


@question("attention.judged", costs=costs.patterns)
def judged(opened: OpenModel, text: str) -> dict:
    """Each head's pattern on a text and its scores, beside those of uniform attention; rollout.

    `first` is the head to begin with: the one whose pattern stands out most.
    """
    recorded = _recorded(opened, opened.model.tokenizer.encode(limits.checked_prompt(text)))
    weights, ids = recorded.attention, recorded.ids
    rolled = inspection.rollout(weights, last=True)
    rollouts = {"rollout": codec.weights(torch.stack([rolled.weights[-1], rolled.uniform[-1]]))}
    if len(ids) < 2:
        note = f"One character can only attend to itself: measuring patterns needs {FEW + 1} characters."
        return rollouts | {"heads": None, "first": None, "uniform": {}, "notes": [note]}
    found = inspection.patterns(weights, ids, None if opened.model.config.chars is None else recorded.chars)
    scores = {name: getattr(found, name).tolist() for name in found.uniform}
    L, H = found.strength.shape
    return rollouts | {
        "heads": [_head(found, scores, layer, head) for layer in range(L) for head in range(H)],
        "first": int(found.strength.nan_to_num(-math.inf).argmax()),
        "uniform": {name: codec.finite(value) for name, value in found.uniform.items()},
        "notes": list(found.notes),
    }


def _head(found: inspection.Patterns, scores: dict, layer: int, head: int) -> dict:
    score = found.closest_score(layer, head)
    word = found.closest[layer][head]
    return {
        "word": word,
        "named": found.verdict[layer][head] != "none",
        "part": word in PARTS.values(),
        "score": score and score[0],
        "chance": score and score[1],
        "strength": codec.finite(found.strength[layer, head].item()),
        "scores": {name: codec.finite(values[layer][head]) for name, values in scores.items()},
    }


@question("attention.circuits", cached=True, costs=costs.circuits)
def circuits(opened: OpenModel) -> dict:
    """Induction and copying of each head, which do not depend on the text."""
    repeats, copies = inspection.induction(opened.model), inspection.copying(opened.model)
    strength = repeats.strength
    return {
        "induction": codec.finites(repeats.score),
        "control": codec.finites(repeats.control),
        "uniform": codec.finite(repeats.uniform),
        "strength": codec.finites(strength),
        "named": [[layer, head] for layer, head in (strength >= STANDS_OUT).nonzero().tolist()],
        "distinct": repeats.distinct,
        "notes": list(repeats.notes),
        "copying": codec.finites(copies.score),
        "copies": [word for row in copies.verdict for word in row],
    }


@question("attention.row", costs=costs.one_row)
def row(opened: OpenModel, text: str, layer: int, head: int, query: int) -> dict:
    """How one row of one head is computed, in float32: the query, the keys, their scaled products, the weights.

    The scores are of all keys; the mask removes those after the query.
    """
    ids = opened.model.tokenizer.encode(limits.checked_prompt(text))
    recorded = inspection.trace(opened.model, ids, keep=NEEDED)
    found = inspection.inside(opened.model, recorded, layer, query, head)
    return {
        "query": codec.f32(found.query),
        "keys": codec.f32(found.keys),
        "divisor": found.divisor,
        "scores": codec.f32(recorded.scores[layer, head, query]),
        "attention": codec.f32(found.attention),
    }


@question("attention.exact", costs=costs.one_map(3.0))
def exact(opened: OpenModel, text: str, map: str) -> dict:
    """The exact weights of one map in float32: of a head "2.1", of "mean2", "rollout", or "uniform" rollout.

    Raises ValueError, a sentence, where there is no such map.
    """
    config = opened.model.config
    heads = {f"{layer}.{head}": (layer, head) for layer in range(config.n_layer) for head in range(config.n_head)}
    means = {f"mean{layer}": layer for layer in range(config.n_layer)}
    if map not in {"rollout", "uniform", *means, *heads}:
        raise ValueError(f"There is no map {map!r:.40}; expected a head such as 0.0, or mean0, rollout, uniform.")
    ids = opened.model.tokenizer.encode(limits.checked_prompt(text))
    weights = inspection.trace(opened.model, ids, keep={"attention"}).attention
    if map in heads:
        found = weights[heads[map]]
    elif map in means:
        found = weights[means[map]].mean(0)
    else:
        rolled = inspection.rollout(weights, last=True)
        found = (rolled.weights if map == "rollout" else rolled.uniform)[-1]
    return {"weights": codec.f32(found.cpu()[np.tril_indices(len(ids))])}
