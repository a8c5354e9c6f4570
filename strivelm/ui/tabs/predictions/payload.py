"""What the Predictions tab asks: surprisals, the logit lens, which parts speak for a character, parts switched off.

Every answer to a question about a text begins with what the model reads of it (`_read`), and ends with the Python lines
that compute the same.
"""

import math
from collections.abc import Iterator

import torch

from strivelm import inspection
from strivelm.inspection.lens import NEEDED
from strivelm.inspection.parts import mlp_name, parse_parts
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec, costs
from strivelm.ui.core.models import name_of
from strivelm.ui.core.python_lines import load_line, open_line
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import start_from
from strivelm.ui.core.samples import sample

TOP = 5
"""How many of the likeliest characters are listed at each place."""
LIKELIEST, CHANGED = 4, 5
"""Of the next characters so many are shown that were likeliest, and so many whose probability changed most."""
POSITION_WINDOWS = 128
"""On how many windows the loss by position is measured at most."""
MEAN_CHARACTERS = 4_096
"""Over how many characters of a longer text a part's mean is taken."""
MAP_WINDOWS = 8
"""On how many windows of a longer text the map of all parts is measured at most."""
CAUTION = 4
"""By how much slower than `limits.SPEED` the map of all parts is taken to be where its text is cut to fit."""
METHODS = ("zero", "mean")
"""What can stand in the place of a part that is off: 0, or its mean over the text."""


@question("predictions.losses", costs=costs.reading(logits=80, passes=2))
def losses(opened: OpenModel, text: str) -> dict:
    """Each character's surprisal, the n-gram tables' beside it, and what else was likely there.

    Raises ValueError, a sentence, for a text that is too long.
    """
    ids, about = _read(opened, text)
    logits = inspection.trace(opened.model, ids, keep={"logits"}).logits.cpu()
    order = logits.sort(dim=-1, descending=True, stable=True).indices[:, :TOP]
    p = logits.double().softmax(-1).gather(-1, order)
    about |= {"top": _chars(opened, order), "top_p": codec.probabilities(p), "many": order.shape[1]}
    about |= {"ln_v": math.log(opened.model.vocab_size)}
    return about | (_surprisals(opened, ids) if len(ids) > 1 else _no_surprisals(opened, ids))


def _surprisals(opened: OpenModel, ids: list[int]) -> dict:
    found = inspection.surprisal(opened.model, ids, opened.ngrams)
    python = (
        "from strivelm import open_model",
        "from strivelm.inspection import surprisal",
        "",
        open_line(opened),
        f"found = surprisal(opened.model, {opened.model.tokenizer.decode(ids)!r}, opened.ngrams)",
        "print(found.mean, dict(zip(found.table_names, found.table_means)))",
        "losses = [*found.tables, found.model]  # of each table, and of the model",
        "so_far = [loss.nan_to_num().cumsum(0) / (~loss.isnan()).cumsum(0) for loss in losses]",
        'print(found.to_frame("chars", "model", "entropy", "rank"))',
    )
    place = (
        "from strivelm.inspection import trace",
        "expected = trace(opened.model, found.ids, keep={'logits'}).logits[{place}].softmax(-1).topk({top})",
        "print([opened.model.tokenizer.chars[i] for i in expected.indices], expected.values)",
    )
    return {
        "nats": codec.f32(found.model),
        "entropy": codec.f32(found.entropy),
        "rank": codec.f32(found.rank),
        "mean": found.mean,
        "tables": list(found.table_names),
        "table_nats": codec.f32(found.tables),
        "table_means": codec.finites(found.table_means),
        "note": found.note,
        "python": "\n".join(python),
        "python_place": "\n".join(place).replace("{top}", str(min(TOP, opened.model.vocab_size))),
    }


def _no_surprisals(opened: OpenModel, ids: list[int]) -> dict:
    """Of one character: what comes next is all there is to say."""
    char = opened.model.tokenizer.decode(ids)
    nothing = codec.f32([math.nan])
    return {
        "nats": nothing,
        "entropy": nothing,
        "rank": nothing,
        "mean": None,
        "tables": [],
        "table_nats": "",
        "table_means": [],
        "note": "One character: nothing came before it, so it has no surprisal.",
        "python": _python(opened, "trace", f"print(trace(model, {char!r}).probabilities[-1])"),
    }


