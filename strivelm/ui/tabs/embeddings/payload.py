"""What the Embeddings tab shows: an open model's vectors, as one string of JSON for each view.

Tables of numbers travel as base64 of little-endian numbers: cosines as 16-bit integers (a rounding of at most 1.6e-5),
everything else as 32-bit floats. What would be too large to draw is cut down here, and the view says so.
"""

import base64
import math

import numpy as np
import torch

from strivelm import inspection
from strivelm.inspection.vectors import CLASSES, GROUPINGS
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec
from strivelm.ui.core.models import Facts, name_of
from strivelm.ui.core.prompts import examples

MOST_ROWS = 256
"""The most rows and columns of a matrix, and the most positions; of larger vocabularies the most frequent ones."""
NEIGHBOURS = 10
"""How many neighbours of each character travel along."""
SENTENCE = "The queen went to see the green trees where the sheep sleep, and there she met her enemies."


def tokens(opened: OpenModel) -> str:
    """The characters' embeddings: places on the map, neighbours, similarity, purity and the case analogies."""
    space = inspection.token_space(opened.model)
    found, near = inspection.pca(space.vectors, 3), inspection.nearest(space, NEIGHBOURS)
    share = frequencies(opened)
    some = chosen(len(space.chars), share)
    part = inspection.Space(
        space.what, *(tuple(of[i] for i in some) for of in (space.chars, space.classes)), space.vectors[some]
    )
    given, clusters = (inspection.similarity(part, order) for order in ("given", "clusters"))
    case = inspection.case_analogies(space)
    return codec.dumps(
        {
            "model": name_of(opened.ref),
            "chars": "".join(space.chars),
            "classes": coded([CLASSES.index(name) for name in space.classes], "u1"),
            "names": CLASSES,
            "share": None if share is None else coded(share, "f4"),
            "width": space.vectors.shape[1],
            "components": found.coordinates.shape[1],
            "coordinates": coded(found.coordinates, "f4"),
            "explained": found.explained.tolist(),
            "even": found.even,
            "neighbours": near.points.shape[1],
            "near": coded(near.points, "u2"),
            "near_cosine": coded_cosines(near.cosine),
            "average": coded(near.average, "f4"),
            "some": coded(some, "u2"),
            "cosine": coded_cosines(given.cosine),
            "by_class": coded(inspection.similarity(part, "class").order, "u2"),
            "by_cluster": coded(clusters.order, "u2"),
            "merges": coded(clusters.merges, "u2"),
            "heights": coded(clusters.heights, "f4"),
            "purity": [_purity(space, by, same) for by in GROUPINGS for same in (False, True)],
            "case": {
                "pairs": len(case.pairs),
                "questions": case.questions,
                "accuracy": _number(case.accuracy),
                "chance": _number(case.chance),
                "without_offset": _number(case.without_offset),
            },
            "python": _lines(
                opened,
                "neighbours, pca, similarity, token_space",
                "space = token_space(model)",
                "map = pca(space.vectors, 3)  # map.coordinates, map.explained",
                "near = neighbours(space, {char}, 10)  # near.chars, near.cosine",
                'table = similarity(space, "{order}")  # table.chars, table.cosine',
            ),
            "python_analogy": _lines(
                opened,
                "analogy, case_analogies, purity, token_space",
                "space = token_space(model)",
                "found = analogy(space, {start}, {minus}, {plus})  # found.ranking.chars, found.ranking.cosine",
                "every = case_analogies(space)  # every.accuracy, every.chance, every.without_offset",
                'kinds = purity(space, "class", same_letter=False)  # kinds.purity, kinds.chance',
            ),
        }
    )


def places(opened: OpenModel) -> str:
    """The position embeddings: how long, how alike, the path that they take, and how much of it the model uses."""
    found = inspection.positions(opened.model)
    T, K = found.path.shape
    shown = np.linspace(0, T - 1, min(T, MOST_ROWS)).round().astype(int)
    return codec.dumps(
        {
            "model": name_of(opened.ref),
            "context": T,
            "shown": coded(shown, "u4"),
            "cosine": coded_cosines(found.cosine[shown][:, shown]),
            "norms": coded(found.norms, "f4"),
            "from_mean": coded(found.from_mean, "f4"),
            "token_norm": found.token_norm,
            "by_distance": coded(found.by_distance, "f4"),
            "components": K,
            "path": coded(found.path, "f4"),
            "explained": found.explained.tolist(),
            "common": found.common,
            "participation": found.participation,
            "components_95": found.components_95,
            "dimensions": found.dimensions,
            "by_chance": found.by_chance,
            "used": found.used,
            "width": opened.model.config.n_embd,
            "python": _lines(
                opened,
                "positions",
                "found = positions(model)  # found.cosine, found.norms, found.by_distance, found.path",
                "found.participation, found.dimensions, found.components_95, found.common",
            ),
        }
    )


