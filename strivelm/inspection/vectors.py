"""Named points: their projections, their neighbours, and whether neighbours are of the same group.

A `Space` holds a vector for each character, such as its embedding, or for each place of a text, such as the residual
stream there (`strivelm.inspection.embeddings` makes both). All is computed in float64 on the CPU.

    PCA          centred vectors X = U S Vᵀ; coordinates U S, explained variance ratio Sᵢ² / Σ S²  (Pearson 1901)
    similarity   cos(x, y) = x·y / (‖x‖ ‖y‖), 0 where a vector is 0; nothing is centred
    neighbour    the other point with the largest similarity
    purity       the share of points whose nearest neighbour is of their group g
    chance       its expectation if neighbours were drawn at random: Σ_g n_g (n_g - 1) / (N (N - 1)), or, where some
                 points are barred, the mean over points of (its group's others that are not) / (all that are not)
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch

from strivelm.inspection.results import MAX_BYTES, Result, check_memory, exact

CLASSES = (
    "lower vowel",
    "lower consonant",
    "upper vowel",
    "upper consonant",
    "letter",
    "digit",
    "punctuation",
    "space",
    "other",
)
"""What a character can be: exactly one of these."""
GROUPINGS = {"class": str, "kind": lambda name: name.split()[-1], "case": lambda name: name.split()[0]}
"""Into what the classes can be put together: as they are, without case (vowel …), without kind (lower …)."""
VOWELS = frozenset("aeiouæœøıəαεηιουωаеиоуыэюяєіѣ")  # y and w are consonants here
NOT_VOWELS = frozenset("йў")  # which decompose into и and у with a breve
MAX_CLUSTERED = 1000
"""The most points that are clustered: the time grows with their cube."""


def char_class(char: str) -> str:
    """The one of CLASSES that a character belongs to, by its Unicode category.

    Letters with case of the Latin, Greek and Cyrillic scripts are vowels or consonants (accents don't matter, y and w
    count as consonants), each upper (titlecase too) or lower; all other letters are "letter". Numbers are digits,
    symbols such as $ + or an emoji are punctuation; line breaks and tabs are space. What is left (combining accents,
    other controls, a string that is no single character) is "other".
    """
    if len(char) != 1:
        return "other"
    category = unicodedata.category(char)
    if category in ("Lu", "Lt", "Ll") and unicodedata.name(char, "").startswith(("LATIN", "GREEK", "CYRILLIC")):
        bare = unicodedata.normalize("NFD", char)[0].lower()
        vowel = bare in VOWELS and char.lower() not in NOT_VOWELS
        return f"{'lower' if category == 'Ll' else 'upper'} {'vowel' if vowel else 'consonant'}"
    if char.isspace():
        return "space"
    return {"L": "letter", "N": "digit", "P": "punctuation", "S": "punctuation"}.get(category[0], "other")


@dataclass(frozen=True, eq=False)
class Space(Result):
    """Points with names."""

    what: str
    """What the vectors are."""
    chars: Annotated[tuple[str, ...], "point"]
    """(N,) The character of each point; of a model without a vocabulary, its id as text."""
    classes: Annotated[tuple[str, ...], "point"]
    """(N,) The class of each character, one of CLASSES."""
    vectors: Annotated[torch.Tensor, "point", "channel"]
    """(N, C) Where they lie, in float64 on the CPU."""

    def index(self, char: str) -> int:
        """The number of a character's point. Raises ValueError where it has none, or more than one."""
        if self.chars.count(char) != 1:
            found = "several points; take the mean of each character: by_character(space)" * (char in self.chars)
            raise ValueError(f"{char!r} has {found or 'no point'} in this space ({self.what})")
        return self.chars.index(char)


def by_character(space: Space) -> Space:
    """The space whose points are the means of each character's points, the characters sorted."""
    chars = tuple(sorted(set(space.chars)))
    numbers = torch.tensor([chars.index(char) for char in space.chars])
    sums = torch.zeros(len(chars), space.vectors.shape[1], dtype=torch.float64).index_add(0, numbers, space.vectors)
    means = sums / numbers.bincount()[:, None]
    classes = dict(zip(space.chars, space.classes, strict=True))
    return Space(f"means of {space.what}", chars, tuple(classes[char] for char in chars), means)


