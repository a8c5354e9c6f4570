"""Steps 1 to 3.2: the model and its machine, the text as numbers, and the two embeddings."""

import hashlib
import os
import platform
from functools import cache
from weakref import WeakKeyDictionary

import torch

from strivelm import __version__, inspection
from strivelm.decoder import engine_of
from strivelm.generation import SamplingConfig, generate
from strivelm.inspection.component_ablation import component_losses
from strivelm.inspection.vectors import unit
from strivelm.loading import ASSETS, OpenModel
from strivelm.model import GPT
from strivelm.ui.core.models import facts_of
from strivelm.ui.limits import CHARACTERS
from strivelm.ui.tabs.learn.lessons import blocks
from strivelm.ui.tabs.learn.lessons.blocks import bar, number, share
from strivelm.ui.tabs.learn.lessons.reading import Figure, Reading
from strivelm.words import plural

WRITTEN = 128
"""How many characters of its own a model is judged on where its parts are switched off."""


def setup(reading: Reading) -> Figure:
    """Step 1: what the model expects next, which model is open, and what it runs on."""
    facts, device = facts_of(reading.opened), reading.model.tok.weight.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    machine = [
        ["Device", f"{device.type} ({where})"],
        ["Threads", f"{torch.get_num_threads()} of {plural(os.cpu_count() or 1, 'core')}"],
        ["Decoder", written_by(engine_of(reading.model))],
        ["PyTorch", torch.__version__],
        ["Python", platform.python_version()],
        ["StriveLM", __version__],
        ["Model", facts.name + ("" if reading.opened.commit is None else f", commit {reading.opened.commit[:12]}")],
        ["Weights", f"{facts.parameters:,} numbers of {reading.model.tok.weight.dtype}".replace("torch.", "")],
        ["Learnt from", facts.corpus or "not recorded"],
    ]
    p, chars = reading.probabilities[reading.at], reading.model.tokenizer.chars
    order = p.argsort(descending=True, stable=True)[:6].tolist()
    return Figure(
        [
            blocks.bars(
                "What comes next, after the chosen character",
                ["the model's probability"],
                [(chars[i], p[i].item()) for i in order],
                f"The likeliest {len(order)} of {plural(len(chars), 'character')}. "
                f"Chance gives each {share(1 / len(chars))}.",
            ),
            blocks.table("The model and the machine", ["", ""], machine),
        ],
        {
            "parameters": f"{facts.parameters:,}",
            "V": f"{len(chars):,}",
            "chance": share(1 / len(chars)),
        },
        reading.python(
            "from strivelm import trace",
            "p = trace(model, text).probabilities[at]  # of each character to come next",
            "for i in p.argsort(descending=True)[:6].tolist():",
            "    print(repr(model.tokenizer.chars[i]), p[i].item())",
        ),
        attempt={"text": "The q", "at": 4},
    )


def written_by(engine: str) -> str:
    """An engine's name (`strivelm.decoder.engine_of`) in words: "c, float16, AVX-512" is C code, "torch" PyTorch."""
    if engine == "torch":
        return "Text is written by PyTorch"
    _, numbers, vectors = engine.split(", ")
    return f"Text is written by C code, reading {numbers} weights, with {vectors}"


