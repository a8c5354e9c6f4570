"""Steps 4 to 8: the whole, its training, its writing, and what came of it."""

import math
import time
from typing import TypeGuard

import torch

from strivelm import inspection
from strivelm.generation import SamplingConfig, distribution, generate
from strivelm.inspection.architecture import architecture
from strivelm.ui.core.models import facts_of
from strivelm.ui.limits import CHARACTERS, HOTTEST, MOST_K
from strivelm.ui.tabs.generate.columns_payload import PRESETS
from strivelm.ui.tabs.learn.lessons import blocks, youth
from strivelm.ui.tabs.learn.lessons.blocks import bar, number, share
from strivelm.ui.tabs.learn.lessons.drawing import diagram
from strivelm.ui.tabs.learn.lessons.reading import MOST_WRITTEN, Figure, Reading
from strivelm.words import plural

NOTEBOOK = (
    *((0, 3.739, 3.793), (50, 2.287, 2.866), (100, 1.782, 2.872), (150, 1.217, 3.026), (200, 0.768, 3.232)),
    *((250, 0.482, 3.519), (300, 0.321, 3.688), (350, 0.230, 3.847), (400, 0.180, 4.043), (450, 0.147, 4.018)),
    (500, 0.128, 4.058),
)
"""(step, training, validation) loss of the notebook's own run on its 603 characters, measured with
`scripts/train.py --preset seed --data input.txt --threads 1 --precision float32`."""
PATIENCE = 0.9
"""Seconds that the playground writes."""
MOST_DRAWN = 400
"""How many characters a map of the vocabulary shows."""


def whole(reading: Reading) -> Figure:
    """Step 4: every part with its numbers, and the diagram."""
    found = architecture(reading.model)
    rows = [
        [name, form, f"{closed:,}", f"{counted:,}", f"× {times}" if times > 1 else "", f"{counted * times:,}"]
        for name, form, closed, counted, times in zip(
            found.names, found.forms, found.closed, found.counted, found.times, strict=True
        )
    ]
    rows.append(["all", "V·C + T·C + L(12C² + 9C) + 2C", f"{found.closed_total:,}", "", "", f"{found.total:,}"])
    c = reading.config
    return Figure(
        [
            blocks.table(
                "Every number that the model has learnt",
                ["part", "formula", "its value", "counted", "blocks", "together"],
                rows,
                f"V = {c.vocab_size:,}, T = {c.block_size:,}, L = {c.n_layer}, C = {c.n_embd:,}. The number of heads, "
                f"{c.n_head}, is in none of the formulas: heads share out the width.",
                len(rows) - 1,
            )
        ],
        {
            "total": f"{found.total:,}",
            "blocks": share(c.n_layer * (12 * c.n_embd**2 + 9 * c.n_embd) / found.total),
            "L": f"{c.n_layer}",
        },
        reading.python(
            "from strivelm.inspection.architecture import architecture",
            "found = architecture(model)",
            "print(found.closed_total, found.total, model.num_parameters())",
        ),
        diagram=diagram(reading),
        attempt={"box": "head"},
    )


# -- training ----------------------------------------------------------------------------------------------------------