# -- principal components ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Projection(Result):
    """Points in the few directions in which they vary most."""

    coordinates: Annotated[torch.Tensor, "point", "component"]
    """(N, K) Each point's coordinates along them; the mean of all points is at 0."""
    explained: Annotated[torch.Tensor, "component"]
    """(K,) Explained variance ratio: each direction's share of the whole variance; 0 where nothing varies."""
    even: float
    """The share that each would have if all min(N - 1, C) directions had the same."""
    directions: Annotated[torch.Tensor, "component", "channel"]
    """(K, C) Unit vectors; the largest entry of each is positive, which makes the signs the same every time."""
    mean: Annotated[torch.Tensor, "channel"]
    """(C,) The mean of all points."""


def pca(vectors: torch.Tensor, components: int = 2) -> Projection:
    """The points (N, C) in their principal components; K = min(components, N, C) of them.

    Raises ValueError where components is below 1.
    """
    if components < 1:
        raise ValueError(f"components is {components!r}; expected a number from 1, such as 2 or 3")
    x = exact(vectors)
    mean = x.mean(0)
    _, scales, directions = torch.linalg.svd(x - mean, full_matrices=False)
    directions, variance = directions[:components], scales**2
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))  # (K, 1)
    directions = directions * torch.where(largest < 0, -1.0, 1.0)
    total = variance.sum()
    rounding = x.numel() * (len(x) * torch.finfo(x.dtype).eps * x.abs().max()) ** 2  # what equal points would leave
    return Projection(
        coordinates=(x - mean) @ directions.T,
        explained=variance[:components] / total if total > rounding else torch.zeros_like(scales[:components]),
        even=1 / max(1, min(len(x) - 1, x.shape[1])),
        directions=directions,
        mean=mean,
    )


# -- similarity --------------------------------------------------------------------------------------------------------


def cosine(vectors: torch.Tensor, others: torch.Tensor | None = None, max_bytes: int = MAX_BYTES) -> torch.Tensor:
    """The cosine of each vector (N, C) with each other (M, C), or with each of its own kind: (N, M) in float64.

    Raises ValueError where that needs more than max_bytes.
    """
    others = vectors if others is None else others
    check_memory(
        f"the similarity of {len(vectors):,} with {len(others):,} points",
        8 * len(vectors) * len(others),
        max_bytes,
        "Take fewer points",
    )
    return unit(vectors) @ unit(others).T


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """The vectors (N, C) with length 1, in float64; those that are 0 stay 0."""
    x = exact(vectors)
    lengths = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / torch.where(lengths > 0, lengths, 1.0)


@dataclass(frozen=True, eq=False)
class Similarity(Result):
    """How alike any two points are, in an order that puts like beside like."""

    order: Annotated[torch.Tensor, "point"]
    """(N,) The number that each row and column has in the space."""
    chars: Annotated[tuple[str, ...], "point"]
    """(N,) Their characters."""
    classes: Annotated[tuple[str, ...], "point"]
    """(N,) Their classes."""
    cosine: Annotated[torch.Tensor, "point", "other"]
    """(N, N) The cosine of any two, in that order."""
    merges: Annotated[torch.Tensor, "merge", "side"]
    """(N - 1, 2) By clusters: which two became one, step by step. Below N a point's number in the space, from N on the
    cluster that step - N made. Without rows in other orders."""
    heights: Annotated[torch.Tensor, "merge"]
    """(N - 1,) How far apart they were: the mean of 1 - cosine over all pairs with one in each."""


def similarity(space: Space, order: str = "class", max_bytes: int = MAX_BYTES) -> Similarity:
    """The cosine of any two points.

    Args:
        order: "given" as in the space; "class" by CLASSES; "clusters" by hierarchical clustering with average linkage
            on 1 - cosine (Sokal & Michener 1958), of two clusters the one with the smaller number first.

    Raises:
        ValueError: another order, more than MAX_CLUSTERED points to cluster, or more memory needed than max_bytes.
    """
    table = cosine(space.vectors, max_bytes=max_bytes)
    merges, heights = torch.zeros(0, 2, dtype=torch.long), torch.zeros(0, dtype=torch.float64)
    if order == "given":
        places = list(range(len(table)))
    elif order == "class":
        places = sorted(range(len(table)), key=lambda point: CLASSES.index(space.classes[point]))
    elif order == "clusters":
        merges, heights, places = average_linkage(1 - table)
    else:
        raise ValueError(f"order is {order!r}; choose from given, class, clusters")
    return Similarity(
        order=torch.tensor(places),
        chars=tuple(space.chars[place] for place in places),
        classes=tuple(space.classes[place] for place in places),
        cosine=table[places][:, places],
        merges=merges,
        heights=heights,
    )


