"""What a question costs, estimated before it is answered: what can't fit is refused at once, in a sentence.

A `Costs` gives the cost of reading T characters with a model. Memory and answers are upper bounds; work is what the
matrix products take at `limits.SPEED`, which no machine of one thread exceeds by much, so what is refused would not
have fitted in, while what is accepted may still end at its time limit.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from strivelm.inspection import layer, lens
from strivelm.inspection.head_similarity import AT_ONCE
from strivelm.inspection.procrustes import DRAWS
from strivelm.inspection.trace import bytes_needed
from strivelm.model import GPT
from strivelm.ui import limits
from strivelm.words import plural

CHUNKS = 200_000_000
"""How many bytes a computation in pieces takes at most, whatever the model: `AT_ONCE` numbers, several times over."""
BASE64 = 4 / 3
"""How many bytes of JSON a byte of `strivelm.ui.core.codec` takes."""

ABOUT = 20_000
"""How many bytes an answer has besides its numbers, at most."""


@dataclass(frozen=True)
class Cost:
    """What an answer takes."""

    memory: int = 0
    """Bytes that it holds at most while it is computed."""
    work: float = 0.0
    """Multiplications."""
    answer: float = 0.0
    """Bytes of JSON."""

    def excess(self, seconds: float, max_bytes: int, on_cpu: bool) -> str:
        """Which limit it exceeds, in words; "" if it exceeds none."""
        if self.memory > limits.LOOK_MEMORY:
            return f"This takes {self.memory / 1e6:,.0f} MB of memory, and at most {limits.LOOK_MEMORY / 1e6:,.0f} MB"
        if self.answer > max_bytes:
            return f"The answer has {self.answer / 1e6:,.0f} MB, and at most {max_bytes / 1e6:,.0f} MB"
        if on_cpu and self.work > seconds * limits.SPEED:
            return f"This takes {_duration(self.work / limits.SPEED)} or more, and at most {_duration(seconds)}"
        return ""


Costs = Callable[..., Cost]
"""Gives the cost of a question about so many characters, at least 1 and at most the context, for a model: called with
the model, those that the question is about besides, and the number of characters."""


def check(costs: Costs, model: GPT, length: int, seconds: float, max_bytes: int, others: Sequence[GPT] = ()) -> Cost:
    """The cost of a question. Raises ValueError, a sentence that says which limit it exceeds and what would fit."""
    on_cpu = model.tok.weight.device.type == "cpu"
    cost = costs(model, *others, length)
    if words := cost.excess(seconds, max_bytes, on_cpu):
        fits = longest(lambda T: not costs(model, *others, T).excess(seconds, max_bytes, on_cpu), length)
        shorter = f"a text of at most {plural(fits, 'character')} fits, or " if fits else ""
        raise ValueError(f"{words} are allowed here; {shorter}take a smaller model.")
    return cost


def most_read(model: GPT, costs: Costs, length: int, seconds: float = limits.LOOK_SECONDS) -> int:
    """How many characters of a text of a length can be read within all limits; at least 1."""
    on_cpu = model.tok.weight.device.type == "cpu"
    return max(1, longest(lambda T: not costs(model, T).excess(seconds, limits.ANSWER_BYTES, on_cpu), length))


def notes_on(model: GPT, what: str, most: int, length: int) -> tuple[str, ...]:
    """A sentence that a text of this length was cut to its last `most` characters; none if it was not."""
    if most >= length:
        return ()
    c = model.config
    return (
        f"This model has {c.n_layer:,} x {c.n_head:,} heads, of which {what} for at most "
        f"{plural(most, 'character')}: it reads only the end of the text.",
    )


def longest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that fits, if all smaller ones do; 0 if none does."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if fits(middle) else (least, middle - 1)
    return least


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:,.0f} minutes" if seconds < 6000 else f"{seconds / 3600:,.0f} hours"


def reading(keep: Collection[str] = ("logits",), logits: int = 0, passes: float = 1) -> Costs:
    """The costs of passes over the text that keep these fields of a trace, and work on the logits.

    Args:
        logits: how many bytes of work each logit takes.
    """

    def costs(model: GPT, T: int) -> Cost:
        c = model.config
        work = model.num_parameters() * T + c.n_layer * c.n_embd * T * T
        return Cost(bytes_needed(model, T, keep) + logits * T * c.vocab_size, passes * work)

    return costs


def maps(model: GPT, T: int) -> Cost:
    """The attention of all heads, as it is sent."""
    c, read = model.config, reading({"attention"})(model, T)
    weights = c.n_layer * (c.n_head + 1) * T * (T + 1)
    return Cost(read.memory + 12 * weights, read.work, BASE64 * weights / 2 + ABOUT)


def patterns(model: GPT, T: int) -> Cost:
    """The patterns of all heads' attention, and rollout."""
    c, read = model.config, reading({"attention"})(model, T)
    return Cost(
        read.memory + CHUNKS + 160 * T * T + 24 * c.n_layer * c.n_head * T,
        read.work + 2 * c.n_layer * T**3,
        BASE64 * T * T + 250 * c.n_layer * c.n_head,
    )