@question("predictions.lens", costs=costs.lens_costs)
def lens(opened: OpenModel, text: str) -> dict:
    """The likeliest characters at each depth and place, and how far each is from the final prediction.

    Raises ValueError, a sentence, for a text that is too long.
    """
    ids, about = _read(opened, text)
    found = inspection.logit_lens(opened.model, ids, top=TOP)
    lines = (
        f"found = logit_lens(model, {about['text']!r})",
        'print(found.to_frame("top_chars", "top_probabilities"), found.to_frame("kl"))',
    )
    return about | {
        "depths": list(found.depths),
        "many": found.top_ids.shape[-1],
        "top": _chars(opened, found.top_ids),
        "top_p": codec.probabilities(found.top_probabilities),
        "kl": codec.f32(found.kl),
        "appears": found.appears.tolist(),
        "settles": found.settles.tolist(),
        "python": _python(opened, "logit_lens", *lines),
    }


@question("predictions.attribution", costs=costs.attribution)
def attribution(
    opened: OpenModel, text: str, at: int = -1, char: str | None = None, against: str | None = None
) -> dict:
    """What each part of the model adds to the logit of a character to come next, and who else could be asked about.

    Args:
        at: after which place; negative ones count from the end.
        char: the character; None for the likeliest.
        against: None for its logit alone, "mean" or another character for how far it leads.

    Raises ValueError or IndexError, a sentence, for a text that is too long, a place or a character that is not there.
    """
    ids, about = _read(opened, text)
    recorded = inspection.trace(opened.model, ids, keep=NEEDED)
    found = inspection.direct_logit_attribution(opened.model, recorded, at, char, against)
    logits = recorded.logits[found.position].cpu().double()
    order = logits.argsort(descending=True, stable=True)
    rival = "" if found.against is None else f", against={found.against!r}"
    call = f"direct_logit_attribution(model, {about['text']!r}, {found.position}, {found.char!r}{rival})"
    return about | {
        "at": found.position,
        "char": found.char,
        "against": found.against,
        "names": [_part_name(name) for name in found.parts],
        "parts": list(found.parts.values()),
        "total": found.total,
        "logit": found.logit,
        "error": found.error,
        "likely": _chars(opened, order),
        "p": codec.probabilities(logits.softmax(-1)[order]),
        "python": _python(opened, "direct_logit_attribution", f"found = {call}"),
    }


@question("predictions.ablation", costs=costs.reading(logits=60, passes=3))
def ablation(opened: OpenModel, text: str, parts: str = "", how: str = "zero", at: int = -1) -> dict:
    """The losses of a text, and the prediction after one place, with all parts and with some switched off.

    Args:
        parts: which are off, as in "0.1,2.0,2.m": heads by layer and number, MLPs by layer.
        how: what stands in their place, "zero" or "mean".
        at: after which place; negative ones count from the end.

    Raises ValueError or IndexError, a sentence, for a text that is too long, a part or a place that is not there.
    """
    ids, about = _read(opened, text)
    model = opened.model
    heads, mlps = parse_parts(parts, model.config)
    found = inspection.ablate(model, ids, heads, mlps, _reference(ids, how), at, top=CHANGED)
    # What was likeliest, and what changed most where anything is off.
    likeliest = found.before.argsort(descending=True, stable=True)[:LIKELIEST].tolist()
    shown = likeliest + (found.changed_ids.tolist() if heads or mlps else [])
    shown = sorted(dict.fromkeys(shown), key=lambda id: -found.before[id].item())
    given = f"{heads}, {mlps}{', text' if how == 'mean' else ''}"
    lines = (
        f"text = {about['text']!r}",
        f"found = ablate(model, text, {given}, position={found.position}, top={CHANGED})",
        "print(found.loss_before, found.loss_after, found.kl[found.position])",
        "print({char: (found.before[i], found.after[i]) for i, char in enumerate(model.tokenizer.chars)})",
        'print(found.to_frame("chars", "surprisal_before", "surprisal_after"))',
    )
    return about | {
        "at": found.position,
        "heads_off": heads,
        "mlps_off": mlps,
        "method": how,
        "before": codec.f32(found.surprisal_before),
        "after": codec.f32(found.surprisal_after),
        "kl": codec.f32(found.kl),
        "loss_before": codec.finite(found.loss_before),
        "loss_after": codec.finite(found.loss_after),
        "next": [[_chars(opened, torch.tensor(id)), found.before[id].item(), found.after[id].item()] for id in shown],
        "python": _python(opened, "ablate", *lines),
    }


