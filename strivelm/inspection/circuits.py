"""Induction and copying of heads, measured on random characters, which have no other structure.

Induction: "A B … A" is to be continued by "B". Characters repeat by chance in natural text, and stand at habitual
distances, so it is measured on n distinct random characters, twice (Olsson et al. 2022, "In-context Learning and
Induction Heads", prefix matching): the mean weight that a character of the second copy, at n … 2n-1, gives to the one
after its own earlier place, n-1 back. Uniform attention gives (1/(n+1) + … + 1/2n)/n: 0.0214 for n = 32. (The whole
diagonal n-1 back begins one query earlier, with a character that has no earlier place: 0.0217.) A head that always
looks n-1 back would score as well without knowing any character. The control shows it: the weight on the same keys
where the second copy is rotated, so that it is another character that is to be continued.

Copying is what a head does with what it sees, wherever that is (Elhage et al. 2021, "A Mathematical Framework for
Transformer Circuits", OV circuit; Olsson et al. 2022 measure it, too, by the logits that a head raises). Looking at
character c rather than at an average one changes c's own logit, beside the mean of all logits, directly by

    (γ ⊙ W_E[c] - mean over characters) · W_O W_V (x_c - mean over characters)      times the final LayerNorm's scale

where x_c is what the head reads, the first LayerNorm's output, averaged over places of c in random characters, and γ
is the final LayerNorm's gain (its mean is taken out, too). The score is the share of characters that the head raises.
Chance is one half, as a matrix and its negative are equally likely; DRAWS random matrices in place of W_O and W_V show
how far chance strays from it, and a head copies, or suppresses, if none of them strays so far.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from strivelm.inspection.forward import embedded, forward_pass
from strivelm.inspection.results import Result, exact
from strivelm.model import GPT, Block

DISTINCT = 32
"""How many distinct random characters are read, where the vocabulary and the context allow it."""
SEQUENCES = 16
"""How many sequences of random characters are read."""
AT_ONCE = 1 << 22
"""How many attention weights of a layer are computed at once."""
DRAWS = 200
"""How many random matrices show how much copying is chance."""


@dataclass(frozen=True, eq=False)
class Induction(Result):
    """How well each head finds what came after the same character before, on random characters twice."""

    score: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on the character after the earlier place of the query's own."""
    control: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The same where the second copy is rotated: what the distance alone is worth."""
    uniform: float
    """What uniform attention gives."""
    first_loss: float
    """Nats per character within the first copy, which nobody can guess: its second character to its last."""
    second_loss: float
    """The same of the second copy, all of which the first one tells."""
    distinct: int
    """n: how many distinct characters were read, twice."""
    notes: tuple[str, ...]
    """What a reader should know, in sentences."""

    @property
    def strength(self) -> torch.Tensor:
        """(L, H) The score's strength, as `strivelm.inspection.attention` has it, over uniform attention or the
        control, whichever is higher: a head is an induction head from `attention.STANDS_OUT` on."""
        chance = self.control.clamp(min=self.uniform)
        return (self.score - chance) / (1 - chance)


@torch.no_grad()
def induction(model: GPT, seed: int = 0) -> Induction:
    """The heads' prefix matching on SEQUENCES random sequences; nan for a model that can't read 3 characters twice."""
    config, notes = model.config, []
    if config.n_layer == 1:
        notes.append(
            "A model with one layer has no induction head: an earlier layer's head must first tell each character "
            "what came before it."
        )
    n = min(DISTINCT, config.vocab_size, config.block_size // 2)
    sizes = f"this model knows {config.vocab_size:,} characters and its context is {config.block_size:,}"
    if n < 3:  # with 2, the key in question would hold the query's own character where the copy is rotated
        notes.append(f"Induction can't be measured: {sizes}, but it takes 3 distinct characters, twice.")
        scores = torch.full((2, config.n_layer, config.n_head), torch.nan, dtype=torch.float64)
        return Induction(scores[0], scores[1], math.nan, math.nan, math.nan, distinct=n, notes=tuple(notes))
    if n < DISTINCT:
        notes.append(f"Induction is measured on {n} distinct characters, twice, rather than {DISTINCT}: {sizes}.")
    stream = torch.Generator().manual_seed(seed)
    first = _random_characters(model, n, stream)
    turns = torch.randint(2, n, (SEQUENCES, 1), generator=stream).to(first.device)
    rotated = first.gather(1, (torch.arange(n, device=first.device) + turns) % n)
    ids = torch.cat([torch.cat([first, second], 1) for second in (first, rotated)])  # (2S, 2n)
    weights, surprisals = [], []
    for some in ids.split(max(1, AT_ONCE // (config.n_head * 4 * n * n))):
        layers = []
        for name, _, value in forward_pass(model, embedded(model, some)):
            if name == "attention":  # of it the weights from n+i to i+1
                layers.append(exact(value[:, :, n:, 1 : n + 1].diagonal(dim1=-2, dim2=-1)).mean(-1))  # (B, H)
        weights.append(torch.stack(layers, 1))
        # The pass's last is logits (B, 2n, V).
        surprisals.append(exact(F.cross_entropy(value[:, :-1].mT, some[:, 1:], reduction="none")))
    surprisals = torch.cat(surprisals)[:SEQUENCES]  # (S, 2n-1), of the copies that are not rotated
    first_loss, second_loss = (surprisals[:, at : at + n - 1].mean().item() for at in (0, n))
    uniform = sum(1 / seen for seen in range(n + 1, 2 * n + 1)) / n
    score, control = torch.cat(weights).unflatten(0, (2, SEQUENCES)).mean(1).unbind()
    return Induction(score, control, uniform, first_loss, second_loss, distinct=n, notes=tuple(notes))


def _random_characters(model: GPT, n: int, stream: torch.Generator) -> torch.Tensor:
    """SEQUENCES times n distinct ids in random order, (S, n), on the model's device."""
    drawn = [torch.randperm(model.vocab_size, generator=stream)[:n] for _ in range(SEQUENCES)]
    return torch.stack(drawn).to(model.tok.weight.device)


