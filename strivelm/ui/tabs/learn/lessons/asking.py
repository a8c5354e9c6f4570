"""What each step asks first. The questions come from the step's own numbers, so they differ by model and by text."""

import math
from dataclasses import replace

import torch

from strivelm import inspection
from strivelm.generation import SamplingConfig, distribution, generate
from strivelm.inspection.architecture import architecture
from strivelm.inspection.dropout import dropped
from strivelm.inspection.layer import NEEDED
from strivelm.ui.tabs.learn.lessons.answers import Ask, character, choice, guess, named, quoted
from strivelm.ui.tabs.learn.lessons.beginning import frequencies
from strivelm.ui.tabs.learn.lessons.block import inside_of
from strivelm.ui.tabs.learn.lessons.blocks import number, share
from strivelm.ui.tabs.learn.lessons.ending import losses
from strivelm.ui.tabs.learn.lessons.reading import Reading
from strivelm.words import plural

OFFERED = 4
"""How many answers a choice offers where there could be many."""
NEAR = 10.0
"""By how many per cent points a guessed share may be off."""
AGAIN = 40
"""How many characters are written twice over to see whether they are the same."""


def ask(reading: Reading) -> Ask | None:
    """The question of the step that is asked for; None where this model and text give nothing to ask."""
    found = ASKS[reading.chosen.step](reading)
    return found and replace(found, hides=HIDES.get(reading.chosen.step, ()))


def expected(reading: Reading) -> Ask:
    """Step 1: what comes next."""
    p, tokenizer = reading.probabilities[reading.at], reading.model.tokenizer
    best = int(p.argmax())
    first = f"its first choice is {named(tokenizer.chars[best])}, with {share(p[best].item())}"

    def check(answer: str) -> tuple[bool, str]:
        ids = tokenizer.encode_leniently(answer).ids
        if not ids:
            return False, f"The model does not know {named(answer)}, so it never expects it; {first}."
        if ids[0] == best:
            return True, f"The model expects it too: {first}."
        rank = int((p > p[ids[0]]).sum()) + 1
        given = f"It gives {named(answer)} {share(p[ids[0]].item())}, place {rank:,} of {len(p):,}"
        return False, f"{given}; {first}."

    return character(f"After {quoted(reading.text[: reading.at + 1])}, what do you think comes next?", check)


def frequent(reading: Reading) -> Ask:
    """Step 2: the most frequent character of the corpus; where nobody counted, how many ids the text needs."""
    counted, chars = frequencies(reading.opened), reading.model.tokenizer.chars
    if len(counted) < 2:
        different = len(set(reading.ids))
        says = f"Your text has {plural(len(reading.ids), 'character')}. How many different numbers does it become?"
        because = (
            f"It has {plural(different, 'different character')}, and the same character is always the same number."
        )
        return guess(says, different, because, "numbers")
    order = sorted(counted, key=lambda id: (-counted[id], id))[:OFFERED]
    options = [(str(id), named(chars[id])) for id in sorted(order)]
    rest = ", ".join(f"{named(chars[id])} {share(counted[id])}" for id in order[1:])
    because = f"{named(chars[order[0]])} is {share(counted[order[0]])} of its text; then come {rest}."
    says = "Which of these stands most often in the text that the model learnt from?"
    return choice(says, options, str(order[0]), because[0].upper() + because[1:])


