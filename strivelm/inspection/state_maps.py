"""The states of one text at every depth, as maps that follow each other: the same points, moved by the blocks.

Each depth has its own two or three principal components, so that each map shows as much as a map of so few directions
can. These are only defined up to their signs, and two that explain nearly the same may change places or turn from one
depth to the next, which moves every point for no reason. So the plane of the first two is turned (or mirrored) to fit
the depth before as well as it can: the orthogonal R that minimises ‖X R - Y‖, which is U Vᵀ of Xᵀ Y = U S Vᵀ
(Schönemann 1966, orthogonal Procrustes). A third component only has its sign chosen. Distances stay what they are, and
so does what the plane explains; how much each of its axes explains does not.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import torch

from strivelm.inspection.embeddings import state_space
from strivelm.inspection.forward import Text, depth_names
from strivelm.inspection.results import Result
from strivelm.inspection.trace import Trace, trace
from strivelm.inspection.vectors import Purity, pca, purity
from strivelm.model import GPT


@dataclass(frozen=True, eq=False)
class StateMaps(Result):
    """Where the states of a text lie at each depth, and which are neighbours there."""

    names: Annotated[tuple[str, ...], "depth"]
    """(D,) What each depth comes after: embeddings, 0 attention, 0 MLP …; D = 2L + 1."""
    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The characters read."""
    classes: Annotated[tuple[str, ...], "position"]
    """(T,) Their classes."""
    coordinates: Annotated[torch.Tensor, "depth", "position", "component"]
    """(D, T, K) In the first principal components of each depth, turned to fit the depth before."""
    explained: Annotated[torch.Tensor, "depth", "component"]
    """(D, K) The share of the depth's variance that each principal component explains, before the turn."""
    same_character: Annotated[torch.Tensor, "depth"]
    """(D,) The share of places whose nearest neighbour (cosine) holds the same character; nan of a single place."""
    same_class: Annotated[torch.Tensor, "depth"]
    """(D,) The share of places whose nearest neighbour holds a character of the same class."""
    same_next: Annotated[torch.Tensor, "depth"]
    """(D,) The share of places whose nearest neighbour is followed by the same character; the last place, which nothing
    follows, is left out. nan where fewer than two are left."""
    chance_character: float
    """What same_character would be if neighbours were drawn at random."""
    chance_class: float
    """The same of same_class."""
    chance_next: float
    """The same of same_next."""


def state_maps(model: GPT, text: Text | Trace, components: int = 3) -> StateMaps:
    """The states of a text at all depths, each in its own principal components: K = min(components, T, C) of them.

    Raises ValueError as `trace` does, and where components is below 1.
    """
    recorded = text if isinstance(text, Trace) else trace(model, text, keep={"residual"})
    names = depth_names(model.config.n_layer)
    spaces = [state_space(model, recorded, depth) for depth in range(len(names))]
    found = [pca(space.vectors, components) for space in spaces]
    maps = [found[0].coordinates]
    for one in found[1:]:
        maps.append(fitted(one.coordinates, maps[-1]))
    kinds = ("character", "class")
    alike: dict[str, list[Purity] | None] = {by: [purity(space, by) for space in spaces] for by in kinds}
    alike["next"] = [purity(_by_next(space), "character") for space in spaces] if len(spaces[0].chars) > 1 else None
    shares = {by: _over_depths(ones, len(names)) for by, ones in alike.items()}
    return StateMaps(
        names=tuple(names),
        chars=spaces[0].chars,
        classes=spaces[0].classes,
        coordinates=torch.stack(maps),
        explained=torch.stack([one.explained for one in found]),
        same_character=shares["character"][0],
        same_class=shares["class"][0],
        same_next=shares["next"][0],
        chance_character=shares["character"][1],
        chance_class=shares["class"][1],
        chance_next=shares["next"][1],
    )


def fitted(points: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The points (T, K) turned to lie as near to `like` (T, K) as they can: two axes together, others by sign."""
    left, _, right = torch.linalg.svd(points[:, :2].T @ like[:, :2])
    signs = torch.where((points[:, 2:] * like[:, 2:]).sum(0) < 0, -1.0, 1.0)
    return torch.cat([points[:, :2] @ (left @ right), points[:, 2:] * signs], dim=1)


def _by_next(space):
    """The space of all places but the last, each named by the character that follows."""
    return replace(space, chars=space.chars[1:], classes=space.classes[1:], vectors=space.vectors[:-1])


def _over_depths(ones: list[Purity] | None, depths: int) -> tuple[torch.Tensor, float]:
    if ones is None:
        return torch.full((depths,), torch.nan, dtype=torch.float64), float("nan")
    return torch.tensor([one.purity for one in ones], dtype=torch.float64), ones[0].chance
