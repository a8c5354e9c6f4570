"""What the tab Predictions computes: surprisals, the logit lens, who spoke for a character, parts switched off.

Every function takes an open model and plain Python and gives the value of a view, one string of JSON. Numbers that are
many travel in base64: probabilities p as 16 bits of √p (an error of at most 1/65535 · √p), the rest as float32.
"""

import base64
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from strivelm import inspection
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import prompts
from strivelm.ui.core.codec import dumps
from strivelm.ui.core.models import Facts, name_of
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
EXAMPLES = (
    "KING RICHARD:\nThe night is long, and I am sick at heart;\nGo tell the queen that I shall not come home.\n",
    "A fox met an old mouse in the forest. The mouse said nothing, and the fox went home hungry.\n",
)
NEEDED = {"token_embedding", "position_embedding", "residual", "z", "mlp_out", "lnf_scale", "logits"}
"""What a trace keeps for the lens and the attribution."""


# -- what is asked -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a visitor has chosen in the views, as far as it means something for this model and text."""

    at: int
    """The position whose next character is looked at."""
    char: str | None
    """The character whose logit is taken apart; None for the likeliest."""
    against: str | int | None
    """What it is compared with: None, "mean", or the id of a character."""
    heads: tuple[str, ...]
    """The heads that are switched off, each as "layer.head"."""
    mlps: tuple[int, ...]
    """The layers whose MLP is."""
    mean: bool
    """Whether their mean over the text stands in their place, or 0."""


def understood(opened: OpenModel, length: int, asked: str) -> Asked:
    """What the views ask for; what doesn't exist here, as in a link from another model, is left out.

    Args:
        length: how many characters the text has.
        asked: JSON of text fields: at (a position, "" for the last), char, against ("", "mean" or "=" and a
            character), off ("0.1,2.m": heads and MLPs), how ("zero" or "mean").
    """
    try:
        said = json.loads(asked or "{}")
    except ValueError:
        said = {}
    said = {name: str(value) for name, value in said.items()} if isinstance(said, dict) else {}
    config, known = opened.model.config, set(opened.model.tokenizer.chars)
    at, char, against = said.get("at", ""), said.get("char", ""), said.get("against", "")
    off = [part.partition(".") for part in said.get("off", "").split(",")]
    off = [(int(layer), part) for layer, _, part in off if _counts(layer, config.n_layer)]
    rival = opened.model.tokenizer.encode(against[1:])[0] if against[:1] == "=" and against[1:] in known else None
    return Asked(
        at=int(at) if _counts(at, length) else length - 1,
        char=char if char in known else None,
        against="mean" if against == "mean" else rival,
        heads=tuple(dict.fromkeys(f"{layer}.{int(part)}" for layer, part in off if _counts(part, config.n_head))),
        mlps=tuple(dict.fromkeys(layer for layer, part in off if part == "m")),
        mean=said.get("how") == "mean",
    )