def states(opened: OpenModel, text: str) -> str:
    """The states of a text at every depth. Raises ValueError, a sentence, for a text that can't be read whole."""
    text = limits.checked_prompt(text)
    if not text:
        raise ValueError("The text is empty; give at least one character, better a sentence.")
    model = opened.model
    context = model.block_size
    if len(text) > context:
        raise ValueError(
            f"The text has {len(text):,} characters, and this model sees at most {context:,} at a time; "
            f"shorten it by {len(text) - context:,}."
        )
    encoding = model.tokenizer.encode_leniently(text)
    if not encoding.ids:
        raise ValueError(f"This model knows none of the characters. {encoding.report}")
    found = inspection.state_maps(model, encoding.text)
    return codec.dumps(
        {
            "model": name_of(opened.ref),
            "note": encoding.report if encoding.unknown else "",
            "depths": found.names,
            "chars": "".join(found.chars),
            "classes": coded([CLASSES.index(name) for name in found.classes], "u1"),
            "names": CLASSES,
            "components": found.coordinates.shape[2],
            "coordinates": coded(found.coordinates, "f4"),
            "explained": coded(found.explained, "f4"),
            **{name: [_number(x) for x in getattr(found, name).tolist()] for name in _SAME},
            **{name: _number(getattr(found, name)) for name in ("chance_character", "chance_class", "chance_next")},
            "python": _lines(
                opened,
                "state_maps",
                f"found = state_maps(model, {encoding.text!r})",
                "found.coordinates[{depth}]  # found.names, found.explained, found.same_character, found.same_next",
            ),
        }
    )


_SAME = ("same_character", "same_class", "same_next")


def table(opened: OpenModel) -> str:
    """What comes after one character: as counted, as the model says, as the direct path says."""
    model, ngrams = opened.model, opened.ngrams
    counted = ngrams is not None and ngrams.longest > 1
    share = frequencies(opened)
    some = chosen(model.vocab_size, share)
    log_model, log_direct = inspection.after_one(model, some)
    said, direct = log_model.exp(), log_direct.exp()
    value = {
        "model": name_of(opened.ref),
        "size": model.vocab_size,
        "chars": "".join(model.tokenizer.chars[i] for i in some),
        "modelled": coded(said[:, some], "f4"),
        "direct": coded(direct[:, some], "f4"),
        "itself": direct[range(len(some)), some].mean().item(),
        "counted": None,
    }
    if counted:
        found = inspection.bigrams(model, ngrams, some)
        value |= {
            "counted": coded(found.counted[:, some], "f4"),
            "share": coded(found.frequency, "f4"),
            "model_kl": coded(found.model_kl, "f4"),
            "direct_kl": coded(found.direct_kl, "f4"),
            "unigram_kl": coded(found.unigram_kl, "f4"),
            "entropy": _number(found.entropy),
            "mean_model_kl": _number(found.mean_model_kl),
            "mean_direct_kl": _number(found.mean_direct_kl),
            "mean_unigram_kl": _number(found.mean_unigram_kl),
        }
    rows = "" if len(some) == model.vocab_size else f", {some}"
    value["python"] = (
        _lines(
            opened,
            "bigrams",
            f"found = bigrams(model, opened.ngrams{rows})  # found.counted, found.model, found.direct, found.model_kl",
        )
        if counted
        else _lines(opened, "after_one", f"log_model, log_direct = after_one(model{rows})  # ln p(next | character)")
    )
    return codec.dumps(value)


def sentence(facts: Facts) -> str:
    """A text to see states of, all of which the model knows: with several of one letter, and no longer than it sees."""
    known = set(facts.vocabulary)
    text = SENTENCE if set(SENTENCE) <= known else "".join(examples(facts))
    if len(text) < 12:  # a small or strange alphabet
        some = facts.vocabulary[:8]
        text = (some * 12)[:24]
    return text[: facts.context]


def frequencies(opened: OpenModel) -> list[float] | None:
    """Each character's share of the training text; None where nobody counted it."""
    if opened.ngrams is None:
        return None
    ids, counts = opened.ngrams.table(1)
    share = np.zeros(opened.model.vocab_size)
    share[ids[:, 0]] = counts / counts.sum()
    return share.tolist()


def chosen(size: int, share: list[float] | None) -> list[int]:
    """The characters that matrices show, in the vocabulary's order: all, or the MOST_ROWS most frequent ones."""
    order = sorted(range(size), key=lambda i: (-share[i] if share else 0, i))
    return sorted(order[:MOST_ROWS])


def coded(values, kind: str) -> str:
    """Numbers as base64 of a little-endian NumPy type, such as f4 or u2."""
    values = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    return base64.b64encode(np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()).decode("ascii")


def coded_cosines(values: torch.Tensor) -> str:
    """Numbers from -1 to 1 as base64 of 16-bit integers: round(32767 x)."""
    return coded((values.clamp(-1, 1) * 32767).round().to(torch.int16), "i2")


def _purity(space: inspection.Space, by: str, same_letter: bool) -> dict:
    found = inspection.purity(space, by, same_letter)
    return {
        "by": by,
        "same_letter": same_letter,
        "purity": _number(found.purity),
        "chance": _number(found.chance),
        "groups": found.groups,
        "sizes": found.sizes.tolist(),
        "group_purity": [_number(x) for x in found.group_purity.tolist()],
        "group_chance": [_number(x) for x in found.group_chance.tolist()],
    }


def _number(value: float) -> float | None:
    """JSON has no word for what is not finite."""
    return value if math.isfinite(value) else None


def _lines(opened: OpenModel, names: str, *lines: str) -> str:
    """The Python lines that compute what a view shows."""
    return "\n".join(
        [
            "from strivelm import open_model",
            f"from strivelm.inspection import {names}",
            "",
            f"opened = open_model({name_of(opened.ref)!r})",
            "model = opened.model",
            *lines,
        ]
    )
