"""The effect of a head or an MLP: what changes when it is switched off.

Zero ablation puts 0 in the place of a head's output z or of an MLP's output. As 0 may be far from anything that the
later layers ever saw, mean ablation puts the mean over all characters of a reference text there, which takes only what
differs from place to place (Wang et al. 2022, "Interpretability in the Wild", there with a mean for each position of a
template). Where nothing changes, a part need not be useless: others may have stepped in (McGrath et al. 2023, "The
Hydra Effect").

Losses and surprisals are in nats per character: -ln of the probability of the character that came.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from strivelm.data.corpus import batch, windows
from strivelm.inspection.forward import (
    Head,
    Off,
    Text,
    chars_of,
    embedded,
    forward_pass,
    head_output,
    long_ids,
    switch_off,
)
from strivelm.inspection.results import Result, counted, exact, kl
from strivelm.inspection.trace import trace
from strivelm.model import GPT

AT_ONCE = 2048
"""How many characters a pass reads at once where a text is long."""


# -- means -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Means(Result):
    """Each head's and MLP's mean output over a reference text, on the model's device and in its precision."""

    z: Annotated[torch.Tensor, "layer", "head", "dimension"]
    """(L, H, hd) Of the heads."""
    mlp_out: Annotated[torch.Tensor, "layer", "channel"]
    """(L, C) Of the MLPs."""
    characters: int
    """How many characters the means are over."""


