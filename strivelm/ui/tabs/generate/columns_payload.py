"""What Compare and Switch heads off ask: texts side by side that one stream of random numbers chooses.

They are of a model under several settings, or with and without some of its parts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from strivelm.generation import DEFAULTS, SamplingConfig, Step, generate, generate_together, uniforms
from strivelm.inspection import Without
from strivelm.inspection.parts import parse_parts
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.python_lines import load_line
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import start_from
from strivelm.ui.tabs.generate.asked import Asked
from strivelm.ui.tabs.generate.pace import Rows, written

PRESETS = {
    "Conservative": (0.5, 10, 1.0),
    "Balanced": (DEFAULTS.temperature, DEFAULTS.top_k, DEFAULTS.top_p),
    "Creative": (1.3, 60, 1.0),
}
"""The notebook's three settings: temperature, top-k and top-p."""
CHOICES = (*PRESETS, "A", "B")
"""What can stand side by side; A and B are the visitor's own."""


OWN = {"A": (1.0, 0, 1.0), "B": (1.0, 0, 0.9)}
"""What A and B are until a visitor changes them: the model's own probabilities, and nucleus sampling."""


@dataclass(frozen=True)
class Column:
    """What is said of a text before it grows."""

    name: str
    """What stands above it."""
    about: str
    """Its settings."""
    where: str = ""
    """How a sentence says where it is; '' for "in NAME"."""


@question("generate.compare", seconds=limits.SECONDS + 5, gpu_seconds=limits.SECONDS, lane="writing")
def compare(
    opened: OpenModel,
    prompt: str,
    count: int,
    seed: int | str | None,
    chosen: list[str],
    a: list[float],
    b: list[float],
) -> Iterator[dict]:
    """Yields what is new while texts grow under several settings, computed as one batch; see `grown`.

    Args:
        chosen: names of CHOICES.
        a, b: temperature, top-k and top-p of A and of B.

    Raises ValueError, a sentence, for what can't be done.
    """
    names = [name for name in CHOICES if name in chosen]
    if not names:
        raise ValueError("No setting is chosen; choose at least one, and two to compare.")
    asked, checked = count, Asked(count, 1.0, 0, 1.0, seed).config(limits.TOGETHER)
    count, seed = checked.max_new_tokens, checked.seed
    settings, configs = PRESETS | {"A": a, "B": b}, {}
    for name in names:
        if len(settings[name]) != 3:
            raise ValueError(f"In {name}: {len(settings[name])} settings; expected temperature, top-k and top-p.")
        temperature, top_k, top_p = settings[name]
        try:
            configs[name] = limits.checked_sampling(count, temperature, top_k, top_p, seed)
        except ValueError as wrong:
            raise ValueError(f"In {name}: {wrong}" if name in OWN else str(wrong)) from None
    start = start_from(opened.model, limits.checked_prompt(prompt))
    notes = start.notes + bound(asked)
    columns = [Column(name, settings_of(config)) for name, config in configs.items()]
    python = python_of_settings(opened, start.text, configs)
    yield head(opened, start.text, seed, python, notes, columns)
    model, ids, chosen_configs = opened.model, start.ids, list(configs.values())
    rows = written(model, ids, chosen_configs, lambda: generate_together(model, ids, chosen_configs))
    yield from grown([opened] * len(columns), rows, chosen_configs[0])


@question("generate.without", seconds=limits.SECONDS + 5, gpu_seconds=limits.SECONDS, lane="writing")
def without(
    opened: OpenModel,
    prompt: str,
    asked: Asked,
    off: str = "",
) -> Iterator[dict]:
    """Yields what is new while the whole model writes, and beside it the model without parts; see `grown`.

    Args:
        off: what is switched off, as "0.1,2.0,1.m" (`parse_parts`).

    Raises ValueError, a sentence, for what can't be done.
    """
    heads, mlps = parse_parts(off, opened.model.config)
    config = asked.config(limits.TOGETHER)
    start = start_from(opened.model, limits.checked_prompt(prompt))
    columns = [
        Column("Whole model", settings_of(config), where="for the whole model"),
        Column("Without", off_of(heads, mlps), where="without"),
    ]
    python = python_of_parts(opened, start.text, config, heads, mlps)
    notes = start.notes + bound(asked.count)
    yield head(opened, start.text, config.seed, python, notes, columns)
    # Both are written by the same arithmetic, so that a difference can only be the missing parts' doing.
    models = [Without(opened.model), Without(opened.model, heads, mlps)]

    def one_by_one() -> Iterable[Sequence[Step]]:
        return zip(*(generate(model, start.ids, config) for model in models), strict=True)

    rows = written(opened.model, start.ids, [config] * 2, one_by_one, off=[model.parts for model in models])
    yield from grown([opened] * len(columns), rows, config)


