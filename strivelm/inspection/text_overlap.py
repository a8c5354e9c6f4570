"""What a text has word for word from another: the runs of characters that a model may have learnt by heart.

A suffix automaton of the text (Blumer et al. 1985, "The smallest automaton recognizing the subwords of a text") reads
the source once and knows after each of its characters the longest run of the text that ends there. So the time grows
with the sum of both lengths, whatever they hold.

Texts of one kind share long runs by chance: what of the validation text stands in the training text, which nobody
copied, is the measure for what a model writes.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import torch

from strivelm.inspection.results import Result

MAX_TEXT, MAX_SOURCE = 50_000, 10_000_000
"""The most characters that a text and a source may have: seconds, and a hundred megabytes."""


@dataclass(frozen=True, eq=False)
class SharedSpans(Result):
    """The runs of characters that a text shares with a source, none of them part of a longer one in the text."""

    start: Annotated[torch.Tensor, "span"]
    """(K,) Where each begins in the text, in its order."""
    length: Annotated[torch.Tensor, "span"]
    """(K,) How many characters it has."""
    text: Annotated[tuple[str, ...], "span"]
    """(K,) The run itself."""
    places: Annotated[tuple[tuple[int, ...], ...], "span"]
    """(K,) Where it begins in the source: its first few places, as many as were asked for."""
    spans: int
    """How many there are; where that is more than K, the longest are listed."""
    longest: int
    """The longest one's length, 0 where there is none."""
    share: float
    """The share of the text's characters that stand in such runs, from 0 to 1."""
    least: int
    """How many characters a run has at least."""


def shared_spans(text: str, source: str, least: int = 20, places: int = 3, most: int = 1000) -> SharedSpans:
    """The runs of at least so many characters that stand both in a text, such as what a model wrote, and in a source.

    Args:
        text: at most MAX_TEXT characters.
        source: the training text, at most MAX_SOURCE characters.
        least: the fewest characters that count.
        places: how many places in the source are looked for, for each.
        most: how many runs are listed.

    Raises:
        ValueError: a text is too long, or a number below 1.
    """
    for name, value in (("least", least), ("places", places), ("most", most)):
        if value < 1:
            raise ValueError(f"{name} is {value!r}; expected a whole number from 1")
    for name, value, limit in (("text", text, MAX_TEXT), ("source", source, MAX_SOURCE)):
        if len(value) > limit:
            raise ValueError(f"the {name} has {len(value):,} characters; expected at most {limit:,}, pass a part of it")
    ends = [*_longest_endings(text, source), 0]
    # A run that ends at `end` is part of a longer one exactly where the next character prolongs it.
    spans = [(end - n, n) for end, (n, after) in enumerate(pairwise(ends)) if n >= least and after <= n]
    covered, reached = 0, 0
    for start, n in spans:
        covered += start + n - max(start, reached)
        reached = start + n
    listed = sorted(sorted(spans, key=lambda span: -span[1])[:most])
    runs = tuple(text[start : start + n] for start, n in listed)
    return SharedSpans(
        start=torch.tensor([start for start, _ in listed], dtype=torch.long),
        length=torch.tensor([n for _, n in listed], dtype=torch.long),
        text=runs,
        places=tuple(_places(run, source, places) for run in runs),
        spans=len(spans),
        longest=max((n for _, n in spans), default=0),
        share=covered / max(1, len(text)),
        least=least,
    )


def _places(run: str, source: str, most: int) -> tuple[int, ...]:
    found, at = [], source.find(run)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = source.find(run, at + 1)
    return tuple(found)


def _longest_endings(text: str, source: str) -> list[int]:
    """For each place in the text, from before its first character to after its last, the length of the longest run
    that ends there and stands in the source."""
    links, lengths, following, prefixes = _automaton(text)
    matched = [0] * len(links)  # the longest run of each state that stands in the source
    state = length = 0
    for char in source:
        while state and char not in following[state]:
            state = links[state]
            length = lengths[state]
        if char in following[state]:
            state = following[state][char]
            length += 1
            if length > matched[state]:
                matched[state] = length
    by_length = sorted(range(1, len(links)), key=lengths.__getitem__)
    for state in reversed(by_length):  # where a run stands, its endings do
        if matched[state]:
            matched[links[state]] = lengths[links[state]]
    for state in by_length:
        matched[state] = matched[state] or matched[links[state]]
    return [matched[state] for state in prefixes]


def _automaton(text: str) -> tuple[list[int], list[int], list[dict[str, int]], list[int]]:
    """The suffix automaton of a text: for each state its suffix link, the length of its longest run and where each
    character leads; and the state of each of the text's beginnings, the empty one first."""
    links, lengths, following, prefixes = [-1], [0], [{}], [0]
    for char in text:
        at, new = prefixes[-1], len(links)
        links.append(0)
        lengths.append(lengths[at] + 1)
        following.append({})
        prefixes.append(new)
        while at >= 0 and char not in following[at]:
            following[at][char] = new
            at = links[at]
        if at < 0:
            continue
        old = following[at][char]
        if lengths[old] == lengths[at] + 1:
            links[new] = old
            continue
        clone = len(links)
        links.append(links[old])
        lengths.append(lengths[at] + 1)
        following.append(dict(following[old]))
        links[old] = links[new] = clone
        while at >= 0 and following[at].get(char) == old:
            following[at][char] = clone
            at = links[at]
    return links, lengths, following, prefixes
