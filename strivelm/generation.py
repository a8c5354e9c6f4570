"""Writing text, one character at a time, every choice on record.

`generate` works with anything that has a `decoder()` which turns ids into logits; it imports nothing of the project.

The order of a choice: the logits are divided by the temperature; only the top_k most likely characters stay (Fan et
al. 2018); of these only the nucleus stays, the smallest set of most likely characters whose probability reaches top_p
(Holtzman et al. 2020); what stays is scaled to sum to 1; one uniform number picks from it. One number a character, by
inverting the cumulative distribution: so two settings, or a model with and without a head, can be compared on the
same random stream.
"""

import bisect
import itertools
import math
import operator
import random
import reprlib
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import MappingProxyType

import torch

HELP = {
    "max_new_tokens": "How many characters to write",
    "temperature": "Low is careful, high is daring; 0 always takes the likeliest",
    "top_k": "Only the k likeliest characters; 0 allows all",
    "top_p": "Only the likeliest that reach p together; 1 allows all",
    "seed": "One seed, one text; empty draws a new one",
}
"""What each setting of a choice does, in the words that the page, the command line and the endpoints show."""
MAX_SEED = 2**53 - 1  # the largest whole number that a browser's JSON keeps exactly


@dataclass(frozen=True)
class SamplingConfig:
    """How the next character is chosen. Raises ValueError for a value that means nothing.

    Its defaults are everybody's: those of `GPT.generate`, the command line, the page and the endpoints. The
    distribution of the model itself is `SamplingConfig(temperature=1.0, top_k=0)`.
    """

    max_new_tokens: int = 200
    """How many characters to write."""
    temperature: float = 0.9
    """Divides the logits: below 1 bolder differences, above 1 flatter; 0 always takes the most likely (greedy)."""
    top_k: int | None = 40
    """Keep only the k most likely characters; None or 0 keeps all."""
    top_p: float | None = 1.0
    """Keep the smallest set of most likely characters whose probability reaches p, in (0, 1]; 1 or None keeps all."""
    seed: int | None = None
    """The start of the random stream: one seed, one text. None draws a new one."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if getattr(value, "ndim", None) == 0:  # a NumPy or torch scalar is as good as the number it holds
                object.__setattr__(self, name, value.item())
        _whole("max_new_tokens", self.max_new_tokens, "a whole number, at least 0")
        if self.top_k is not None:
            _whole("top_k", self.top_k, "a whole number of characters to keep, or 0 for all")
        if self.seed is not None:
            _whole("seed", self.seed, f"a whole number from 0 to {MAX_SEED}", most=MAX_SEED)
        if not _is_number(self.temperature) or not 0 <= self.temperature <= sys.float_info.max:
            raise ValueError(f"temperature is {self.temperature!r}; expected a number, at least 0 (0 is greedy)")
        if self.top_p is not None and (not _is_number(self.top_p) or not 0 < self.top_p <= 1):
            raise ValueError(f"top_p is {self.top_p!r}; expected a number above 0 and at most 1 (1 keeps all)")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(name: str, value: object, expected: str, most: float = math.inf) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{name} is {value!r}; expected {expected}")


DEFAULTS = SamplingConfig()
"""How a character is chosen where nobody says otherwise."""
UNTOUCHED = SamplingConfig(temperature=1.0, top_k=0)
"""The settings that draw from the model's own distribution."""


def new_seed() -> int:
    """A fresh seed, short enough to be read aloud; torch's random state is not touched."""
    return secrets.randbelow(1_000_000)