def _counts(text: str, many: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 9 and int(text) < many


def default_text(facts: Facts) -> str:
    """A text that the model can read, of a few lines where it knows the letters for it."""
    examples = EXAMPLES if "shakespeare" in (facts.corpus or "").lower() else EXAMPLES[::-1]
    for text in examples:
        if set(text) <= set(facts.vocabulary):
            return text
    return "".join(prompts.examples(facts)) or facts.vocabulary[:1]


# -- all of it ---------------------------------------------------------------------------------------------------------


def look(opened: OpenModel, text: str, asked: str) -> Iterator[dict[str, str]]:
    """Yields what there is to see of a text, view by view: {"read", "notes", "losses"}, {"lens"}, {"attribution"} …

    Raises ValueError, a sentence, for a text that is too long.
    """
    start = start_from(opened.model, limits.checked_prompt(text))
    ids = start.ids[-opened.model.block_size :]
    read, choice = opened.model.tokenizer.decode(ids), understood(opened, len(ids), asked)
    recorded = inspection.trace(opened.model, ids, keep=NEEDED)
    yield {"read": read, "notes": "\n".join(start.notes), "losses": losses(opened, recorded, choice)}
    yield {"lens": lens(opened, recorded, choice)}
    yield {"attribution": attribution(opened, recorded, choice), "ablation": ablation(opened, ids, choice)}


def place(opened: OpenModel, text: str, asked: str) -> dict[str, str]:
    """{"attribution", "ablation"} for another place of a text that has been read."""
    return speaker(opened, text, asked) | part(opened, text, asked)


def speaker(opened: OpenModel, text: str, asked: str) -> dict[str, str]:
    """{"attribution"} for another character, or against another one."""
    ids = _ids(opened, text)
    return {"attribution": attribution(opened, ids, understood(opened, len(ids), asked))}


def part(opened: OpenModel, text: str, asked: str) -> dict[str, str]:
    """{"ablation"} with other parts switched off."""
    ids = _ids(opened, text)
    return {"ablation": ablation(opened, ids, understood(opened, len(ids), asked))}


def survey(opened: OpenModel, text: str, asked: str) -> Iterator[dict[str, str]]:
    """Yields {"ablation"} with the map of all parts, on this text or, where `asked` says where = "long", a longer one.

    Raises ValueError, a sentence, for a text of one character, which has no loss.
    """
    ids = _ids(opened, text)
    choice = understood(opened, len(ids), asked)
    longer = sample(opened) if json.loads(asked or "{}").get("where") == "long" else None
    if longer is None and len(ids) < 2:
        raise ValueError("A text of one character has no loss to map; type a second one, or take the longer text.")
    on, most = (ids, None) if longer is None else (longer.ids, MAP_WINDOWS)
    reference = on[:MEAN_CHARACTERS] if choice.mean else None
    if longer is None:
        said = "Measured on this text alone, in one window: it has no standard error, so take it as this text's story."
    else:
        said = longer.said
    lines = [longer.python if longer else f"text = {opened.model.tokenizer.decode(ids)!r}"]
    lines.append(
        f"*_, found = ablation_map(model, text{f', text[:{MEAN_CHARACTERS}]' if choice.mean else ''}, most={most})"
    )
    lines.append('print(found.to_frame("heads", "heads_error"), found.mlps, found.mlps_error)')
    for found in inspection.ablation_map(opened.model, on, reference, most):
        numbers = found.to_dict() | {"said": said, "long": longer is not None}
        numbers["python"] = _python(opened, "ablation_map", *lines, needs=longer.needs if longer else "")
        yield {"ablation": ablation(opened, ids, choice, numbers)}


def by_position(opened: OpenModel) -> Iterator[dict[str, str]]:
    """Yields {"position"}, the value of the view of the loss by position, as it is measured."""
    text = sample(opened)
    lines = (text.python, f"*_, found = loss_by_position(model, text, most={POSITION_WINDOWS})")
    lines += ('print(found.to_frame("least", "most", "bin_mean", "bin_error"))',)
    about = {"model": name_of(opened.ref), "uniform": math.log(opened.model.vocab_size)}
    about |= {"said": text.said, "held_out": text.held_out, "context": opened.model.block_size}
    about |= {"python": _python(opened, "loss_by_position", *lines, needs=text.needs)}
    for found in inspection.loss_by_position(opened.model, text.ids, POSITION_WINDOWS):
        numbers = found.to_dict()
        kept = {name: numbers[name] for name in numbers if name not in ("seen", "mean", "error")}
        yield {"position": dumps(about | kept)}


# -- one view each -----------------------------------------------------------------------------------------------------


def losses(opened: OpenModel, recorded: inspection.Trace, asked: Asked) -> str:
    """The value of the view of the losses: each character's surprisal, the tables' beside it, what else was likely."""
    ids, T = recorded.ids.cpu(), len(recorded.ids)
    order = recorded.logits.cpu().sort(dim=-1, descending=True, stable=True).indices[:, :TOP]
    p = recorded.logits.cpu().double().softmax(-1).gather(-1, order)
    value = _about(opened, recorded.chars, asked)
    value |= {"top": _chars(opened, order), "top_p": _p16(p), "ln_v": math.log(opened.model.vocab_size)}
    value |= {"many": order.shape[1], "tables": [], "table_means": [], "table_nats": "", "mean": None}
    if T > 1:
        found = inspection.surprisal(opened.model, ids, opened.ngrams)
        value |= {"nats": _f32(found.model), "entropy": _f32(found.entropy), "rank": _f32(found.rank)}
        value |= {"mean": found.mean, "tables": list(found.table_names), "table_nats": _f32(found.tables)}
        value |= {"table_means": found.to_dict()["table_means"], "note": found.note}
        lines = (
            f"found = surprisal(opened.model, {''.join(recorded.chars)!r}, opened.ngrams)",
            "print(found.mean, dict(zip(found.table_names, found.table_means)))",
            'print(found.to_frame("chars", "model", "entropy", "rank"))',
        )
        value["python"] = (
            "from strivelm import open_model\nfrom strivelm.inspection import surprisal\n\n"
            f"opened = open_model({name_of(opened.ref)!r})\n" + "\n".join(lines)
        )
    else:
        nothing = torch.full((T,), torch.nan)
        value |= {"nats": _f32(nothing), "entropy": _f32(nothing), "rank": _f32(nothing)}
        value["note"] = "One character: nothing came before it, so nothing could be surprised by it."
        value["python"] = _python(opened, "trace", f"print(trace(model, {recorded.chars[0]!r}).probabilities[-1])")
    return dumps(value)


def lens(opened: OpenModel, recorded: inspection.Trace, asked: Asked) -> str:
    """The value of the logit lens: the likeliest characters at each depth and place, and how far it has still to go."""
    found = inspection.logit_lens(opened.model, recorded, top=TOP)
    lines = (
        f"found = logit_lens(model, {''.join(recorded.chars)!r})",
        "found.top_chars[1][-1]  # after the first attention, at the last place",
    )
    lines += ('print(found.to_frame("top_chars", "top_probabilities"))', 'print(found.to_frame("kl"))')
    value = _about(opened, recorded.chars, asked) | {
        "depths": list(found.depths),
        "many": found.top_ids.shape[-1],
        "top": _chars(opened, found.top_ids),
        "top_p": _p16(found.top_probabilities),
        "kl": _f32(found.kl),
        "appears": found.appears.tolist(),
        "settles": found.settles.tolist(),
        "python": _python(opened, "logit_lens", *lines),
    }
    return dumps(value)


def attribution(opened: OpenModel, read: inspection.Trace | list[int], asked: Asked) -> str:
    """The value of the direct logit attribution of one place: each part's contribution, and who else could be asked."""
    model = opened.model
    recorded = read if isinstance(read, inspection.Trace) else inspection.trace(model, read, keep=NEEDED)
    found = inspection.direct_logit_attribution(model, recorded, asked.at, asked.char, asked.against)
    logits = recorded.logits[asked.at].cpu().double()
    order = logits.argsort(descending=True, stable=True)
    against = "" if found.against is None else f", against={found.against!r}"
    call = f"direct_logit_attribution(model, {''.join(recorded.chars)!r}, {asked.at}, {found.char!r}{against})"
    value = _about(opened, recorded.chars, asked) | {
        "char": found.char,
        "against": found.against,
        "names": list(found.parts),
        "parts": list(found.parts.values()),
        "total": found.total,
        "logit": found.logit,
        "error": found.error,
        "likely": _chars(opened, order),
        "p": _p16(logits.softmax(-1)[order]),
        "python": _python(opened, "direct_logit_attribution", f"found = {call}", "print(found.parts, found.error)"),
    }
    return dumps(value)


def ablation(opened: OpenModel, ids: list[int], asked: Asked, surveyed: dict | None = None) -> str:
    """The value of the view where parts are switched off: losses and predictions with and without, and a map if any."""
    model = opened.model
    reference = ids if asked.mean else None
    found = inspection.ablate(model, ids, asked.heads, asked.mlps, reference, asked.at, top=CHANGED)
    # What was likeliest, and what changed most where anything is off.
    likeliest = found.before.argsort(descending=True, stable=True)[:LIKELIEST].tolist()
    shown = likeliest + (found.changed_ids.tolist() if asked.heads or asked.mlps else [])
    shown = sorted(dict.fromkeys(shown), key=lambda id: -found.before[id].item())
    text = repr(model.tokenizer.decode(ids))
    parts = f"{list(asked.heads)}, {list(asked.mlps)}{', text' if asked.mean else ''}"
    call = f"found = ablate(model, text, {parts}, position={asked.at}, top={CHANGED})"
    lines = (f"text = {text}", call, "print(found.loss_before, found.loss_after, found.kl)")
    lines += ('print(found.to_frame("chars", "surprisal_before", "surprisal_after"))',)
    value = _about(opened, found.chars, asked) | {
        "layers": model.config.n_layer,
        "heads": model.config.n_head,
        "heads_off": list(asked.heads),
        "mlps_off": list(asked.mlps),
        "method": "mean" if asked.mean else "zero",
        "before": _f32(found.surprisal_before),
        "after": _f32(found.surprisal_after),
        "kl": _f32(found.kl),
        "loss_before": _finite(found.loss_before),
        "loss_after": _finite(found.loss_after),
        "next": [[_chars(opened, torch.tensor(id)), found.before[id].item(), found.after[id].item()] for id in shown],
        "map": surveyed,
        "python": _python(opened, "ablate", *lines),
    }
    return dumps(value)


# -- coding ------------------------------------------------------------------------------------------------------------


def _ids(opened: OpenModel, text: str) -> list[int]:
    return start_from(opened.model, limits.checked_prompt(text)).ids[-opened.model.block_size :]


def _about(opened: OpenModel, chars: tuple[str, ...], asked: Asked) -> dict:
    return {"model": name_of(opened.ref), "text": "".join(chars), "many_chars": opened.model.vocab_size, "at": asked.at}


def _python(opened: OpenModel, name: str, *lines: str, needs: str = "") -> str:
    """Lines that compute what a view shows, with `model` and a function of inspection at hand."""
    imports = ("from strivelm import load_model", needs, f"from strivelm.inspection import {name}")
    opening = f"\nmodel = load_model({name_of(opened.ref)!r})"
    return "\n".join([*filter(None, imports), opening, *lines])


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _coded(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _f32(numbers: torch.Tensor) -> str:
    return _coded(numbers.cpu().numpy().astype("<f4"))


def _chars(opened: OpenModel, ids: torch.Tensor) -> str:
    """The characters of ids of any shape, in one string."""
    return opened.model.tokenizer.decode(ids.flatten().tolist())


def _p16(probabilities: torch.Tensor) -> str:
    return _coded(np.rint(65535 * np.sqrt(probabilities.cpu().double().numpy())).astype("<u2"))