@torch.no_grad()
def mean_outputs(model: GPT, text: Text) -> Means:
    """The means over all characters of a text of any length, read in windows of the model's context.

    Raises:
        ValueError: an empty text, an unknown character (UnknownCharacterError), or no ids.
        IndexError: an id is outside the vocabulary.
    """
    ids = long_ids(model, text)
    sums: dict[tuple[str, int], torch.Tensor] = {}
    for starts, length in windows(len(ids), model.block_size):
        for some in starts.split(max(1, AT_ONCE // length)):
            inputs = ids[some[:, None] + torch.arange(length)]
            for name, layer, value in forward_pass(model, embedded(model, inputs), names=()):
                if name in ("z", "mlp_out"):
                    sums[name, layer] = sums.get((name, layer), 0) + exact(value).sum((0, -2))
    z, out = (
        torch.stack([sums[name, layer] / len(ids) for layer in range(len(model.blocks))]).to(model.tok.weight)
        for name in ("z", "mlp_out")
    )
    return Means(z, out, len(ids))


def _means(model: GPT, reference: Text | Means | None) -> Means:
    """What stands in the place of each part: means over a reference, or zeros, which are over no character."""
    if isinstance(reference, Means):
        return reference
    if reference is not None:
        return mean_outputs(model, reference)
    L, H, C = model.config.n_layer, model.config.n_head, model.config.n_embd
    return Means(torch.zeros(L, H, C // H), torch.zeros(L, C), 0)


@dataclass(frozen=True, eq=False)
class Ablated(Result):
    """What was switched off."""

    heads_off: tuple[tuple[int, int], ...]
    """The heads, as (layer, head)."""
    mlps_off: tuple[int, ...]
    """The layers whose MLP was."""
    method: str
    """What stood in their place: "zero" or "mean"."""


def switched_off(
    model: GPT, heads_off: Iterable[Head], mlps_off: Iterable[int], reference: Text | Means | None
) -> tuple[Off, dict]:
    """What a pass leaves out, and the fields of `Ablated` that say so."""
    off, means = switch_off(model, list(heads_off), list(mlps_off)), _means(model, reference)
    off = Off({head: means.z[head] for head in off.heads}, {layer: means.mlp_out[layer] for layer in off.mlps})
    return off, {"heads_off": tuple(off.heads), "mlps_off": tuple(off.mlps), "method": _method(means)}


def _method(means: Means) -> str:
    return "mean" if means.characters else "zero"


# -- on a text ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Ablation(Ablated):
    """A model's predictions on a text with all its parts, and without some of them."""

    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The text."""
    surprisal_before: Annotated[torch.Tensor, "position"]
    """(T,) Of each character, with all parts; the first, which nothing predicts, has nan."""
    surprisal_after: Annotated[torch.Tensor, "position"]
    """(T,) The same without."""
    kl: Annotated[torch.Tensor, "position"]
    """(T,) How far the prediction of the next character moved: KL(before ‖ after) = Σ p ln(p / p_after), in nats."""
    loss_before: float
    """Mean surprisal with all parts; of a single character, nan."""
    loss_after: float
    """Mean surprisal without."""
    position: int
    """The position whose next character is shown."""
    before: Annotated[torch.Tensor, "char"]
    """(V,) The probability of each character to come there, with all parts."""
    after: Annotated[torch.Tensor, "char"]
    """(V,) The same without."""
    changed: Annotated[tuple[str, ...], "rank"]
    """The characters whose probability changed most, the most first."""
    changed_ids: Annotated[torch.Tensor, "rank"]
    """Their ids."""
    changed_before: Annotated[torch.Tensor, "rank"]
    """Their probabilities with all parts."""
    changed_after: Annotated[torch.Tensor, "rank"]
    """Their probabilities without."""


@torch.no_grad()
def ablate(
    model: GPT,
    text: Text,
    heads_off: Iterable[Head] = (),
    mlps_off: Iterable[int] = (),
    reference: Text | Means | None = None,
    position: int = -1,
    top: int = 5,
) -> Ablation:
    """How predictions on a text change when heads and MLPs are switched off, all of them at once.

    Args:
        text: characters, or ids (T,) or (1, T); at most the model's context.
        heads_off: heads, as (layer, head) or "layer.head".
        mlps_off: layers whose MLP goes.
        reference: None for zero ablation; for mean ablation a text, its ids, or its `mean_outputs`.
        position: where the next character's distribution is shown; negative ones count from the end.
        top: how many of the characters whose probability changed most are listed; of a smaller vocabulary, all.

    Raises:
        ValueError: as `trace` and `mean_outputs` do; or top is below 1.
        IndexError: no such position, or an id outside the vocabulary.
    """
    if top < 1:
        raise ValueError(f"top is {top!r}; expected how many characters to list, at least 1")
    off, about = switched_off(model, heads_off, mlps_off, reference)
    recorded = trace(model, text, keep={"logits"})
    at = counted(position, len(recorded.ids))
    without = trace(model, text, off.heads, off.mlps, keep={"logits"})
    before, after = (exact(found.logits).log_softmax(-1) for found in (recorded, without))  # (T, V)
    came = recorded.ids.cpu()[1:, None]
    surprisals = [F.pad(-log_p[:-1].gather(-1, came)[:, 0], (1, 0), value=torch.nan) for log_p in (before, after)]
    here = before[at].exp(), after[at].exp()
    most = (here[0] - here[1]).abs().sort(descending=True, stable=True).indices[:top]
    return Ablation(
        **about,
        chars=recorded.chars,
        surprisal_before=surprisals[0],
        surprisal_after=surprisals[1],
        kl=kl(before, after),
        loss_before=surprisals[0][1:].mean().item(),
        loss_after=surprisals[1][1:].mean().item(),
        position=at,
        before=here[0],
        after=here[1],
        changed=chars_of(model, most),
        changed_ids=most,
        changed_before=here[0][most],
        changed_after=here[1][most],
    )


# -- the map -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class AblationMap(Result):
    """How much the loss rises without each head, and without each MLP, one at a time."""

    heads: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Loss without the head, less `loss`."""
    heads_error: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Its standard error: how far it may be from that on all text of this kind; nan where there is one window.
    What is within twice that of 0 is noise."""
    mlps: Annotated[torch.Tensor, "layer"]
    """(L,) Loss without the MLP, less `loss`."""
    mlps_error: Annotated[torch.Tensor, "layer"]
    """(L,) Its standard error."""
    loss: float
    """Mean loss with all parts."""
    windows: int
    """How many windows of the text have been read."""
    windows_in_all: int
    """How many there are to read."""
    characters: int
    """How many characters were predicted."""
    method: str
    """What stood in a part's place: "zero" or "mean"."""


def ablation_map(
    model: GPT, text: Text, reference: Text | Means | None = None, most: int | None = None, seed: int = 0
) -> Iterator[AblationMap]:
    """Yields the map of all heads and MLPs after every few windows: each is right for what has been read so far.

    The text is read as `strivelm.training.evaluation.evaluate` reads it, in non-overlapping windows of the model's
    context, but in random order (a shorter rest last), so that what has been read so far is a fair sample of all and a
    reader can stop at any time.
    From the layer on where it begins to differ, every pass goes on from the pass with all parts: L·H heads cost about
    L·H/2 passes. Differences are taken window by window, so what makes a window hard cancels out; with n_w characters
    and the difference Δ_w in window w of W, the standard error is that of a ratio (Cochran 1977, "Sampling
    Techniques"), √(W/(W-1) Σ (n_w (Δ_w - Δ))²) / Σ n_w: for windows of equal length, the usual one of their mean.

    Args:
        text: characters or ids of any length, best validation text; at least two.
        reference: None for zero ablation; for mean ablation a text, its ids, or its `mean_outputs`.
        most: of more windows than this, so many are read.
        seed: of the windows' order.

    Raises:
        ValueError: less than two characters, an unknown one (UnknownCharacterError), or no ids.
        IndexError: an id is outside the vocabulary.
    """
    ids = long_ids(model, text, least=2)
    if most is not None and most < 1:
        raise ValueError(f"most is {most!r}; expected how many windows to read, at least 1")
    return _map(model, ids, _means(model, reference), most, torch.Generator().manual_seed(seed))


@torch.no_grad()
def _map(
    model: GPT, ids: torch.Tensor, means: Means, most: int | None, stream: torch.Generator
) -> Iterator[AblationMap]:
    left, passes = len(ids) if most is None else most, []
    for starts, length in windows(len(ids) - 1, model.block_size):
        starts = starts[torch.randperm(len(starts), generator=stream)][:left]
        left -= len(starts)
        passes += [(some, length) for some in starts.split(max(1, AT_ONCE // length)) if len(some)]
    in_all = sum(len(starts) for starts, _ in passes)
    sums, counts = [], []
    for starts, length in passes:
        sums.append(_losses(model, *batch(ids, starts, length), means))
        counts += [length] * len(starts)
        yield _summary(torch.cat(sums), torch.tensor(counts), means, in_all)


def _losses(model: GPT, inputs: torch.Tensor, targets: torch.Tensor, means: Means) -> torch.Tensor:
    """Each window's summed loss (B, 1 + L·H + L): with all parts, without each head, without each MLP."""
    targets = targets.to(model.tok.weight.device)
    x, heads, mlps = embedded(model, inputs), [], []

    def loss(x: torch.Tensor, depth: int) -> torch.Tensor:
        return exact(F.cross_entropy(_rest(model, x, depth).mT, targets, reduction="none")).sum(-1)

    for name, at, value in forward_pass(model, x, names=()):
        if name == "z":
            block, mean = model.blocks[at], means.z[at][:, None].to(value)  # (H, 1, hd)
            taken = value - mean  # (B, H, T, hd)
        elif name == "mlp_out":
            mlps.append(loss(x + means.mlp_out[at].to(value), 2 * at + 2))
        elif name == "residual":
            x = value
            if at % 2:
                # One after the other: what all heads add is H times as large as the stream.
                heads += [loss(x - head_output(block, taken[:, head], head), at) for head in range(block.h)]
    return torch.stack([loss(x, 2 * len(model.blocks)), *heads, *mlps], 1)


def _rest(model: GPT, x: torch.Tensor, depth: int) -> torch.Tensor:
    """Logits from the stream at a depth: what `forward_pass` gives from there, by the blocks' own faster arithmetic."""
    for at in range(depth, 2 * len(model.blocks)):
        block = model.blocks[at // 2]
        x = x + (block.ff(block.ln2(x)) if at % 2 else block.attention(block.ln1(x)))
    return model.head(model.lnf(x))


def _summary(sums: torch.Tensor, counts: torch.Tensor, means: Means, in_all: int) -> AblationMap:
    """The map of windows whose losses sum to (W, 1 + L·H + L), over counts (W,) characters."""
    W, characters = len(counts), int(counts.sum())
    clean, change = sums[:, 0], sums[:, 1:] - sums[:, :1]
    mean = change.sum(0) / characters
    spread = ((change - counts[:, None] * mean) ** 2).sum(0)
    error = (spread * W / (W - 1)).sqrt() / characters if W > 1 else torch.full_like(mean, torch.nan)
    shape, L = means.z.shape[:2], len(means.z)
    return AblationMap(
        heads=mean[:-L].view(shape),
        heads_error=error[:-L].view(shape),
        mlps=mean[-L:],
        mlps_error=error[-L:],
        loss=(clean.sum() / characters).item(),
        windows=W,
        windows_in_all=in_all,
        characters=characters,
        method=_method(means),
    )
