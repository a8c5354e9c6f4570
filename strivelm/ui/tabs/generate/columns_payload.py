"""Texts side by side from one random stream: a model under several settings, or with and without some of its parts.

What is yielded is the value of the columns view (`views.columns`), which grows by the clock.
"""

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from strivelm.generation import DEFAULTS, SamplingConfig, Step, generate, generate_together, new_seed, uniforms
from strivelm.inspection import Without
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.reading import start_from
from strivelm.ui.tabs.generate import columns

PRESETS = {
    "Conservative": (0.5, 10, 1.0),
    "Balanced": (DEFAULTS.temperature, DEFAULTS.top_k, DEFAULTS.top_p),
    "Creative": (1.3, 60, 1.0),
}
"""The notebook's three settings: temperature, top-k and top-p."""
CHOICES = (*PRESETS, "A", "B")
"""What can stand side by side; A and B are the visitor's own."""


@dataclass
class Column:
    """One text as it grows."""

    name: str
    """What stands above it."""
    about: str
    """Its settings."""
    where: str = ""
    """How a sentence says where it is; '' for "in NAME"."""
    text: str = ""
    """What has been written."""
    nats: list[float] = field(default_factory=list)
    """Each character's surprisal by the model that wrote it, before temperature and truncation."""
    drawn: list[float] = field(default_factory=list)
    """The probability with which each was drawn, after them."""

    def append(self, char: str, step: Step) -> None:
        """Adds a character."""
        self.text += char
        self.nats.append(round(step.surprisal, 4))
        self.drawn.append(round(step.sampled_probability, 6))


def compare(opened: OpenModel, prompt, count, seed, chosen, *own) -> Iterator[tuple[dict, tuple[str, ...], int]]:
    """Yields (the view's value, notes, the seed) while texts grow under several settings, computed as one batch.

    Args:
        chosen: names of CHOICES.
        own: temperature, top-k and top-p of A, then of B.

    Raises ValueError, a sentence, for what can't be done.
    """
    settings = PRESETS | {"A": own[:3], "B": own[3:]}
    names = [name for name in CHOICES if name in (chosen or ())]
    if not names:
        raise ValueError("No setting is chosen; choose at least one, and two to compare.")
    seed = limits.checked_sampling(count, 1.0, 0, 1.0, seed).seed
    seed = new_seed() if seed is None else seed
    configs = {}
    for name in names:
        try:
            config = limits.checked_sampling(count, *settings[name], seed)
        except ValueError as wrong:
            raise ValueError(f"In {name}: {wrong}" if name in "AB" else str(wrong)) from None
        configs[name] = replace(config, max_new_tokens=min(config.max_new_tokens, limits.TOGETHER))
    start = start_from(opened.model, limits.checked_prompt(prompt))
    bound = f"Side by side at most {limits.TOGETHER:,} characters are written."
    notes = start.notes + ((bound,) if count > limits.TOGETHER else ())
    texts = [Column(name, settings_of(config)) for name, config in configs.items()]
    base = _value(opened, start.text, seed, python_of_settings(facts_of(opened).name, start.text, configs))
    steps = generate_together(opened.model, start.ids, list(configs.values()))
    for value in _grown(opened, steps, texts, next(iter(configs.values())), base):
        yield value, notes, seed


def without(
    opened: OpenModel, prompt, count, temperature, top_k, top_p, seed, off
) -> Iterator[tuple[dict, tuple[str, ...], int]]:
    """Yields (the view's value, notes, the seed) while the whole model writes, and beside it the model without parts.

    Args:
        off: what is switched off, as "0.1,2.0,m1": heads by layer and head, MLPs by layer; "none" for nothing.

    Raises ValueError, a sentence, for what can't be done.
    """
    heads, mlps = parts_named(opened, off)
    config = limits.checked_sampling(count, temperature, top_k, top_p, seed)
    config = replace(
        config,
        max_new_tokens=min(config.max_new_tokens, limits.WITHOUT_CACHE),
        seed=new_seed() if config.seed is None else config.seed,
    )
    start = start_from(opened.model, limits.checked_prompt(prompt))
    texts = [
        Column("Whole model", settings_of(config), where="for the whole model"),
        Column("Without", off_of(heads, mlps), where="without"),
    ]
    python = python_of_parts(facts_of(opened).name, start.text, config, heads, mlps)
    # Both are written by the same arithmetic, so that a difference can only be the missing parts' doing.
    whole, cut = Without(opened.model), Without(opened.model, heads, mlps)
    steps = zip(generate(whole, start.ids, config), generate(cut, start.ids, config), strict=True)
    for value in _grown(opened, steps, texts, config, _value(opened, start.text, config.seed, python)):
        yield value, start.notes, config.seed


def parts_named(opened: OpenModel, off: str | None) -> tuple[list[str], list[int]]:
    """The heads and the MLPs of "0.1,2.0,m1". Raises ValueError, a sentence, for what the model does not have."""
    config, heads, mlps = opened.model.config, [], []
    for part in _parts(off):
        if part not in _all_parts(opened):
            raise ValueError(
                f"The model has no part {part[:20]!r}; expected heads from 0.0 to {config.n_layer - 1}."
                f"{config.n_head - 1} and MLPs from m0 to m{config.n_layer - 1}."
            )
        if part.startswith("m"):
            mlps.append(int(part[1:]))
        else:
            heads.append(part)
    return heads, mlps