def data(reading: Reading) -> Figure:
    """Step 2: the corpus, the vocabulary, and the reader's text as ids."""
    facts, tokenizer, counted = facts_of(reading.opened), reading.model.tokenizer, frequencies(reading.opened)
    corpus = reading.opened.training.get("corpus")
    corpus = corpus if isinstance(corpus, dict) else {}
    names = {"characters": "Characters", "train": "… to learn from", "validation": "… held back to judge it"}
    rows = [["Name", facts.corpus or "not recorded"]]
    rows += [[label, f"{corpus[key]:,}"] for key, label in names.items() if type(corpus.get(key)) is int]
    opening = beginning(corpus.get("sha256"))
    if opening is None:
        note = (
            "The text itself is not kept with the model: this is its record, and the counts below are from the tables "
            "that came with it."
            if counted
            else "The text itself is not kept with the model, nor are its counts: this is all that was recorded."
        )
        first = [blocks.table("What it learnt from", ["", ""], rows, note)]
    else:
        first = [
            blocks.table("What it learnt from", ["", ""], rows),
            blocks.passage("Its first 300 characters", opening),
        ]
    near = range(max(0, reading.at - 5), min(len(reading.text), reading.at + 6))
    coded = [
        ["characters", *(blocks.chars(reading.text[i]) for i in near)],
        ["ids", *(str(reading.ids[i]) for i in near)],
    ]
    whole = tokenizer.decode(reading.ids) == reading.text
    return Figure(
        [
            blocks.table(
                "Your text, encoded around the chosen character",
                ["", *(str(i) for i in near)],
                coded,
                "Decoding the ids gives back the same text." if whole else "Decoding does not give the text back!",
                near.index(reading.at) + 1,
            )
            | {"columns": True},
            *first,
            blocks.vocabulary(
                f"The vocabulary: {plural(len(facts.vocabulary), 'character')}",
                [(char, i, counted.get(i, 0.0) if counted else None) for i, char in enumerate(facts.vocabulary)],
                "The bar is how often the character stands in the text that the model learnt from, beside the most "
                "frequent one; your chosen one is marked."
                if counted
                else "This model's folder keeps no counts, so how often each character came is not known.",
            ),
        ],
        {
            "V": f"{len(facts.vocabulary):,}",
            "id": str(reading.ids[reading.at]),
            "last": f"{len(facts.vocabulary) - 1:,}",
        },
        reading.python(
            "",
            "ids = model.tokenizer.encode(text)",
            "print(ids, ids[at], model.tokenizer.decode(ids) == text)",
            *(
                (
                    "runs, counts = opened.ngrams.table(1)  # of each character in the text that it learnt from",
                    "for run, count in zip(runs, counts):",
                    "    print(repr(model.tokenizer.chars[int(run[0])]), float(count) / float(counts.sum()))",
                )
                if counted
                else ()
            ),
            record=bool(counted),
        ),
        attempt={"text": "Price: 5\u20ac"},
    )


@cache
def beginning(sha256: object) -> str | None:
    """The first 300 characters of the text with this digest, where it comes with the package."""
    for path in sorted(ASSETS.glob("*.txt")):
        raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest() == sha256:
            return raw.decode("utf-8")[:300]
    return None


def frequencies(opened: OpenModel) -> dict[int, float]:
    """Each id's share of the text that the model learnt from; empty where nobody counted."""
    if opened.ngrams is None:
        return {}
    runs, counts = opened.ngrams.table(1)
    return {int(run[0]): float(count) / float(counts.sum()) for run, count in zip(runs, counts, strict=True)}


def tokens(reading: Reading) -> Figure:
    """Step 3.1: the chosen character's row of the embedding table, and the characters whose rows are most like it."""
    V, C = reading.config.vocab_size, reading.config.n_embd
    some = sorted({*range(min(V, CHARACTERS)), reading.ids[reading.at]})
    space = inspection.token_space(reading.model, some)
    token = reading.trace({"token_embedding"}).token_embedding[reading.at]
    shown = [
        blocks.table(
            "The characters whose rows point most nearly the same way",
            ["", "character", "[cosine](term:)", "class"],
            [
                [str(rank), blocks.chars(char), bar(cosine, number(cosine)), of]
                for rank, (char, cosine, of) in enumerate(_near(space, reading), 1)
            ],
            "The cosine is 1 for the same direction, 0 for none in common, and below 0 for opposite ones, which get no "
            "bar.",
        )
    ]
    return Figure(
        [
            blocks.vectors(
                "The row of the chosen character", [blocks.vector(f"W_E[{reading.ids[reading.at]}]", token)]
            ),
            *shown,
        ],
        {
            "V": f"{V:,}",
            "C": f"{C:,}",
            "product": f"{V * C:,}",
            "id": str(reading.ids[reading.at]),
            "norm": number(token.double().norm().item()),
        },
        reading.python(
            "from strivelm.inspection import neighbours, token_space",
            "row = model.tok.weight[model.tokenizer.encode(text)[at]]",
            "print(row.shape, row.norm().item())",
            f"print(neighbours(token_space(model{'' if len(some) == V else f', {some}'}), text[at]).to_dict())",
        ),
        attempt={"text": "To be, or not to be", "at": 3},
    )


def _near(space: inspection.Space, reading: Reading) -> list[tuple[str, float, str]]:
    if len(space.chars) < 2:
        return []
    found = inspection.neighbours(space, reading.text[reading.at], 5)
    return list(zip(found.chars, found.cosine.tolist(), found.classes, strict=True))