def distribution(logits: torch.Tensor, config: SamplingConfig) -> torch.Tensor:
    """The probabilities from which a character is drawn, (..., V) for logits (..., V).

    Raises ValueError for logits that are not finite: the model is damaged or its training has diverged.
    """
    if not math.isfinite(logits.sum().item()):
        raise ValueError("the model's logits are not finite numbers; its weights are damaged or its training diverged")
    if config.temperature == 0:
        return torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
    if config.temperature != 1:
        logits = logits / max(float(config.temperature), 1e-6)  # colder is greedy all the same, and would overflow
    if config.top_k and config.top_k < logits.shape[-1]:
        best, which = logits.topk(config.top_k, dim=-1)
        logits = torch.full_like(logits, -math.inf).scatter_(-1, which, best)
    probabilities = logits.softmax(-1)
    if config.top_p is not None and config.top_p < 1:
        ordered, which = probabilities.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered  # what the more likely ones hold; below top_p means needed
        ordered = ordered.masked_fill(before >= max(config.top_p, 1e-30), 0.0)
        probabilities = torch.zeros_like(probabilities).scatter_(-1, which, ordered)
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    return probabilities


@dataclass(frozen=True, eq=False)
class Step:
    """One character that was written, and what else it could have been."""

    id: int
    """The character's id."""
    index: int
    """Its place among the new characters, from 0."""
    batch: torch.Tensor = field(repr=False)
    """The logits of all streams that are generated together, (B, V), on the CPU."""
    stream: int = field(repr=False)
    """Which of them this is."""
    config: SamplingConfig = field(repr=False)
    """How it was chosen."""
    told: Callable[[], tuple[float, float, list[tuple[int, float, float]]]] | None = field(default=None, repr=False)
    """What a decoder that chooses by itself knows: surprisal, sampled probability and the likeliest alternatives."""

    @cached_property
    def logits(self) -> torch.Tensor:
        """The logits, (V,), on the CPU."""
        return self.batch[self.stream]

    @cached_property
    def sampled_from(self) -> torch.Tensor:
        """The probabilities it was drawn from, after temperature and truncation, (V,)."""
        with torch.inference_mode():
            return distribution(self.logits, self.config)

    @cached_property
    def _log_probabilities(self) -> torch.Tensor:
        return self.logits.log_softmax(-1)

    @property
    def probability(self) -> float:
        """The model's own probability of this character, before temperature and truncation."""
        return math.exp(-self.surprisal)

    @property
    def sampled_probability(self) -> float:
        """The probability with which it was drawn, after temperature and truncation."""
        return self._told[1] if self._told else self.sampled_from[self.id].item()

    @property
    def surprisal(self) -> float:
        """-ln of the model's own probability, in nats."""
        return self._told[0] if self._told else -self._log_probabilities[self.id].item()

    @cached_property
    def _told(self) -> tuple[float, float, list[tuple[int, float, float]]] | None:
        return self.told() if self.told else None

    def alternatives(self, n: int = 5) -> list[tuple[int, float, float]]:
        """The n characters that the model thought most likely: (id, probability, sampled probability)."""
        if self._told and (n <= len(self._told[2]) or not self.batch.numel()):  # the logits may not be kept
            return self._told[2][:n]
        logs, which = self._log_probabilities.topk(min(n, len(self.logits)))
        sampled_from = self.sampled_from.tolist()
        return [(i, math.exp(log), sampled_from[i]) for i, log in zip(which.tolist(), logs.tolist(), strict=True)]


def draw(probabilities: torch.Tensor, u: float) -> int:
    """The first id whose cumulative probability exceeds u, for probabilities (V,) on the CPU and u in [0, 1)."""
    # One row of a character model is too short for NumPy or torch to be faster than a list.
    cumulative = list(itertools.accumulate(probabilities.tolist()))
    below_the_top = math.nextafter(cumulative[-1], 0.0)  # where u · total rounds up to the total
    return bisect.bisect_right(cumulative, min(u * cumulative[-1], below_the_top))


