"""What the tab's questions have in common: how a text is to be written."""

from dataclasses import dataclass, replace

from strivelm.generation import SamplingConfig, new_seed
from strivelm.ui import limits


@dataclass(frozen=True)
class Asked:
    """How a text is to be written; its fields are arguments of the questions that take it."""

    count: int
    """How many characters to write."""
    temperature: float
    top_k: int
    top_p: float
    seed: int | str | None = None
    """One seed, one text; empty draws a new one."""

    def config(self, most: int = limits.MOST_CHARACTERS) -> SamplingConfig:
        """The settings as numbers, with a seed, for at most so many characters.

        Raises ValueError, a sentence, for one that is none.
        """
        found = limits.checked_sampling(self.count, self.temperature, self.top_k, self.top_p, self.seed)
        seed = new_seed() if found.seed is None else found.seed
        return replace(found, max_new_tokens=min(found.max_new_tokens, most), seed=seed)
