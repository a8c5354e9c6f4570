"""The lives of the page's models: their snapshots as the page names them, each with what the header shows of it."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from strivelm.hub.client import HubError
from strivelm.loading import PUBLIC, OpenModel
from strivelm.snapshots import Life, life_of
from strivelm.ui import limits
from strivelm.ui.core.models import Facts, facts_of, name_of

ASKED_AGAIN = 60.0
"""Seconds for which the Hub's answer is good: a run that is being trained gets new snapshots."""
KEPT = 64
"""For how many repos it is kept."""
HUB = replace(PUBLIC, seconds=10.0, wait=5.0, max_attempts=2)
"""How long the Hub may take to say which snapshots there are: nothing else waits for it."""
TOGETHER_BYTES = 60_000_000
"""How much memory a life's models may take where the page opens all of them in advance."""


@dataclass(frozen=True)
class Lived:
    """A life as the page shows it."""

    of: str
    """The name of the model that training ended with."""
    stops: tuple[Facts, ...]
    """What the header shows of each snapshot, whose reference is its name, the earliest first."""
    best: int | None
    """Its step; None if unknown."""
    losses: tuple[tuple[int, float], ...]
    """(step, validation loss) of every evaluation."""
    together: bool
    """Whether all can be opened in advance: they lie on this machine, and are small."""


_kept: OrderedDict[str, tuple[float, Life | str | None]] = OrderedDict()
_lock = threading.Lock()


def lived(opened: OpenModel) -> Lived | None:
    """The life of an open model; None where it has none. Raises ValueError, a sentence, where the Hub does not say."""
    found = life_of(opened) if opened.commit is None else _of_the_hub(opened)
    if found is None or len(found.snapshots) < 2:
        return None
    facts = facts_of(opened)
    stops = tuple(
        replace(facts, name=name_of(one.ref), step=one.step, validation_loss=one.validation_loss)
        for one in found.snapshots
    )
    bytes_of_all = limits.BYTES_A_PARAMETER * facts.parameters * len(stops)
    together = opened.commit is None and bytes_of_all <= TOGETHER_BYTES
    return Lived(name_of(found.of), stops, found.best, found.losses, together)


def _of_the_hub(opened: OpenModel, now: Callable[[], float] = time.monotonic) -> Life | None:
    """What the Hub says, which is asked again after a minute, also where it could not be reached."""
    key = opened.ref
    with _lock:
        asked, found = _kept.get(key, (-ASKED_AGAIN, None))
    if now() - asked >= ASKED_AGAIN:
        try:
            found = life_of(opened, HUB)
        except HubError as error:
            found = f"The steps of its training can't be listed: {str(error).rstrip('.')}."
        with _lock:
            _kept[key] = now(), found
            _kept.move_to_end(key)
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
    if isinstance(found, str):
        raise ValueError(found)
    return found
