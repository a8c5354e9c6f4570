"""What the Embeddings tab asks: a model's vectors of characters and positions, of a text's states, and bigram tables.

What would be too large to draw is cut down here, and the views say so. The Python lines of each answer compute what its
view shows.
"""

import numpy as np

from strivelm import inspection
from strivelm.data.ngrams import NGrams
from strivelm.inspection.vectors import CLASSES, GROUPINGS
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec, costs
from strivelm.ui.core.models import name_of
from strivelm.ui.core.python_lines import load_line
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import seen

MOST_ROWS = 256
"""The most rows and columns of a matrix, and the most positions; of larger vocabularies the most frequent ones."""
NEIGHBOURS = 10
"""How many neighbours of each character travel along."""
"""A text to see states of: several letters stand in it again and again."""


@question("embeddings.tokens", cached=True, costs=costs.characters(limits.CHARACTERS))
def tokens(opened: OpenModel) -> dict:
    """The characters' embeddings: places on the map, neighbours, similarity, purity and the case analogies."""
    share = frequencies(opened)
    shown = most_frequent(opened.model.vocab_size, share, limits.CHARACTERS)
    share = share and [share[id] for id in shown]
    space = inspection.token_space(opened.model, shown)
    found, near = inspection.pca(space.vectors, 3), inspection.nearest(space, NEIGHBOURS)
    some = most_frequent(len(space.chars), share)
    chars, classes = (tuple(of[i] for i in some) for of in (space.chars, space.classes))
    part = inspection.Space(space.what, chars, classes, space.vectors[some])
    clusters = inspection.similarity(part, "clusters")
    case = inspection.case_analogies(space)
    return {
        "model": name_of(opened.ref),
        "vocabulary": opened.model.vocab_size,
        "chars": "".join(space.chars),
        "classes": codec.u8([CLASSES.index(name) for name in space.classes]),
        "names": list(CLASSES),
        "share": None if share is None else codec.f32(share),
        "width": space.vectors.shape[1],
        "components": found.coordinates.shape[1],
        "coordinates": codec.f32(found.coordinates),
        "explained": found.explained.tolist(),
        "even": found.even,
        "neighbours": near.points.shape[1],
        "near": codec.u16(near.points),
        "near_cosine": codec.cosines(near.cosine),
        "average": codec.f32(near.average),
        "some": codec.u16(some),
        "cosine": codec.cosines(inspection.similarity(part, "given").cosine),
        "by_class": codec.u16(inspection.similarity(part, "class").order),
        "by_cluster": codec.u16(clusters.order),
        "merges": codec.u16(clusters.merges),
        "heights": codec.f32(clusters.heights),
        "purity": [_purity(space, by, same) for by in GROUPINGS for same in (False, True)],
        "case": {
            "pairs": len(case.pairs),
            "questions": case.questions,
            "accuracy": codec.finite(case.accuracy),
            "chance": codec.finite(case.chance),
            "without_offset": codec.finite(case.without_offset),
        },
        "python": _token_lines(opened, shown, some),
    }