def parts_of(opened: OpenModel, off: str | None) -> str:
    """What of "0.1,2.0,m1" the model has, written the same way."""
    there = _all_parts(opened)
    return ",".join(part for part in _parts(off) if part in there) or "none"


def _parts(off: str | None) -> list[str]:
    parts = [] if off == "none" else [part.strip() for part in (off or "").split(",")]
    return [part for part in dict.fromkeys(parts) if part]


def _all_parts(opened: OpenModel) -> set[str]:
    config = opened.model.config
    heads = itertools.product(range(config.n_layer), range(config.n_head))
    return {f"{layer}.{head}" for layer, head in heads} | {f"m{layer}" for layer in range(config.n_layer)}


def partings(texts: Sequence[str]) -> list[dict]:
    """Where texts that began alike part: the place, and the groups of columns that go on alike from it, for each
    parting. A group is told of by the columns' numbers, and only groups that were one before the place."""
    groups, found = [list(range(len(texts)))], []
    for at in range(min(map(len, texts), default=0)):
        for group in list(groups):
            chars = {}
            for column in group:
                chars.setdefault(texts[column][at], []).append(column)
            if len(chars) > 1:
                groups.remove(group)
                groups += chars.values()
                found.append({"at": at, "groups": list(chars.values())})
        if len(groups) == len(texts):
            break
    return found


def settings_of(config: SamplingConfig) -> str:
    """Settings in a few words."""
    k = f"top-k {config.top_k}" if config.top_k else "all characters"
    p = f", top-p {config.top_p:g}" if config.top_p not in (None, 1) else ""
    return f"temperature {config.temperature:g}, {k}{p}"


def off_of(heads: list[str], mlps: list[int]) -> str:
    """What is switched off, in words."""
    kinds = (("head", heads), ("MLP", [str(layer) for layer in mlps]))
    words = [f"{kind}{'s' if len(parts) > 1 else ''} {', '.join(parts)}" for kind, parts in kinds if parts]
    return " and ".join(words) or "nothing"


def python_of_settings(ref: str, prompt: str, configs: dict[str, SamplingConfig]) -> str:
    """The lines that write the same texts."""
    settings = "".join(f"    {name!r}: {_config(config)},\n" for name, config in configs.items())
    return (
        "from strivelm import SamplingConfig, load_model\n"
        "from strivelm.generation import generate_together\n\n"
        f"model = load_model({ref!r})\n"
        f"ids = model.tokenizer.encode({prompt!r})\n"
        f"settings = {{\n{settings}}}\n"
        'texts = dict.fromkeys(settings, "")\n'
        "for steps in generate_together(model, ids, list(settings.values())):\n"
        "    for name, step in zip(settings, steps):\n"
        "        texts[name] += model.tokenizer.chars[step.id]\n"
        "for name, text in texts.items():\n"
        '    print(f"--- {name}\\n{text}")\n'
    )


def python_of_parts(ref: str, prompt: str, config: SamplingConfig, heads: list[str], mlps: list[int]) -> str:
    """The lines that write the same two texts."""
    return (
        "from strivelm import SamplingConfig, load_model\n"
        "from strivelm.inspection import generate_without\n\n"
        f"model = load_model({ref!r})\n"
        f"config = {_config(config)}\n"
        f"found = generate_without(model, {prompt!r}, config, heads_off={heads!r}, mlps_off={mlps!r})\n"
        "print(found.before)\n"
        "print(found.after)\n"
        "print(found.first_difference)\n"
    )


def _config(config: SamplingConfig) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in vars(config).items())
    return f"SamplingConfig({given})"


def _value(opened: OpenModel, prompt: str, seed: int, python: str) -> dict:
    facts = facts_of(opened)
    return {
        "model": facts.name,
        "prompt": prompt,
        "seed": seed,
        "python": python,
        "vocabulary": len(facts.vocabulary),
        "uniform": facts.uniform_loss,
        "loss": facts.validation_loss,
    }


def _grown(
    opened: OpenModel, steps: Iterable[Sequence[Step]], texts: list[Column], config: SamplingConfig, base: dict
) -> Iterator[dict]:
    """Yields the view's value about every `limits.CLOCK` seconds, and once more at the end."""
    chars, numbers = opened.model.tokenizer.chars, []
    began = shown = time.perf_counter()

    def value(ended: str = "") -> dict:
        status = columns.summary(len(numbers), len(texts), base["seed"], ended) if ended else "Writing…"
        alike = partings([column.text for column in texts])
        grown = {"writing": not ended, "status": status, "numbers": [*numbers], "partings": alike}
        return base | grown | {"columns": [asdict(column) for column in texts]}

    yield value()
    for u, row in zip(itertools.islice(uniforms(config.seed), config.max_new_tokens), steps, strict=True):
        numbers.append(round(u, 6))
        for column, step in zip(texts, row, strict=True):
            column.append(chars[step.id], step)
        now = time.perf_counter()
        if now - began > limits.SECONDS:
            break
        if now - shown >= limits.CLOCK:
            yield value()
            shown = time.perf_counter()
    yield value("complete" if len(numbers) == config.max_new_tokens else "time")