def one_map(numbers: float) -> Costs:
    """One head's attention, sent with so many bytes a number."""

    def costs(model: GPT, T: int) -> Cost:
        read = reading({"attention"})(model, T)
        return Cost(read.memory + 30 * T * T, read.work, numbers * T * T)

    return costs


def one_row(model: GPT, T: int) -> Cost:
    """All of one layer at one place."""
    return reading(layer.NEEDED)(model, T)


def circuits(model: GPT, T: int) -> Cost:
    """Induction and copying, which do not depend on a text."""
    c = model.config
    read = 3 * model.num_parameters() * 16 * 64
    chance = 2 * 200 * c.n_layer * min(512, c.vocab_size) * c.n_embd * (c.n_embd // c.n_head)
    rows = 8 * c.n_embd * min(512, c.vocab_size) * (c.n_layer + 4)
    return Cost(CHUNKS + rows + 16 * 64 * (c.vocab_size + 12 * c.n_embd) * 8, read + 2 * chance)


def lens_costs(model: GPT, T: int) -> Cost:
    """The logits at all depths."""
    c, read = model.config, reading({"residual", "logits"}, 40)(model, T)
    depths = 2 * c.n_layer + 1
    return Cost(read.memory + 24 * depths * T * c.vocab_size, read.work + depths * T * c.n_embd * c.vocab_size)


def attribution(model: GPT, T: int) -> Cost:
    """The parts of one logit."""
    c, read = model.config, reading(lens.NEEDED, 8)(model, T)
    return Cost(read.memory + 24 * c.vocab_size * c.n_embd, read.work)


def every_part_off(model: GPT, T: int) -> Cost:
    """Each head and each MLP switched off by itself, in one window."""
    c, read = model.config, reading((), 40)(model, T)
    return Cost(read.memory, read.work * (2 + c.n_layer * (c.n_head + 1) / 2))


def survey(model: GPT, T: int) -> Cost:
    """The memory of a survey of all parts, which bounds its work itself."""
    return Cost(reading((), 60)(model, min(max(T, 2_048), 4_096)).memory)


def step(model: GPT, T: int) -> Cost:
    """A step of the course, which reads as much of the text as fits."""
    most = most_read(model, lesson, T)
    return lesson(model, most)


def lesson(model: GPT, T: int) -> Cost:
    """A step of the course on a text."""
    read = reading({*layer.NEEDED, "logits"}, 40)(model, T)
    return Cost(read.memory + CHUNKS + 40 * min(limits.CHARACTERS, model.vocab_size) * model.config.n_embd, read.work)


def states(model: GPT, T: int) -> Cost:
    """The principal components and neighbours of a text's states at all depths."""
    c, read = model.config, reading({"residual"})(model, T)
    depths = 2 * c.n_layer + 1
    work = depths * (8 * T * c.n_embd * min(T, c.n_embd) + 6 * T * T * c.n_embd)
    return Cost(read.memory + 24 * depths * T * c.n_embd + 40 * min(T, 1024) * T, read.work + work)


def positions(model: GPT, T: int) -> Cost:
    """The geometry of all position embeddings."""
    T, C = model.block_size, model.config.n_embd
    return Cost(40 * T * T + 60 * T * C, 8 * T * C * min(T, C) + 2 * T * T * C)


def characters(most: int | None = None) -> Costs:
    """The geometry of the embeddings of all characters, or of `most` of them."""

    def costs(model: GPT, T: int) -> Cost:
        V, C = model.vocab_size, model.config.n_embd
        V = V if most is None else min(V, most)
        return Cost(60 * V * C + 40 * min(V, 1024) * V, 8 * V * C * min(V, C) + 2 * V * V * C)

    return costs


def one_character(model: GPT, T: int) -> Cost:
    """The cosines of one character's embedding with all others."""
    V, C = model.vocab_size, model.config.n_embd
    return Cost(24 * V * C, 2 * V * C, 100 * V)


def rows(most: int) -> Costs:
    """What comes after each of so many characters."""

    def costs(model: GPT, T: int) -> Cost:
        c, R = model.config, min(most, model.vocab_size)
        return Cost(80 * R * c.vocab_size + 100 * R * c.n_embd, 2 * R * model.num_parameters())

    return costs


# -- of two models -----------------------------------------------------------------------------------------------------


def predictions_of_two(one: GPT, other: GPT, T: int) -> Cost:
    """What two models expect at each place of a text; the other reads it in windows of its own context."""
    window = min(T, other.block_size)
    windows = 1 if window == T else 2 * T / window
    first, second = reading()(one, T), reading()(other, window)
    numbers = 3 * (one.vocab_size + other.vocab_size) + 8 * min(one.vocab_size, other.vocab_size)
    return Cost(
        first.memory + int(windows * second.memory) + 8 * T * numbers, first.work + windows * second.work, 80.0 * T
    )


def heads_of_two(one: GPT, other: GPT, T: int) -> Cost:
    """The attention of all heads of two models, as it is sent, and each head beside each."""
    T = min(T, other.block_size)
    first, second = (reading({"attention"})(model, T) for model in (one, other))
    N, M = (model.config.n_layer * model.config.n_head for model in (one, other))
    weights = (N + M) * T * (T + 1) // 2
    return Cost(
        first.memory + second.memory + 8 * weights + 40 * AT_ONCE + 8 * N * M,
        first.work + second.work + 5 * N * M * T * T,
        BASE64 * (weights + 4 * N * M) + ABOUT,
    )


def embeddings_of_two(one: GPT, other: GPT, T: int) -> Cost:
    """The embeddings of the characters that two models know, the one's turned onto the other's."""
    V, C = min(limits.CHARACTERS, one.vocab_size, other.vocab_size), max(one.config.n_embd, other.config.n_embd)
    K = min(V, C)
    return Cost(
        160 * V * C + 60 * C * C + 80 * K * V, 2 * V * C * C + 20 * C**3 + DRAWS * 20 * K**3 + 4 * V * V * C, 200.0 * V
    )


def lenses_of_two(one: GPT, other: GPT, T: int) -> Cost:
    """The logits at all depths of two models."""
    first, second = (lens_costs(model, min(T, other.block_size)) for model in (one, other))
    return Cost(max(first.memory, second.memory), first.work + second.work)


def all_of_two(one: GPT, other: GPT, T: int) -> Cost:
    """Everything that is compared of two models, one part after the other."""
    parts = [cost(one, other, T) for cost in (predictions_of_two, heads_of_two, embeddings_of_two)]
    return Cost(max(part.memory for part in parts), sum(part.work for part in parts))