def _token_lines(opened: OpenModel, shown: list[int], some: list[int]) -> dict[str, str]:
    """The lines of each view of the characters; {char} and such stand for what is chosen there."""
    of = "" if len(shown) == opened.model.vocab_size else f", {shown}"
    space = f"space = token_space(model{of})"
    if len(some) == opened.model.vocab_size:
        similarity = _lines(opened, "similarity, token_space", space, 'table = similarity(space, "{order}")')
    else:
        similarity = _lines(
            opened,
            "Space, similarity, token_space",
            space,
            f"some = {some}",
            "chars, classes = (tuple(of[i] for i in some) for of in (space.chars, space.classes))",
            "shown = Space(space.what, chars, classes, space.vectors[some])",
            'table = similarity(shown, "{order}")',
        )
    return {
        "map": _lines(
            opened,
            "neighbours, pca, token_space",
            space,
            "found = pca(space.vectors, 3)  # found.coordinates, found.explained",
            f"near = neighbours(space, {{char}}, {NEIGHBOURS})  # near.chars, near.cosine",
            "print(found.coordinates[:, :{dimensions}], found.explained, near.chars, near.cosine)",
        ),
        "neighbours": _lines(
            opened,
            "analogy, case_analogies, neighbours, purity, token_space",
            space,
            f"near = neighbours(space, {{char}}, {NEIGHBOURS})  # near.chars, near.cosine",
            "found = analogy(space, {start}, {minus}, {plus})  # found.ranking.chars, found.ranking.cosine",
            "every = case_analogies(space)  # every.accuracy, every.chance, every.without_offset",
            'kinds = purity(space, "{by}", same_letter={same})  # kinds.purity, kinds.chance',
            "print(near.chars, found.ranking.chars[0], every.accuracy, kinds.purity)",
        ),
        "similarity": f"{similarity}  # table.chars, table.cosine\nprint(table.cosine)",
    }


@question("embeddings.positions", cached=True, costs=costs.positions)
def positions(opened: OpenModel) -> dict:
    """The position embeddings: how long, how alike, the path that they take, and how much of it the model uses."""
    found = inspection.positions(opened.model)
    T, K = found.path.shape
    shown = np.linspace(0, T - 1, min(T, MOST_ROWS)).round().astype(int)
    return {
        "model": name_of(opened.ref),
        "context": T,
        "shown": codec.u32(shown),
        "cosine": codec.cosines(found.cosine[shown][:, shown]),
        "norms": codec.f32(found.norms),
        "from_mean": codec.f32(found.from_mean),
        "token_norm": found.token_norm,
        "by_distance": codec.f32(found.by_distance),
        "components": K,
        "path": codec.f32(found.path),
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
            "print(found.cosine, found.path[:, :{dimensions}], found.by_distance, found.norms, found.from_mean)",
            "print(found.participation, found.by_chance, found.components_95, found.explained, found.common)",
        ),
    }


@question("embeddings.states", costs=costs.states)
def states(opened: OpenModel, text: str) -> dict:
    """The states of a text, of a long one its end, at every depth. Raises ValueError, a sentence, for an empty text."""
    text = limits.checked_prompt(text)
    if not text:
        raise ValueError("The text is empty; give at least one character, better a sentence.")
    model = opened.model
    encoding = model.tokenizer.encode_leniently(text)
    if not encoding.ids:
        raise ValueError(f"This model knows none of the characters. {encoding.report}")
    start = seen(model, text)
    found = inspection.state_maps(model, start.text)
    return {
        "model": name_of(opened.ref),
        "note": " ".join(start.notes),
        "depths": found.names,
        "chars": "".join(found.chars),
        "classes": codec.u8([CLASSES.index(name) for name in found.classes]),
        "names": list(CLASSES),
        "components": found.coordinates.shape[2],
        "coordinates": codec.f32(found.coordinates),
        "explained": codec.f32(found.explained),
        **{name: codec.finites(getattr(found, name)) for name in ("same_character", "same_class", "same_next")},
        **{name: codec.finite(getattr(found, name)) for name in ("chance_character", "chance_class", "chance_next")},
        "python": _lines(
            opened,
            "state_maps",
            f"text = {start.text!r}",
            "found = state_maps(model, text)  # found.names, found.explained, found.same_character, found.same_next",
        ),
    }