def alike(reading: Reading) -> Ask | None:
    """Step 3.1: the nearest neighbour of the chosen character's row, beside three that are further away."""
    space = inspection.token_space(reading.model)
    others = len(space.chars) - 1
    if others < 2:
        return None
    found = inspection.neighbours(space, reading.ids[reading.at], others)
    ranks = sorted({0, others // 3, 2 * others // 3, others - 1})
    options = sorted((found.chars[rank], named(found.chars[rank])) for rank in ranks)
    says = (
        f"Each character has a row of {reading.config.n_embd:,} learnt numbers. Whose row of these is most like that "
        f"of {named(reading.char)}?"
    )
    cosines = ", ".join(f"{named(found.chars[rank])} {number(found.cosine[rank].item())}" for rank in ranks)
    return choice(says, options, found.chars[0], f"Their cosines, where 1 is the same direction: {cosines}.")


def same_place(reading: Reading) -> Ask:
    """Step 3.2: whether the same character is the same at another place; else which of two rows is longer."""
    recorded = reading.trace({"token_embedding", "position_embedding", "residual"})
    places = [i for i, char in enumerate(reading.text) if char == reading.char]
    if len(places) > 1:
        other = next(i for i in reversed(places) if i != reading.at)
        pair = recorded.residual[0, [reading.at, other]].double()
        cosine = torch.nn.functional.cosine_similarity(pair[0], pair[1], dim=0).item()
        says = (
            f"{named(reading.char)} stands at position {other} and at position {reading.at}. Does the first block read "
            "the same numbers at both?"
        )
        options = [("yes", "yes, it is the same character"), ("no", "no, the place is in them too")]
        same = "yes" if torch.equal(pair[0], pair[1]) else "no"
        because = f"The cosine of the two is {number(cosine, 4)}; without positions it would be 1."
        return choice(says[0].upper() + says[1:], options, same, because)
    row, place = (
        values[reading.at].norm().item() for values in (recorded.token_embedding, recorded.position_embedding)
    )
    says = f"Which weighs more in the sum: the row of {named(reading.char)}, or that of its position?"
    options = [("character", "the character's row"), ("position", "the position's row")]
    because = f"The character's row has length {number(row)}, the position's {number(place)}."
    return choice(says, options, "character" if row >= place else "position", because)


def looks_at(reading: Reading) -> Ask | None:
    """Step 3.3: where a query looks, beside its neighbour, itself and the text's beginning."""
    weights, at = inside_of(reading).attention, reading.at
    best = int(weights.argmax())
    order = weights.argsort(descending=True, stable=True).tolist()
    places = list(dict.fromkeys([best, at, at - 1, 0, *order]))
    options = sorted({i for i in places if i >= 0 and i <= at}, key=places.index)[:OFFERED]
    if len(options) < 2:
        return None
    labels = [(str(i), f"{named(reading.text[i])} at {i}{' (itself)' if i == at else ''}") for i in sorted(options)]
    says = (
        f"The model stands at {named(reading.char)}, position {at}. Which character does head {reading.head} of layer "
        f"{reading.layer} look at most?"
    )
    most = f"{share(weights[best].item())} of its weight goes to {named(reading.text[best])} at {best}"
    return choice(says, labels, str(best), f"{most}; shared out evenly, each would get {share(1 / (at + 1))}.")


def normed(reading: Reading) -> Ask | None:
    """Step 3.4: how long a vector is after LayerNorm."""
    found = inside_of(reading)
    norm = found.ln1 if reading.chosen.half == "attention" else found.ln2
    before, after, C = norm.before.norm().item(), norm.normalised.norm().item(), reading.config.n_embd
    known = {number(before): "as long as before", number(C**0.5): "the root of their count", "1.00": "1"}
    if len(known) < 3 or abs(after - C**0.5) > 0.05 * C**0.5:
        return None  # a width of 1, or numbers so small that ε counts
    options = [(value, value if label == "1" else f"{value}, {label}") for value, label in known.items()]
    says = (
        f"The {C:,} numbers of {named(reading.char)} have length {number(before)}. LayerNorm gives them mean 0 and "
        "variance 1. How long are they then?"
    )
    because = f"Their squares then sum to about {C:,}, so the length is near √{C:,}: here {number(after, 4)}."
    return choice(says, sorted(options, key=lambda option: float(option[0].replace(",", ""))), number(C**0.5), because)


def settles(reading: Reading) -> Ask:
    """Step 3.5: after how many additions the answer stands."""
    recorded = reading.trace({"residual", "attn_out", "mlp_out", "logits"})
    lens = inspection.logit_lens(reading.model, recorded)
    depth, last = int(lens.settles[reading.at]), len(lens.depths) - 1
    final = named(lens.top_chars[-1][reading.at][0])
    says = (
        f"After {quoted(reading.text[: reading.at + 1])} the model's first choice is {final}. On the way there it adds "
        f"to its numbers {last} times. After how many of these is it {final} for good? (Off by 1 counts as right.)"
    )
    when = f"After {depth} ({lens.depths[depth]})" if depth else "From the start, before anything is added,"
    return guess(says, depth, f"{when} it is {final} for good.", f"of {last}", near=1.0)


def active(reading: Reading) -> Ask:
    """Step 3.6: how many neurons are above 0."""
    pre = reading.trace({*NEEDED, "logits"}).mlp_pre[reading.layer, reading.at]
    found = 100 * (pre > 0).double().mean().item()
    says = (
        f"The MLP of layer {reading.layer} has {pre.numel():,} neurons. How many per cent of them are above 0 at "
        f"{named(reading.char)}?"
    )
    because = f"It is {share(found / 100)}: {int((pre > 0).sum()):,} of {pre.numel():,}."
    return guess(says, found, because, "%", NEAR)


def zeroed(reading: Reading) -> Ask:
    """Step 3.7: how many numbers dropout drops."""
    p, vector = reading.chosen.dropout, reading.trace({"mlp_out"}).mlp_out[reading.layer, reading.at]
    found = dropped(vector, p, reading.chosen.seed)
    count, mean = int((~found.kept).sum()), p * vector.numel()
    spread = math.sqrt(p * (1 - p) * vector.numel())
    says = f"Each of {vector.numel():,} numbers is set to 0 with probability {p:g}. How many are dropped this time?"
    because = f"This time {count:,}; on average {mean:,.4g}, give or take {number(spread, 2)}."
    return guess(says, count, because, "numbers", near=max(2 * spread, 0.5))


def blocks_share(reading: Reading) -> Ask:
    """Step 4: how much of the model its blocks are."""
    found = architecture(reading.model)
    c = reading.config
    inside = c.n_layer * (12 * c.n_embd**2 + 9 * c.n_embd)
    part = inside / found.total
    says = (
        f"The model has {found.total:,} learnt numbers. How many per cent of them are in its "
        f"{plural(c.n_layer, 'block')}? The rest are mainly the tables of characters and positions."
    )
    return guess(says, 100 * part, f"It is {share(part)}: {inside:,} of {found.total:,}.", "%", NEAR)


def surprised(reading: Reading) -> Ask | None:
    """Step 5: which character of the text surprised the model most."""
    nats = losses(reading)
    if len(nats) < 3:
        return None
    order = sorted(range(1, len(nats)), key=lambda i: (-nats[i], i))
    ranks = sorted({0, len(order) // 3, 2 * len(order) // 3, len(order) - 1})
    places = sorted(order[rank] for rank in ranks)
    options = [(str(i), f"{named(reading.text[i])} after {quoted(reading.text[:i], 12)}") for i in places]
    best = order[0]
    because = (
        f"{named(reading.text[best])} at position {best} had {share(math.exp(-nats[best]))}: it cost "
        f"{number(nats[best])} nats. Of the others here, "
        + ", ".join(f"{named(reading.text[i])} had {share(math.exp(-nats[i]))}" for i in places if i != best)
        + "."
    )
    says = "Which of these characters of your text did the model expect least?"
    return choice(says, options, str(best), because[0].upper() + because[1:])


def cooled(reading: Reading) -> Ask:
    """Step 6: what a lower temperature does to the likeliest character."""
    logits = reading.trace({"logits"}).logits[reading.at].float().cpu()
    own, cold = (distribution(logits, SamplingConfig(1, heat, 0)).double() for heat in (1.0, 0.5))
    best = int(own.argmax())
    before, after = own[best].item(), cold[best].item()
    char = named(reading.model.tokenizer.chars[best])
    says = (
        f"After {quoted(reading.text[: reading.at + 1])} the likeliest is {char}, with {share(before)}. The "
        "temperature goes from 1 down to 0.5. What happens to that share?"
    )
    options = [("rises", "it rises"), ("stays", "it stays"), ("falls", "it falls")]
    moved = after - before
    true = "stays" if abs(moved) < 1e-9 else "rises" if moved > 0 else "falls"
    return choice(says, options, true, f"At temperature 0.5 {char} has {share(after)}.")


def repeatable(reading: Reading) -> Ask:
    """Step 7: whether the same seed writes the same; tried."""
    chosen = reading.chosen
    config = SamplingConfig(AGAIN, chosen.temperature, chosen.top_k, seed=chosen.seed)
    once, again = ([step.id for step in generate(reading.model, reading.ids, config)] for _ in range(2))
    same = sum(1 for a, b in zip(once, again, strict=True) if a == b)
    says = (
        f"The model goes on with your text twice, both times from seed {chosen.seed}. Each character is drawn by "
        f"chance. How much of {AGAIN} characters will be the same?"
    )
    options = [("all", "all of it"), ("some", "a part"), ("none", "hardly anything")]
    true = "all" if same == AGAIN else "none" if same < AGAIN / 10 else "some"
    because = f"Tried just now: {same} of {AGAIN} were the same. A seed stands for a whole series of random numbers."
    return choice(says, options, true, because)


def ordered(reading: Reading) -> Ask | None:
    """Step 8: how many characters have a neighbour of their own class."""
    space = inspection.token_space(reading.model)
    purity = inspection.purity(space, same_letter=False) if len(space.chars) > 1 else None
    if not purity or not math.isfinite(purity.purity):
        return None
    says = (
        "Vowels, consonants, capitals, punctuation: the model was told of no such classes. For how many per cent of "
        "the characters is the most similar other one of the same class?"
    )
    because = f"It is {share(purity.purity)}; by chance it would be {share(purity.chance)}."
    return guess(says, 100 * purity.purity, because, "%", NEAR)


ASKS = {
    "1": expected,
    "2": frequent,
    "3.1": alike,
    "3.2": same_place,
    "3.3": looks_at,
    "3.4": normed,
    "3.5": settles,
    "3.6": active,
    "3.7": zeroed,
    "4": blocks_share,
    "5": surprised,
    "6": cooled,
    "7": repeatable,
    "8": ordered,
}
"""By a step's id, what it asks."""
HIDES = {"3.5": ("settles",), "3.6": ("active",), "4": ("blocks",), "8": ("purity", "chance")}
"""By a step's id, the numbers of its words that would give the answer away."""