def training(reading: Reading) -> Figure:
    """Step 5: a model's film, the loss of the reader's text, this model's own loss curve, and the notebook's."""
    facts, chosen, nats = facts_of(reading.opened), reading.chosen, losses(reading)
    mean = sum(nats[1:]) / len(nats[1:]) if len(nats) > 1 else math.nan
    V, best = facts.uniform_loss, facts.validation_loss
    return Figure(
        [
            blocks.film(
                "A model learns to write",
                reading.text,
                chosen.seed,
                youth.refs(),
                "The model called film, 420,480 numbers, kept twelve snapshots while it learnt. Each goes on with your "
                f"text, all from one seed ({chosen.seed}), at temperature {youth.TEMPERATURE:g}.",
            ),
            _loss_here(reading, nats, mean),
            _loss_curve(reading),
            blocks.curve(
                "The notebook's own run: 409,088 numbers learn 603 characters",
                [
                    ("training text", [(step, loss) for step, loss, _ in NOTEBOOK]),
                    ("validation text", [(step, loss) for step, _, loss in NOTEBOOK]),
                ],
                [],
                "step",
                "nats per character",
                "The validation loss turns at step 50 and rises: from there on the run learns its text by heart "
                "(overfitting). The weights to keep are those of step 50.",
            ),
        ],
        {
            "V": f"{len(facts.vocabulary):,}",
            "lnV": number(V),
            "mean": number(mean),
            "among": among(mean),
            "best": "not recorded"
            if best is None
            else f"as unsure as a fair choice among {among(best)} characters, {number(best)} nats",
        },
        reading.python(
            "from strivelm import load_model\nfrom strivelm.inspection import surprisal",
            *(["nats = surprisal(model, text).model", "print(nats, (-nats).exp())"] if len(nats) > 1 else []),
            "print(opened.validation_loss, opened.training.get('evaluations'))",
            *youth.lines(chosen.seed),
            record=True,
        ),
        controls=[blocks.button("Another seed", seed=chosen.seed + 1)],
        tint=[min(value / V, 1.0) if V else 0.0 for value in nats],
        legend=f"The background of each character is its loss, from 0 to ln V = {number(V)} and more.",
        attempt={"text": "To be, or not to beq"},
    )


def _loss_here(reading: Reading, nats: list[float], mean: float) -> dict:
    """A table: what the character after the chosen one cost."""
    at, chars = reading.at, reading.text
    if at + 1 >= len(chars):
        note = "Nothing of your text comes after the last character: pick an earlier one to see what its guess cost."
        return blocks.table("The loss at the chosen character", [""], [], note)
    p = math.exp(-nats[at + 1])
    return blocks.table(
        "The loss at the chosen character",
        ["what came next", "its probability", "as likely as", "−ln p, in [nats](term:nat)"],
        [[blocks.chars(chars[at + 1]), bar(p), f"1 in {number(1 / p) if p else '∞'}", number(nats[at + 1])]],
        f"Over the {plural(len(chars) - 1, 'character')} of your text that can be predicted, it is as unsure as a "
        f"choice among {among(mean)}. The mean is {number(mean)}.",
    )


def _loss_curve(reading: Reading) -> dict:
    """The losses that were recorded while this model learnt."""
    facts, record = facts_of(reading.opened), reading.opened.training.get("evaluations")
    points = {name: evaluations(record, name) for name in ("train", "validation")}
    counted = [(name, value) for name, value in facts.ladder if name != "uniform"]
    if not any(points.values()):
        note = "This model came without a record of its training, so its loss curve cannot be drawn."
        return blocks.passage("This model while it learnt", note)
    names = {"train": "training text", "validation": "validation text"}
    tables = ", and tables that only count what followed the last few" if counted else ""
    return blocks.curve(
        "This model while it learnt",
        [(names[name], found) for name, found in points.items() if found],
        [("guessing", facts.uniform_loss), *counted],
        "step",
        "nats per character",
        f"Dashed: guessing among all characters{tables}.{teachers_note(reading.opened.training)}",
    )


def among(nats: float) -> str:
    """Among how many characters it would be as hard to choose: e to the nats."""
    return number(math.exp(min(nats, 700.0)))


def teachers_note(record: dict) -> str:
    """A sentence on who taught a model besides its text; nothing of one that had no teachers."""
    teachers = record.get("teachers")
    if not isinstance(teachers, list) or not teachers:
        return ""
    they = "another model expects" if len(teachers) == 1 else f"{len(teachers)} other models expect on average"
    return f" Beside the text, this model learnt what {they} of it (distillation)."


def evaluations(record: object, name: str) -> list[tuple[int, float]]:
    """(step, loss) of what a training record says, as far as it is numbers: a folder may hold anything."""
    found = []
    for one in record if isinstance(record, list) else []:
        step, loss = (one.get("step"), one.get(name)) if isinstance(one, dict) else (None, None)
        if _is_number(step) and _is_number(loss) and math.isfinite(loss) and 0 <= step < 1e12:
            found.append((int(step), float(loss)))
    return found


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def losses(reading: Reading) -> list[float]:
    """-ln p of each character of the text; of the first, which nothing predicts, 0."""
    if len(reading.text) < 2:
        return [0.0]
    found = inspection.surprisal(reading.model, reading.text).model
    return [0.0, *found[1:].tolist()]