def bound(asked: int) -> tuple[str, ...]:
    """A sentence on how much is written side by side, where more was asked."""
    most = limits.TOGETHER
    return (f"Side by side at most {most:,} characters are written.",) if asked > most else ()


def head(
    opened: OpenModel, prompt: str, seed: int | None, python: str, notes: Sequence[str], columns: Sequence[Column]
) -> dict:
    """What is known before the first character."""
    facts = facts_of(opened)
    return {
        "model": facts.name,
        "prompt": prompt,
        "seed": seed,
        "python": python,
        "vocabulary": len(facts.vocabulary),
        "uniform": facts.uniform_loss,
        "loss": facts.validation_loss,
        "notes": list(notes),
        "columns": [asdict(column) for column in columns],
    }


def grown(by: Sequence[OpenModel], written: Iterable[Rows], config: SamplingConfig) -> Iterator[dict]:
    """Yields, of texts that grow, each written by its model, only what is new.

    numbers: the random number of each new place.
    columns: of each text its new characters (text), their surprisals by the model that wrote it, before temperature and
        truncation (nats), and the probabilities that they were drawn with, after them (drawn).
    partings: those that are new, as `partings` gives them.
    seconds: since the beginning.
    ended: at the end "complete", or "time" where the time was over before.
    """
    texts, sent = [""] * len(by), 0
    stream = uniforms(config.seed)
    for rows, seconds, ended in written:
        columns = [
            {
                "text": "".join(one.model.tokenizer.chars[row[i].id] for row in rows),
                "nats": [round(row[i].surprisal, 4) for row in rows],
                "drawn": [round(row[i].sampled_probability, 6) for row in rows],
            }
            for i, one in enumerate(by)
        ]
        texts = [text + column["text"] for text, column in zip(texts, columns, strict=True)]
        found = partings(texts)
        yield {
            "numbers": [round(u, 6) for _, u in zip(rows, stream, strict=False)],
            "columns": columns,
            "partings": found[sent:],
            "seconds": seconds,
        } | ({"ended": ended} if ended else {})
        sent = len(found)


def partings(texts: Sequence[str]) -> list[dict]:
    """Where texts that began alike part: the place, and the groups of columns that go on alike from it, for each
    parting. A group is its columns' numbers, and only groups that were one before the place are named."""
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


def python_of_settings(opened: OpenModel, prompt: str, configs: dict[str, SamplingConfig]) -> str:
    """The lines that write the same texts."""
    settings = "".join(f"    {name!r}: {config_line(config)},\n" for name, config in configs.items())
    return (
        "from strivelm import SamplingConfig, load_model\n"
        "from strivelm.generation import generate_together\n\n"
        f"{load_line(opened)}\n"
        f"ids = model.tokenizer.encode({prompt!r})\n"
        f"settings = {{\n{settings}}}\n"
        'texts = dict.fromkeys(settings, "")\n'
        "for steps in generate_together(model, ids, list(settings.values())):\n"
        "    for name, step in zip(settings, steps):\n"
        "        texts[name] += model.tokenizer.chars[step.id]\n"
        "for name, text in texts.items():\n"
        '    print(f"--- {name}\\n{text}")\n'
    )


def python_of_parts(opened: OpenModel, prompt: str, config: SamplingConfig, heads: list[str], mlps: list[int]) -> str:
    """The lines that write the same two texts."""
    return (
        "from strivelm import SamplingConfig, load_model\n"
        "from strivelm.inspection import generate_without\n\n"
        f"{load_line(opened)}\n"
        f"config = {config_line(config)}\n"
        f"found = generate_without(model, {prompt!r}, config, heads_off={heads!r}, mlps_off={mlps!r})\n"
        "print(found.before)\n"
        "print(found.after)\n"
        "print(found.first_difference)\n"
    )


def config_line(config: SamplingConfig) -> str:
    """The Python that makes the settings."""
    given = ", ".join(f"{name}={value!r}" for name, value in vars(config).items())
    return f"SamplingConfig({given})"
