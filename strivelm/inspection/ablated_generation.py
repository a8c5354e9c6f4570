"""What a model writes without some of its parts, from the same random numbers as with all of them.

So the first character that differs is the ablation's doing. What stands in the place of a part, zero or a mean, is told
in `strivelm.inspection.ablation`.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch

from strivelm.generation import SamplingConfig, generate, new_seed
from strivelm.inspection.ablation import Ablated, Means, switched_off
from strivelm.inspection.forward import Head, Text, chars_of, embedded, forward_pass, last_of, long_ids
from strivelm.model import GPT


class Without:
    """A model with heads and MLPs switched off, as `strivelm.generation.generate` asks of one.

    With zeros in the place of parts it writes with the model's own decoder, in which they are switched off. With means
    there it has no cache and reads its whole context for every character; beyond the context it goes on as
    `strivelm.decoder.Decoder` does, from the last half. The arguments are those of `ablate`.
    """

    def __init__(
        self,
        model: GPT,
        heads_off: Iterable[Head] = (),
        mlps_off: Iterable[int] = (),
        reference: Text | Means | None = None,
    ):
        self.model, self.vocab_size, self._history = model, model.vocab_size, []
        self.off, self.about = switched_off(model, heads_off, mlps_off, reference)
        mlps = [(layer, model.config.n_head) for layer in self.about["mlps_off"]]
        self.parts = [*self.about["heads_off"], *mlps]
        """What is switched off, as `strivelm.decoder.Decoder` has it."""

    def decoder(self) -> Any:
        """A reader of its own, that has read nothing yet."""
        return self.model.decoder(off=self.parts) if self.about["method"] == "zero" else copy.copy(self)

    def prefill(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """Logits (1, V) after ids (1, n), of which the last block_size are read."""
        self._history = list(ids[0])[-self.model.block_size :]
        return self._logits()

    def step(self, ids: Sequence[int]) -> torch.Tensor:
        """Logits (1, V) after one more character."""
        if len(self._history) == self.model.block_size:
            self._history = self._history[len(self._history) - max(self.model.block_size // 2, 1) + 1 :]
        self._history += ids
        return self._logits()

    @torch.no_grad()
    def _logits(self) -> torch.Tensor:
        x = embedded(self.model, torch.tensor([self._history]))
        return last_of(forward_pass(self.model, x, off=self.off, names=()))[:, -1]


@dataclass(frozen=True, eq=False)
class AblatedText(Ablated):
    """What a model writes after a prompt with all its parts and without some, from the same random numbers."""

    before: str
    """What it writes with all parts; of a model without a vocabulary, ids with blanks between."""
    after: str
    """What it writes without."""
    first_difference: int | None
    """The first new character, from 0, that differs; None where none does. Up to there both read the same text and drew
    the same numbers, so the difference is the ablation's doing; what comes after it may be the other text's."""
    ids_before: Annotated[torch.Tensor, "position"]
    """(n,) The ids of `before`."""
    ids_after: Annotated[torch.Tensor, "position"]
    """(n,) The ids of `after`."""
    surprisal_before: Annotated[torch.Tensor, "position"]
    """(n,) How much each character of `before` surprised the model with all parts that wrote it."""
    surprisal_after: Annotated[torch.Tensor, "position"]
    """(n,) How much each character of `after` surprised the model without that wrote it."""
    seed: int
    """The start of the random stream."""


def generate_without(
    model: GPT,
    prompt: Text,
    config: SamplingConfig | None = None,
    heads_off: Iterable[Head] = (),
    mlps_off: Iterable[int] = (),
    reference: Text | Means | None = None,
) -> AblatedText:
    """What the model writes after a prompt, and what it writes without some heads and MLPs, side by side.

    Both are written by the same arithmetic (`Without`); to follow one as it is written, give `Without` to
    `strivelm.generation.generate`.

    Args:
        prompt: characters or ids; of a prompt longer than the context its end is read.
        config: how characters are chosen; None for `SamplingConfig()`.
        heads_off, mlps_off, reference: as in `ablate`.

    Raises:
        ValueError: as `ablate` and `strivelm.generation.generate` do.
    """
    config = config or SamplingConfig()
    seed = new_seed() if config.seed is None else config.seed
    ids, without = long_ids(model, prompt).tolist(), Without(model, heads_off, mlps_off, reference)
    before, after = (list(generate(m, ids, replace(config, seed=seed))) for m in (Without(model), without))
    written = [torch.tensor([step.id for step in steps], dtype=torch.long) for steps in (before, after)]
    texts = [("" if model.config.chars else " ").join(chars_of(model, new)) for new in written]
    differs = (written[0] != written[1]).nonzero()
    return AblatedText(
        **without.about,
        before=texts[0],
        after=texts[1],
        first_difference=int(differs[0]) if len(differs) else None,
        ids_before=written[0],
        ids_after=written[1],
        surprisal_before=torch.tensor([step.surprisal for step in before]),
        surprisal_after=torch.tensor([step.surprisal for step in after]),
        seed=seed,
    )