# -- writing -----------------------------------------------------------------------------------------------------------


def generation(reading: Reading) -> Figure:
    """Step 6: the model's own distribution, and what temperature and top-k make of it."""
    chosen, logits = reading.chosen, reading.trace({"logits"}).logits[reading.at].float().cpu()
    chars, own = reading.model.tokenizer.chars, logits.double().softmax(-1)
    sampled = _chosen(logits, chosen.temperature, chosen.top_k)
    order = own.argsort(descending=True, stable=True)[:12].tolist()
    rows = []
    for name, (hot, k) in [
        *((name, preset[:2]) for name, preset in PRESETS.items()),
        ("As set above", (chosen.temperature, chosen.top_k)),
    ]:
        p = _chosen(logits, hot, k)
        entropy = -torch.xlogy(p, p).sum().item()
        rows.append(
            [name, f"{hot:g}", str(k or "all"), str(int((p > 0).sum())), bar(p.max().item()), number(math.exp(entropy))]
        )
    temperature = f"{chosen.temperature:g}"
    return Figure(
        [
            blocks.bars(
                "What comes next, after the chosen character",
                ["the model's own", "as set"],
                [(chars[i], own[i].item(), sampled[i].item()) for i in order],
                f"The likeliest {len(order)} of {plural(len(chars), 'character')}.",
            ),
            blocks.table(
                "The notebook's three settings, here",
                ["", "temperature", "top-k", "possible", "the likeliest", "a choice among"],
                rows,
                "The last column is e to the [entropy](term:): among how many equally likely characters it would be as "
                "hard to guess.",
                len(rows) - 1,
            ),
        ],
        {"temperature": temperature, "k": str(chosen.top_k or "all")},
        reading.python(
            "from strivelm import SamplingConfig, trace\nfrom strivelm.generation import distribution",
            "logits = trace(model, text).logits[at]",
            f"for temperature, top_k in {[list(preset[:2]) for preset in PRESETS.values()]}:",
            "    p = distribution(logits, SamplingConfig(temperature=temperature, top_k=top_k))",
            "    print(temperature, top_k, int((p > 0).sum()), p.max().item(), (-p.xlogy(p).sum()).exp().item())",
            f"p = distribution(logits, SamplingConfig(temperature={temperature}, top_k={chosen.top_k}))",
            "for i in logits.argsort(descending=True)[:12].tolist():",
            "    print(repr(model.tokenizer.chars[i]), logits.softmax(-1)[i].item(), p[i].item())",
            "print(int((p > 0).sum()), p.max().item(), (-p.xlogy(p).sum()).exp().item())",
        ),
        [
            blocks.slider("temperature", "Temperature", 0, HOTTEST, 0.05, chosen.temperature),
            blocks.slider("top_k", "Top-k (0: all)", 0, min(MOST_K, len(chars)), 1, min(chosen.top_k, len(chars))),
            *(blocks.button(name, temperature=hot, top_k=k) for name, (hot, k, _) in PRESETS.items()),
        ],
        attempt={"temperature": 0, "top_k": 0},
    )


def _chosen(logits: torch.Tensor, temperature: float, top_k: int) -> torch.Tensor:
    """The probabilities from which a character is drawn, (V,) in float64."""
    return distribution(logits, SamplingConfig(1, temperature, top_k)).double()