def positions(reading: Reading) -> Figure:
    """Step 3.2: the position's row added to the character's, and what the loss is without it."""
    recorded = reading.trace({"token_embedding", "position_embedding", "residual"})
    at, T, C = reading.at, reading.config.block_size, reading.config.n_embd
    token, place, total = recorded.token_embedding[at], recorded.position_embedding[at], recorded.residual[0, at]
    same = [i for i, char in enumerate(reading.text) if char == reading.char]
    units = unit(recorded.residual[0, same])
    alike = (units @ units.T)[same.index(at)].tolist()
    rows = [
        [str(i), bar(cosine, number(cosine, 4)), "chosen" if i == at else ""]
        for i, cosine in list(zip(same, alike, strict=True))[:8]
    ]
    return Figure(
        [
            blocks.vectors(
                "What enters the first block",
                [
                    blocks.vector("character", token),
                    blocks.vector(f"position {at}", place, "+"),
                    blocks.vector("sum", total, "="),
                ],
            ),
            blocks.table(
                "The same character at other places of your text",
                ["position", "cosine of its sum with the chosen one's", ""],
                rows,
                "Without positions all of these would be 1: the model could not tell the places apart.",
            ),
            switched_off(reading, ("no_positions",)),
        ],
        {"T": f"{T:,}", "C": f"{C:,}", "product": f"{T * C:,}", "at": str(at), "last": f"{T - 1:,}"},
        reading.python(
            "from strivelm import trace\n"
            "from strivelm.inspection.component_ablation import component_losses\n"
            "from strivelm.inspection.vectors import unit",
            "recorded = trace(model, text)",
            "row, place = recorded.token_embedding[at], recorded.position_embedding[at]",
            "print((row + place - recorded.residual[0, at]).abs().max().item())  # 0",
            "same = [i for i, char in enumerate(text) if char == text[at]]",
            "units = unit(recorded.residual[0, same])",
            "print(same, (units @ units.T)[same.index(at)].tolist())  # the cosines",
            *experiment(reading, "no_positions"),
        ),
        attempt={"text": "aaaa", "at": 0},
    )


def experiment(reading: Reading, *names: str) -> tuple[str, ...]:
    """Lines that print what `switched_off` shows of the reader's text; of a single character there is no loss."""
    if not 2 <= len(reading.text) <= reading.config.block_size:
        return ()
    shown = ", ".join(f"found.{name}" for name in ("whole", *names))
    return f"found = component_losses(model, text, {names!r})", f"print({shown})"


# -- what the loss becomes without a kind of part ----------------------------------------------------------------------

COMPONENTS = {
    "whole": "All parts",
    "no_positions": "No positions",
    "no_attention": "No attention",
    "one_head": "One head a layer",
    "no_mlps": "No MLPs",
}
_texts: WeakKeyDictionary[GPT, str] = WeakKeyDictionary()
"""What each open model wrote itself: it takes longest, and is the same every time."""


def own_text(opened: OpenModel) -> str:
    """A text that the model writes itself, the same every time: at temperature 1, from seed 0, after a line break."""
    model, start = opened.model, opened.model.tokenizer.start
    if model not in _texts:
        config = SamplingConfig(max(1, min(WRITTEN, model.block_size) - 1), 1.0, 0, seed=0)
        steps = generate(model, model.tokenizer.encode(start), config)
        _texts[model] = start + model.tokenizer.decode([step.id for step in steps])
    return _texts[model]


def switched_off(reading: Reading, names: tuple[str, ...]) -> dict:
    """A table: what the loss becomes without a kind of part, on the model's own text and on the reader's."""
    texts = {"its own text": own_text(reading.opened), "your text": reading.text}
    texts = {name: text for name, text in texts.items() if 2 <= len(text) <= reading.config.block_size}
    columns = [(name, component_losses(reading.model, text, names)) for name, text in texts.items()]
    rows = []
    for name in ("whole", *names):
        label, cells = COMPONENTS[name], []
        for _, found in columns:
            value = getattr(found, name)
            value = min(value) if name == "one_head" else value
            cells.append(number(value, 4))
        rows.append([label, *cells])
    V = reading.config.vocab_size
    note = "[Nats](term:nat) per character. "
    if "its own text" in texts:
        wrote = plural(len(texts["its own text"]), "character")
        note += f"Its own text: {wrote} that the model wrote itself (temperature 1, seed 0). "
    note += "Of the heads, each number is for the one that does best alone. " if "one_head" in names else ""
    note += (
        f"Guessing among {plural(V, 'character')} costs ln {V:,} = {number(facts_of(reading.opened).uniform_loss, 4)}."
    )
    return blocks.table("An experiment: switched off", ["", *(name for name, _ in columns)], rows, note)