def average_linkage(distance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """Merges (N - 1, 2) and heights (N - 1,) as in `Similarity`, and the N points in the tree's order.

    Args:
        distance: (N, N), symmetric.

    Raises:
        ValueError: more than MAX_CLUSTERED points.
    """
    N = len(distance)
    if N > MAX_CLUSTERED:
        raise ValueError(f"there are {N:,} points; at most {MAX_CLUSTERED:,} are clustered. Order them by class")
    between = np.where(np.eye(N, dtype=bool), math.inf, exact(distance).numpy())
    leaves, numbers = [[point] for point in range(N)], list(range(N))
    merges, heights = np.zeros((max(0, N - 1), 2), dtype=np.int64), np.zeros(max(0, N - 1))
    for step in range(N - 1):
        one, other = sorted(divmod(int(between.argmin()), N))  # a cluster is known by its smallest point
        merges[step], heights[step] = sorted((numbers[one], numbers[other])), between[one, other]
        sizes = len(leaves[one]), len(leaves[other])
        mean = (sizes[0] * between[one] + sizes[1] * between[other]) / sum(sizes)
        between[one], between[:, one] = mean, mean
        between[other], between[:, other] = math.inf, math.inf
        between[one, one] = math.inf
        leaves[one], numbers[one] = leaves[one] + leaves[other], N + step
    return torch.from_numpy(merges), torch.from_numpy(heights), leaves[0] if leaves else []


# -- neighbours --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Neighbours(Result):
    """The points most like a point, the nearest first; of equals the one with the smaller number."""

    char: str
    """Whose neighbours they are."""
    points: Annotated[torch.Tensor, "rank"]
    """(k,) Their numbers in the space."""
    chars: Annotated[tuple[str, ...], "rank"]
    """(k,) Their characters."""
    classes: Annotated[tuple[str, ...], "rank"]
    """(k,) Their classes."""
    cosine: Annotated[torch.Tensor, "rank"]
    """(k,) How like they are."""


def neighbours(space: Space, point: str | int, k: int = 5) -> Neighbours:
    """The k nearest neighbours of a character, or of the point with this number; all others where there are fewer.

    Raises:
        ValueError: the character has no point or several, or k is below 1.
        IndexError: there is no such point.
    """
    if k < 1:
        raise ValueError(f"k is {k!r}; expected how many neighbours, at least 1")
    N = len(space.chars)
    number = space.index(point) if isinstance(point, str) else point
    if not 0 <= number < N:
        raise IndexError(f"there is no point {number}; expected one from 0 to {N - 1}")
    return ranked(space, space.chars[number], cosine(space.vectors[[number]], space.vectors)[0], {number}, k)


def ranked(space: Space, char: str, likeness: torch.Tensor, without: set[int], k: int | None = None) -> Neighbours:
    """The points by likeness (N,), those in `without` left out."""
    order = likeness.sort(descending=True, stable=True).indices.tolist()
    points = [point for point in order if point not in without][:k]
    return Neighbours(
        char=char,
        points=torch.tensor(points, dtype=torch.long),
        chars=tuple(space.chars[point] for point in points),
        classes=tuple(space.classes[point] for point in points),
        cosine=likeness[points],
    )


@dataclass(frozen=True, eq=False)
class Nearest(Result):
    """The nearest neighbours of every point."""

    points: Annotated[torch.Tensor, "point", "rank"]
    """(N, k) Their numbers in the space, the nearest first."""
    cosine: Annotated[torch.Tensor, "point", "rank"]
    """(N, k) How like they are."""
    average: Annotated[torch.Tensor, "point"]
    """(N,) The mean cosine with all others, which a neighbour drawn at random has; nan where there is no other."""


def nearest(space: Space, k: int = 5) -> Nearest:
    """The k nearest neighbours of all points at once, all others where there are fewer.

    Raises ValueError where k is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k!r}; expected how many neighbours, at least 1")
    units, N = unit(space.vectors), len(space.chars)
    found = []
    for rows in torch.arange(N).split(1024):  # not all N² at once
        table = units[rows] @ units.T
        average = (table.sum(1) - table[torch.arange(len(rows)), rows]) / (N - 1)
        table[torch.arange(len(rows)), rows] = -math.inf
        likeness, points = table.topk(min(k, N - 1))
        found.append((points, likeness, average))
    return Nearest(*(torch.cat(parts) for parts in zip(*found, strict=True)))


@dataclass(frozen=True, eq=False)
class Purity(Result):
    """Whether nearest neighbours are of a kind; nan where no point has another that may be its neighbour."""

    by: str
    """What the groups are: class, kind, case or character."""
    purity: float
    """The share of points whose nearest neighbour is of their group."""
    chance: float
    """The same if each had its neighbour drawn at random."""
    groups: Annotated[tuple[str, ...], "group"]
    """(G,) The groups that there are here."""
    sizes: Annotated[torch.Tensor, "group"]
    """(G,) How many points each has."""
    group_purity: Annotated[torch.Tensor, "group"]
    """(G,) The share of its points whose nearest neighbour is of the group."""
    group_chance: Annotated[torch.Tensor, "group"]
    """(G,) The same by chance."""
    nearest: Annotated[torch.Tensor, "point"]
    """(N,) The number of each point's nearest neighbour; -1 where none may be."""


def purity(space: Space, by: str = "class", same_letter: bool = True) -> Purity:
    """Whether the points of a group lie together.

    Args:
        by: "class" by CLASSES; "kind" without case (vowel, consonant, letter, digit …); "case" without kind (lower,
            upper, letter, digit …); "character" where the space has several points for each.
        same_letter: whether a point of the same letter, which is the same character or its other case, counts as a
            neighbour. It is often the nearest, and hides whether the letter lies among its like.

    Raises:
        ValueError: no such groups.
    """
    if by not in GROUPINGS and by != "character":
        raise ValueError(f"by is {by!r}; choose from {', '.join(GROUPINGS)}, character")
    if by == "character":
        names, groups = space.chars, sorted(set(space.chars))
    else:
        names, groups = [GROUPINGS[by](name) for name in space.classes], dict.fromkeys(map(GROUPINGS[by], CLASSES))
    groups, labels = _numbered(names, groups)
    letters = range(len(names)) if same_letter else [char.lower() for char in space.chars]
    _, apart = _numbered(letters, letters)
    nearest = _nearest(space.vectors, apart)
    candidates = len(labels) - apart.bincount()[apart]  # how many points may be the neighbour of each
    _, both = torch.stack([labels, apart]).unique(dim=1, return_inverse=True)
    chance = (labels.bincount()[labels] - both.bincount()[both]) / candidates  # how many of those are of its group
    hit = torch.where(candidates > 0, (labels[nearest] == labels).double(), math.nan)
    of_group = [labels == group for group in range(len(groups))]
    return Purity(
        by=by,
        purity=hit.nanmean().item(),
        chance=chance.nanmean().item(),
        groups=groups,
        sizes=labels.bincount(),
        group_purity=torch.stack([hit[points].nanmean() for points in of_group]),
        group_chance=torch.stack([chance[points].nanmean() for points in of_group]),
        nearest=nearest,
    )


def _numbered(names: Sequence, order: Iterable) -> tuple[tuple, torch.Tensor]:
    """Those of `order` that occur among the names, and the number of each name among them (N,)."""
    present = set(names)
    found = tuple(name for name in dict.fromkeys(order) if name in present)
    places = {name: place for place, name in enumerate(found)}
    return found, torch.tensor([places[name] for name in names])


def _nearest(vectors: torch.Tensor, apart: torch.Tensor) -> torch.Tensor:
    """The number of each point's nearest neighbour (N,), of equals the smallest; -1 where there is none.

    Points with the same number in `apart` (N,) are no neighbours of each other.
    """
    units, found = unit(vectors), []
    for rows in torch.arange(len(units)).split(1024):  # not all N² at once
        table = (units[rows] @ units.T).masked_fill(apart[rows, None] == apart, -math.inf)
        found.append(torch.where(table.amax(1) > -math.inf, table.argmax(1), -1))
    return torch.cat(found)