@question("embeddings.table", cached=True, costs=costs.rows(MOST_ROWS))
def table(opened: OpenModel) -> dict:
    """What comes after one character: as counted, as the model says, as embedding and head alone say."""
    model, ngrams = opened.model, _pairs(opened)
    some = most_frequent(model.vocab_size, frequencies(opened))
    log_model, log_direct = inspection.after_one(model, some)
    direct = log_direct.exp()
    value = {
        "model": name_of(opened.ref),
        "size": model.vocab_size,
        "chars": "".join(model.tokenizer.chars[i] for i in some),
        "modelled": codec.f32(log_model.exp()[:, some]),
        "direct": codec.f32(direct[:, some]),
        "itself": direct[range(len(some)), some].mean().item(),
        "counted": None,
        "python": _table_lines(opened, some),
    }
    if ngrams is None:
        return value
    found = inspection.bigrams(model, ngrams, some)
    return value | {
        "counted": codec.f32(found.counted[:, some]),
        "share": codec.f32(found.frequency),
        "model_kl": codec.f32(found.model_kl),
        "direct_kl": codec.f32(found.direct_kl),
        "unigram_kl": codec.f32(found.unigram_kl),
        "entropy": codec.finite(found.entropy),
        "mean_model_kl": codec.finite(found.mean_model_kl),
        "mean_direct_kl": codec.finite(found.mean_direct_kl),
        "mean_unigram_kl": codec.finite(found.mean_unigram_kl),
    }


def _table_lines(opened: OpenModel, some: list[int]) -> str:
    """The lines of the maps: {rows}, {row} and {second} stand for the characters shown, the chosen one, and the table
    beside the counts."""
    whole = len(some) == opened.model.vocab_size
    given, columns = ("", "rows") if whole else (", some", "[some[i] for i in rows]")
    setting = (
        ["rows = {rows}  # the characters on the maps"] if whole else [f"some = {some}", "rows = {rows}  # of some"]
    )
    if _pairs(opened) is None:
        return _lines(
            opened,
            "after_one",
            *setting,
            f"log_model, log_direct = after_one(model{given})  # ln p(next | character)",
            "shown = log_{second}.exp()",
            f"print(shown[rows][:, {columns}], shown[{{row}}])",
        )
    return "\n".join(
        [
            "from strivelm import open_model",
            "from strivelm.inspection import bigrams",
            "",
            load_line(opened).replace("model = load_model", "opened = open_model"),
            *setting,
            f"found = bigrams(opened.model, opened.ngrams{given})",
            f"counted, second = (table[rows][:, {columns}] for table in (found.counted, found.{{second}}))",
            "print(counted, second, second - counted)",
            "print(found.counted[{row}], found.{second}[{row}])  # what comes after the chosen character",
            "print(found.{second}_kl, found.unigram_kl, found.entropy, found.mean_{second}_kl, found.mean_unigram_kl)",
        ]
    )


def frequencies(opened: OpenModel) -> list[float] | None:
    """Each character's share of the training text; None where nobody counted it."""
    if opened.ngrams is None:
        return None
    ids, counts = opened.ngrams.table(1)
    share = np.zeros(opened.model.vocab_size)
    share[ids[:, 0]] = counts / counts.sum()
    return share.tolist()


def most_frequent(size: int, share: list[float] | None, most: int = MOST_ROWS) -> list[int]:
    """The characters that are shown, in the vocabulary's order: all, or as many of the most frequent ones."""
    order = sorted(range(size), key=lambda i: (-share[i] if share else 0, i))
    return sorted(order[:most])


def _pairs(opened: OpenModel) -> NGrams | None:
    """The counts that a model came with, where they tell what follows a character; else None."""
    return opened.ngrams if opened.ngrams is not None and opened.ngrams.longest > 1 else None


def _purity(space: inspection.Space, by: str, same_letter: bool) -> dict:
    found = inspection.purity(space, by, same_letter)
    return {
        "by": by,
        "same_letter": same_letter,
        "purity": codec.finite(found.purity),
        "chance": codec.finite(found.chance),
        "groups": found.groups,
        "sizes": found.sizes.tolist(),
        "group_purity": codec.finites(found.group_purity),
        "group_chance": codec.finites(found.group_chance),
    }


def _lines(opened: OpenModel, names: str, *lines: str) -> str:
    """The Python lines that compute what a view shows."""
    head = ["from strivelm import load_model", f"from strivelm.inspection import {names}", "", load_line(opened)]
    return "\n".join([*head, *lines])