@question("predictions.survey", seconds=limits.SECONDS, cached=True, costs=costs.survey)
def survey(opened: OpenModel, text: str | None = None, how: str = "zero") -> Iterator[dict]:
    """Yields the map of all parts, each switched off by itself: first what it is measured on, then its numbers.

    The numbers come after every few windows, each time for all that was read so far.

    Args:
        text: what to measure on; None for a longer one, validation text where there is some.
        how: what stands in a part's place, "zero" or "mean".

    Raises ValueError, a sentence, for a text of one character, which has no loss.
    """
    if text is None:
        longer = sample(opened)
        ids, most, said, line, needs = longer.ids, MAP_WINDOWS, longer.description, longer.python, longer.import_line
        ids, most = _affordable(opened, ids, most)
        if len(ids) < len(longer.ids):
            line += f"\ntext = text[:{len(ids)}]"
            said += f" As it has many parts, only {len(ids):,} characters are read."
    else:
        ids, about = _read(opened, text)
        most, line, needs = None, f"text = {about['text']!r}", ""
        said = "Measured on this text alone, in one window: it has no standard error, and another text may differ."
    if len(ids) < 2:
        raise ValueError("A text of one character has no loss to map; type a second one, or take the longer text.")
    window = min(len(ids) - 1, opened.model.block_size)
    costs.check(costs.every_part_off, opened.model, window, limits.SECONDS, limits.ANSWER_BYTES)
    reference = _reference(ids[:MEAN_CHARACTERS], how)
    mean = f", text[:{MEAN_CHARACTERS}]" if how == "mean" else ""
    lines = (
        line,
        f"*_, found = ablation_map(model, text{mean}, most={most})",
        'print(found.to_frame("heads", "heads_error"), found.mlps, found.mlps_error)',
    )
    yield {"said": said, "long": text is None, "python": _python(opened, "ablation_map", *lines, needs=needs)}
    for found in inspection.ablation_map(opened.model, ids, reference, most):
        yield found.to_dict()


def _affordable(opened: OpenModel, ids: torch.Tensor, most: int) -> tuple[torch.Tensor, int]:
    """As much of a text, and as many windows of it, as all parts can be switched off on within the time."""
    model, enough = opened.model, limits.SPEED * limits.SECONDS / CAUTION

    def fits(characters: int) -> bool:
        return costs.every_part_off(model, characters).work <= enough

    window = min(len(ids) - 1, model.block_size)
    if model.tok.weight.device.type != "cpu":
        return ids, most
    if not fits(window):
        return ids[: max(2, costs.longest(fits, window) + 1)], 1
    return ids, max(1, min(most, int(enough / costs.every_part_off(model, window).work)))


@question("predictions.loss_by_position", seconds=limits.SECONDS, cached=True, costs=costs.survey)
def loss_by_position(opened: OpenModel) -> Iterator[dict]:
    """Yields the loss by how many characters the model had in view: first what it is measured on, then its numbers.

    The numbers come after every few windows, each time for all that was read so far.
    """
    text = sample(opened)
    lines = (
        text.python,
        f"*_, found = loss_by_position(model, text, most={POSITION_WINDOWS})",
        'print(found.to_frame("least", "most", "bin_mean", "bin_error"))',
    )
    yield {
        "model": name_of(opened.ref),
        "uniform": math.log(opened.model.vocab_size),
        "said": text.description,
        "held_out": text.held_out,
        "python": _python(opened, "loss_by_position", *lines, needs=text.import_line),
    }
    for found in inspection.loss_by_position(opened.model, text.ids, POSITION_WINDOWS):
        numbers = found.to_dict()
        yield {name: numbers[name] for name in numbers if name not in ("seen", "mean", "error")}


def _read(opened: OpenModel, text: str) -> tuple[list[int], dict]:
    """The ids that the model reads of a text, and what all answers say of it and of the model."""
    start = start_from(opened.model, limits.checked_prompt(text))
    ids, config = start.ids[-opened.model.block_size :], opened.model.config
    return ids, {
        "model": name_of(opened.ref),
        "text": opened.model.tokenizer.decode(ids),
        "notes": list(start.notes),
        "many_chars": opened.model.vocab_size,
        "layers": config.n_layer,
        "heads": config.n_head,
    }


def _part_name(name: str) -> str:
    """A name of `LogitAttribution.parts` as `parse_parts` reads it: "MLP 2" is "2.m", and what is no MLP stays."""
    kind, _, layer = name.partition(" ")
    return mlp_name(int(layer)) if kind == "MLP" else name


def _reference(ids: list[int] | torch.Tensor, how: str) -> list[int] | torch.Tensor | None:
    """The text over which a part's mean is taken; None where 0 stands in its place."""
    if how not in METHODS:
        raise ValueError(f"What stands in a part's place is {how!r:.40}; expected zero or mean.")
    return ids if how == "mean" else None


def _python(opened: OpenModel, name: str, *lines: str, needs: str = "") -> str:
    """Lines that compute what a view shows, with `model` and a function of inspection at hand."""
    imports = ("from strivelm import load_model", needs, f"from strivelm.inspection import {name}")
    return "\n".join([*filter(None, imports), "", load_line(opened), *lines])


def _chars(opened: OpenModel, ids: torch.Tensor) -> str:
    """The characters of ids of any shape, in one string."""
    return opened.model.tokenizer.decode(ids.flatten().tolist())