def playground(reading: Reading) -> Figure:
    """Step 7: the model writes after the reader's text."""
    chosen = reading.chosen
    config = SamplingConfig(chosen.count, chosen.temperature, chosen.top_k, seed=chosen.seed)
    characters, nats, began = [], [], time.perf_counter()
    for step in generate(reading.model, reading.ids, config):
        characters.append(reading.model.tokenizer.chars[step.id])
        nats.append(step.surprisal)
        if time.perf_counter() - began > PATIENCE:
            break
    text, count = "".join(characters), len(characters)
    note = "" if count == chosen.count else f"It stopped after {count:,} characters, so as not to keep you waiting. "
    mean = sum(nats) / max(1, count)
    note += f"The stronger its background, the more a character surprised the model: {number(mean)} nats on average."
    return Figure(
        [blocks.written("What the model writes after your text", reading.text, text, nats, note)],
        {
            "count": str(chosen.count),
            "seed": str(chosen.seed),
            "T": f"{reading.config.block_size:,}",
        },
        reading.python(
            "",
            f"print(model.generate(text, {chosen.count}, temperature={chosen.temperature:g}, "
            f"top_k={chosen.top_k}, seed={chosen.seed}))",
        ),
        [
            blocks.slider("temperature", "Temperature", 0, HOTTEST, 0.05, chosen.temperature),
            blocks.slider("top_k", "Top-k (0: all)", 0, MOST_K, 1, chosen.top_k),
            blocks.slider("count", "Characters", 10, MOST_WRITTEN, 10, chosen.count),
            blocks.button("Another seed", seed=chosen.seed + 1),
        ],
        strip=False,
        attempt={"temperature": 0},
    )


# -- what it learnt ----------------------------------------------------------------------------------------------------


def learnt(reading: Reading) -> Figure:
    """Step 8: the configuration, the vocabulary as a map, and whether like lies beside like."""
    c = reading.config
    few = min(c.vocab_size, CHARACTERS)
    space = inspection.token_space(reading.model, range(few))
    facts, plane = facts_of(reading.opened), inspection.pca(space.vectors, 2)
    places = plane.coordinates if plane.coordinates.shape[1] == 2 else plane.coordinates.expand(-1, 2)
    points = list(zip(space.chars, places[:, 0].tolist(), places[:, 1].tolist(), space.classes, strict=True))
    sizes = [
        ["Vocabulary (V)", plural(c.vocab_size, "character")],
        ["Context (T)", plural(c.block_size, "character")],
        ["Layers (L)", str(c.n_layer)],
        ["Heads a layer (H)", str(c.n_head)],
        ["Width (C)", f"{c.n_embd:,}"],
        ["Dropout in training", f"{c.dropout:g}"],
        ["Validation loss", "not measured" if facts.validation_loss is None else f"{facts.validation_loss:.3f} nats"],
    ]
    many = c.vocab_size > MOST_DRAWN
    shown = [
        blocks.scatter(
            "The characters' rows, in the plane that shows most of them",
            points[:MOST_DRAWN],
            f"The first two principal components explain {share(float(plane.explained.sum()))} of how the rows differ "
            f"({share(2 * plane.even)} if no direction stood out)."
            + (f" The first {MOST_DRAWN} of {c.vocab_size:,} characters are shown." if many else ""),
        )
    ]
    purity = inspection.purity(space, same_letter=False) if c.vocab_size > 1 else None
    if purity:
        kinds = zip(
            purity.groups,
            purity.sizes.tolist(),
            purity.group_purity.tolist(),
            purity.group_chance.tolist(),
            strict=True,
        )
        shown.append(
            blocks.table(
                "Is the nearest character of the same class?",
                ["class", "characters", "share", "by chance"],
                [[name, str(size), bar(value), share(chance)] for name, size, value, chance in kinds],
                f"Over all: {share(purity.purity)}, by chance {share(purity.chance)}. A letter's own other case does "
                "not count as its neighbour: it would win too easily.",
            )
        )
    shown.append(blocks.table("Its configuration", ["", ""], sizes))
    return Figure(
        shown,
        {
            "V": f"{c.vocab_size:,}",
            "explained": share(float(plane.explained.sum())),
            "purity": share(purity.purity) if purity else "–",
            "chance": share(purity.chance) if purity else "–",
        },
        reading.python(
            "from strivelm.inspection import pca, purity, token_space",
            f"space = token_space(model{'' if few == c.vocab_size else f', range({few})'})",
            "plane = pca(space.vectors, 2)",
            "print(plane.explained, plane.coordinates, space.classes)",
            *(["print(purity(space, same_letter=False).to_dict())"] if c.vocab_size > 1 else []),
        ),
        attempt={"text": "aeiou", "at": 0},
    )
