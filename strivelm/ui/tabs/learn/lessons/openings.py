"""Where a step opens: the character, and in step 3.3 the layer and the head, that have something to show.

They are chosen by the model's numbers on the reader's text, whenever the reader has not chosen.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import torch

from strivelm import inspection
from strivelm.inspection.layer import NEEDED
from strivelm.loading import OpenModel
from strivelm.ui.tabs.learn.lessons.reading import Chosen, Reading, read_at_end

SEVERAL = 3.0
"""Among how many characters the model hesitates where a list of probabilities shows most."""


def read(opened: OpenModel, text: str | None, chosen: Chosen) -> Reading:
    """What a reader asks of a model, opened where there is something to show; raises as `read_at_end` does."""
    reading = read_at_end(opened, text, chosen)
    at, layer, head = place(reading)
    return replace(reading, at=at, layer=layer, head=head)


def place(reading: Reading) -> tuple[int, int, int]:
    """(position, layer, head) at which the step opens: what the reader chose, else what has something to show."""
    if reading.chosen.step == "3.3":
        return _far_look(reading)
    opening = OPENINGS.get(reading.chosen.step)
    if opening is None or reading.chosen.at is not None or len(reading.text) < 2:
        return reading.at, reading.layer, reading.head
    return opening(reading), reading.layer, reading.head


def entropies(reading: Reading) -> torch.Tensor:
    """(T,) How unsure the model is of what follows each character, in nats."""
    return -torch.xlogy(reading.probabilities, reading.probabilities).sum(-1)


def _several(reading: Reading) -> int:
    """Where the model hesitates among about three characters: neither sure nor at a loss."""
    return int((entropies(reading) - math.log(SEVERAL)).abs().argmin())


def _unsure(reading: Reading) -> int:
    """Where the model is least sure, so that temperature and top-k change most."""
    return int(entropies(reading).argmax())


def _rarest(reading: Reading) -> int:
    """The character that stands least often in the text, the first of them."""
    return min(range(len(reading.text)), key=lambda i: reading.text.count(reading.text[i]))


def _alike(reading: Reading) -> int:
    """The character whose embedding has the nearest neighbour."""
    space = inspection.token_space(reading.model)
    if len(space.chars) < 2:
        return reading.at
    nearest = {id: inspection.neighbours(space, id, 1).cosine[0].item() for id in set(reading.ids)}
    return max(range(len(reading.ids)), key=lambda i: nearest[reading.ids[i]])


def _repeated(reading: Reading) -> int:
    """The last place of the character that stands most often in the text."""
    return max(range(len(reading.text)), key=lambda i: (reading.text.count(reading.text[i]), i))


def _far_look(reading: Reading) -> tuple[int, int, int]:
    """The largest weight that a query gives to something else than itself, its neighbours and the text's beginning.

    Those three get large weights from many heads, whatever the text. If a layer or a head is chosen, only that head is
    looked at; a chosen character leaves nothing to choose.
    """
    chosen, T = reading.chosen, len(reading.text)
    if chosen.at is not None or T < 4:
        return reading.at, reading.layer, reading.head
    found = reading.trace({*NEEDED, "logits"}).attention.cpu().tril(-3)  # (L, H, T, T), a row a query
    found[..., 0] = 0
    if chosen.layer is None and chosen.head is None:
        layer, head, at, _ = (int(i) for i in torch.unravel_index(found.argmax(), found.shape))
        return at, layer, head
    return int(found[reading.layer, reading.head].amax(-1).argmax()), reading.layer, reading.head


def _longest(reading: Reading) -> int:
    """Where the stream is longest as the layer reads it."""
    depth = 2 * reading.layer + (reading.chosen.half == "MLP")
    return int(reading.trace({*NEEDED, "logits"}).residual[depth].norm(dim=-1).argmax())


def _changing(reading: Reading) -> int:
    """Where what the model would write changes most often on its way through the layers, the last of them."""
    lens = inspection.logit_lens(reading.model, reading.trace({"residual", "attn_out", "mlp_out", "logits"}))
    first = [[chars[0] for chars in row] for row in lens.top_chars]  # by depth and position
    changes = [sum(a != b for a, b in pairwise(way)) for way in zip(*first, strict=True)]
    return max(range(len(changes)), key=lambda i: (changes[i], i))


def _active(reading: Reading) -> int:
    """Where a neuron of the layer is most active."""
    return int(reading.trace({*NEEDED, "logits"}).mlp_post[reading.layer].amax(-1).argmax())


def _adding(reading: Reading) -> int:
    """Where the MLP of the layer adds most."""
    return int(reading.trace({"mlp_out"}).mlp_out[reading.layer].norm(dim=-1).argmax())


def _surprising(reading: Reading) -> int:
    """The character before the one that surprised the model most."""
    return int(inspection.surprisal(reading.model, reading.text).model[1:].argmax())


OPENINGS: dict[str, Callable[[Reading], int]] = {
    "1": _several,
    "2": _rarest,
    "3.1": _alike,
    "3.2": _repeated,
    "3.4": _longest,
    "3.5": _changing,
    "3.6": _active,
    "3.7": _adding,
    "4": _several,
    "5": _surprising,
    "6": _unsure,
    "8": _alike,
}
"""By a step's id, the position at which it opens."""