@dataclass(frozen=True, eq=False)
class Copying(Result):
    """Whether each head raises the logit of the character that it attends to."""

    score: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The share of characters whose own logit the head raises when it looks at them; chance is 0.5."""
    chance: Annotated[torch.Tensor, "layer"]
    """(L,) How far from 0.5 the furthest of DRAWS random matrices comes."""
    verdict: Annotated[tuple[tuple[str, ...], ...], "layer", "head"]
    """(L, H) "copies" or "suppresses" where a head is further from 0.5 than that, or "neither"."""
    characters: int
    """How many characters of the vocabulary were looked at."""


@torch.no_grad()
def copying(model: GPT, seed: int = 0) -> Copying:
    """The share of characters that each head speaks for when it looks at them, and how much of it may be chance."""
    stream = torch.Generator().manual_seed(seed)
    ids = _random_characters(model, min(DISTINCT, model.vocab_size, model.block_size), stream)
    seen, which = ids.cpu().flatten().unique(return_inverse=True)
    reads = []  # of each layer: what its heads read at each character, less the mean, (n, C)
    for name, _, value in forward_pass(model, embedded(model, ids), names={"ln1"}):
        if name == "ln1":
            sums = torch.zeros(len(seen), value.shape[-1], dtype=torch.float64)
            means = sums.index_add_(0, which, exact(value).flatten(0, 1)) / which.bincount()[:, None]
            reads.append(means - means.mean(0))
    gain, rows = exact(model.lnf.weight), exact(model.head.weight[seen.to(model.head.weight.device)])
    speaks = gain * (rows - model.head.weight.mean(0, dtype=torch.float64).cpu())  # less the mean over all characters
    speaks = speaks - speaks.mean(-1, keepdim=True)  # (n, C): the final LayerNorm takes out the mean
    score = torch.stack([_raised(block, read, speaks) for block, read in zip(model.blocks, reads, strict=True)])
    chance = _chance(torch.stack(reads), speaks, model.blocks[0].hd, stream)
    verdict = tuple(
        tuple("copies" if s - 0.5 > most else "suppresses" if 0.5 - s > most else "neither" for s in row)
        for row, most in zip(score.tolist(), chance.tolist(), strict=True)
    )
    return Copying(score, chance, verdict, len(seen))


def _raised(block: Block, reads: torch.Tensor, speaks: torch.Tensor) -> torch.Tensor:
    """The share of characters whose own logit each head raises, (H,)."""
    values = (reads @ exact(block.qkv.weight[-reads.shape[1] :]).T).unflatten(1, (block.h, block.hd))
    asked = (speaks @ exact(block.proj.weight)).unflatten(1, (block.h, block.hd))  # (n, H, hd)
    return _share((values * asked).sum(-1))


def _chance(reads: torch.Tensor, speaks: torch.Tensor, hd: int, stream: torch.Generator) -> torch.Tensor:
    """How far from one half the share comes, at most, in DRAWS heads of random weights, (L,)."""
    furthest = torch.zeros(len(reads), dtype=torch.float64)
    for _ in range(DRAWS):
        read, write = torch.randn(2, reads.shape[-1], hd, generator=stream, dtype=torch.float64)
        share = _share((reads @ read * (speaks @ write)).sum(-1).T)
        furthest = furthest.maximum((share - 0.5).abs())
    return furthest


def _share(changes: torch.Tensor) -> torch.Tensor:
    """The share of the first axis that is above 0; what is 0 counts half."""
    return ((changes.sign() + 1) / 2).mean(0)