def generate(
    model, ids: Sequence[int], config: SamplingConfig, *, first: int = 0, forced: Mapping[int, int] | None = None
) -> Iterator[Step]:
    """Yields one Step for each of config.max_new_tokens characters after ids.

    Of a prompt longer than the context its end is read. The arguments are checked at the call, not at the first step.
    Nothing else is changed: not torch's random state, not the model's mode.

    Each character is drawn with the number of the random stream that has its index. So a text goes on as if it had
    never been interrupted, and behind a character that was changed as little changes as can be.

    Args:
        first: the index of the first new character: how many of the stream's numbers were used before.
        forced: ids by index, which are taken whatever the stream says; their steps tell how likely they were.

    Raises:
        ValueError: an empty prompt, or ids outside the vocabulary.
    """
    ids, forced = _checked(model, ids), dict(forced or {})
    if forced:
        _checked(model, list(forced.values()))
    return (step for (step,) in _steps(model, ids, (config,), first, forced))


def generate_together(model, ids: Sequence[int], configs: Sequence[SamplingConfig]) -> Iterator[tuple[Step, ...]]:
    """Yields, for each new character after ids, one Step of each of configs: what `generate` gives, as one batch.

    Settings that name the same seed draw with the same numbers, so that a difference is the settings' doing.

    Raises:
        ValueError: as `generate`; no settings, or settings that ask for different numbers of characters.
    """
    configs = tuple(configs)
    counts = {config.max_new_tokens for config in configs}
    if len(counts) != 1:
        raise ValueError(f"the settings ask for {sorted(counts)} characters; expected one number in all of them")
    return _steps(model, _checked(model, ids), configs)


def uniforms(seed: int | None) -> Iterator[float]:
    """The numbers in [0, 1) that choose a text's characters, one a character, without end; None begins anywhere."""
    stream = random.Random(new_seed() if seed is None else seed)
    while True:
        yield stream.random()


def _checked(model, ids: Sequence[int]) -> list[int]:
    try:
        ids = [operator.index(i) for i in ids]  # NumPy's whole numbers become plain ones
    except TypeError:
        raise ValueError(f"the prompt is {reprlib.repr(ids)}; expected ids, one whole number a character") from None
    if not ids:
        raise ValueError("the prompt is empty; give at least one character to go on from, for example a line break")
    wrong = [i for i in ids if not 0 <= i < model.vocab_size]
    if wrong:
        raise ValueError(f"the prompt holds the id {wrong[0]}; expected ids from 0 to {model.vocab_size - 1}")
    return ids


def _steps(
    model,
    ids: list[int],
    configs: tuple[SamplingConfig, ...],
    first: int = 0,
    forced: Mapping[int, int] = MappingProxyType({}),
) -> Iterator[tuple[Step, ...]]:
    streams = [itertools.islice(uniforms(config.seed), first, None) for config in configs]
    # A single stream asks for no batch: what is not a GPT (a model without some heads) may have no other decoder.
    decoder = model.decoder() if len(configs) == 1 else model.decoder(len(configs))
    places = range(first, first + configs[0].max_new_tokens)
    if hasattr(decoder, "write"):  # it makes the same choices by itself, sooner
        how = [(config.temperature, config.top_k, config.top_p) for config in configs]
        for chosen in decoder.write(ids, how, streams, places, forced, partial(_decide, configs)):
            yield tuple(
                Step(one.id, one.index, one.logits, one.row, config, one.told)
                for one, config in zip(chosen, configs, strict=True)
            )
        return
    chosen = None
    for index in places:
        logits = (decoder.step(chosen) if chosen else decoder.prefill([ids] * len(configs))).float().cpu()
        chosen = [
            forced.get(index, _decide(configs, row, logits[row], next(stream))) for row, stream in enumerate(streams)
        ]
        yield tuple(Step(id, index, logits, row, configs[row]) for row, id in enumerate(chosen))


def _decide(configs: Sequence[SamplingConfig], stream: int, logits: torch.Tensor, u: float) -> int:
    with torch.inference_mode():  # not around a yield: it would leak into the caller
        return draw(distribution(logits, configs[stream]), u)
