"""Sizes: frozen dataclasses from which the model, config.json and the flags are made."""

import reprlib
from dataclasses import dataclass

# Far above any character model, far below what would freeze a machine: a config.json is not trusted.
BOUNDS = {"vocab_size": 1_114_112, "block_size": 1 << 20, "n_layer": 512, "n_head": 1024, "n_embd": 1 << 16}
MAX_PARAMETERS = 10_000_000_000


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes that a person chooses; what is left, the vocabulary, comes from the text."""

    n_layer: int
    """How many blocks stand on top of each other (L)."""
    n_head: int
    """How many attention heads each block has (H); must divide n_embd."""
    n_embd: int
    """The width of the residual stream (C)."""
    block_size: int
    """The context: how many characters the model sees at most (T)."""
    dropout: float = 0.0
    """The fraction of each sub-layer's output that is zeroed in training, from 0 up to but not including 1."""


@dataclass(frozen=True, kw_only=True)
class GPTConfig(Sizes):
    """What has to be known to build a GPT.

    Raises ValueError when a size is no positive whole number, is out of bounds, or does not fit another one.
    """

    vocab_size: int
    """How many different characters the model knows (V)."""
    chars: str | None = None
    """The vocabulary: V distinct characters, the character with id i at place i; None for a model without text."""

    def __post_init__(self):
        for name, most in BOUNDS.items():
            value = getattr(self, name)
            if type(value) is not int:  # bool is an int to isinstance; 2.0 and "2" are not sizes
                raise ValueError(f"{name} is {reprlib.repr(value)}; expected a whole number from 1 to {most:,}")
            if not 1 <= value <= most:
                raise ValueError(f"{name}={value:,} is out of bounds; expected a whole number from 1 to {most:,}")
        if self.n_embd % self.n_head:
            lower = self.n_embd // self.n_head * self.n_head or self.n_head
            heads = max(h for h in range(1, min(self.n_head, self.n_embd) + 1) if self.n_embd % h == 0)
            raise ValueError(
                f"n_embd={self.n_embd} is not divisible by n_head={self.n_head}; pick n_embd={lower} or n_head={heads}"
            )
        if isinstance(self.dropout, bool) or not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise ValueError(
                f"dropout is {reprlib.repr(self.dropout)}; expected a number from 0 up to but not including 1"
            )
        if self.num_parameters > MAX_PARAMETERS:
            raise ValueError(
                f"these sizes make {self.num_parameters:,} parameters; at most {MAX_PARAMETERS:,} are supported. "
                "Choose a smaller n_layer or n_embd"
            )
        if self.chars is not None:
            if not isinstance(self.chars, str):
                raise ValueError(f"chars is a {type(self.chars).__name__}; expected a string of distinct characters")
            if len(self.chars) != self.vocab_size:
                raise ValueError(f"chars holds {len(self.chars):,} characters, but vocab_size is {self.vocab_size:,}")

    @property
    def num_parameters(self) -> int:
        """V·C + T·C + L(12C² + 9C) + 2C, the tied head counted once."""
        V, T, L, C = self.vocab_size, self.block_size, self.n_layer, self.n_embd
        return V * C + T * C + L * (12 * C * C + 9 * C) + 2 * C
