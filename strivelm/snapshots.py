"""The life of a model: the snapshots that were kept while it was trained, each with its step and validation loss.

They are folders snapshots/step-N of a run's folder, and branches or tags step-N of a repo on the Hub.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from strivelm import checkpoint
from strivelm.hub.client import OWN, HubClient, HubError, Limits
from strivelm.loading import OpenModel, finite_loss
from strivelm.steps import NAME, SNAPSHOTS, folder_of, folders, name_of, step_of

__all__ = ["Life", "Snapshot", "life_of", "run_folder", "steps_in"]

MOST = 64
"""How many snapshots are listed: of more, those that are spread most evenly over the logarithm of the steps."""


@dataclass(frozen=True)
class Snapshot:
    """A step of a model's training that can be opened."""

    ref: str
    """What `strivelm.open_model` opens: "film@step-55"."""
    step: int
    validation_loss: float | None
    """Nats per character of validation text; None if it is not recorded."""


@dataclass(frozen=True)
class Life:
    """What is left of a model's training."""

    of: str
    """The reference of the model that training ended with: "film", a folder, or "owner/name"."""
    snapshots: tuple[Snapshot, ...]
    """The earliest first; the last one is the model itself where no snapshot was kept of its step."""
    best: int | None
    """The step of the model that training ended with, the one of the lowest validation loss; None if unknown."""
    losses: tuple[tuple[int, float], ...]
    """(step, validation loss) of every evaluation that is recorded, the earliest first."""


def life_of(opened: OpenModel, limits: Limits = OWN, token: str | bool | None = None) -> Life | None:
    """The life of an open model, which may be any of its snapshots; None where none was kept.

    A folder is only listed: its models need not be whole. The Hub is asked for its revisions and, where the open model
    is not the repo's main revision, for the record of that.

    Raises HubError where the Hub does not say.
    """
    if opened.commit is not None:
        return _on_hub(opened, HubClient(opened.ref.partition("@")[0], limits, token))
    root = run_folder(opened)
    if root is None:
        return None
    of, at, _ = opened.ref.partition("@")
    if not at and opened.folder != root:  # it was opened as the folder of a snapshot
        of = str(Path(opened.ref).parents[1])
    record = _record(root) or opened.training
    steps = steps_in(root)
    known = ((step, finite_loss(_best(_record(folder_of(root, step))))) for step in _spread(steps))
    own = {step: loss for step, loss in known if loss is not None}
    return _life(of, steps, record, own)


def run_folder(opened: OpenModel) -> Path | None:
    """The folder of the run that an open model is of, if it kept snapshots; None also for a model from the Hub."""
    folder = opened.folder
    if folder is None or opened.commit is not None:
        return None
    folder = folder.absolute()
    root = folder.parents[1] if folder.parent.name == SNAPSHOTS and NAME.fullmatch(folder.name) else folder
    return root if steps_in(root) else None


def steps_in(root: Path) -> set[int]:
    """The steps of which a run's folder keeps a snapshot."""
    return {step_of(name) for name in folders(root)}


def _on_hub(opened: OpenModel, client: HubClient) -> Life | None:
    of, _, revision = opened.ref.partition("@")
    steps = {step_of(name) for name in client.revisions() if NAME.fullmatch(name)}
    if not steps:
        return None
    record = opened.training
    if revision not in ("", "main"):
        try:
            found = json.loads(client.read("main", checkpoint.TRAINING))
            record = found if isinstance(found, dict) else record
        except (HubError, ValueError, RecursionError):  # without a record, what the snapshot itself knows is all
            pass
    return _life(of, steps, record, {})


def _life(of: str, steps: set[int], record: dict, own: dict[int, float]) -> Life:
    """A life from the steps of its snapshots, the record of the whole training, and what snapshots say themselves."""
    evaluations = record.get("evaluations")
    known = {
        step: loss
        for one in (evaluations if isinstance(evaluations, list) else ())
        if (step := _step(one)) is not None and (loss := finite_loss(one)) is not None
    }
    known |= own
    found = [Snapshot(f"{of}@{name_of(step)}", step, known.get(step)) for step in _spread(steps)]
    best = None if record.get("snapshot") else _step(_best(record))
    if best is not None and best not in steps:
        found.append(Snapshot(of, best, finite_loss(_best(record))))
    return Life(of, tuple(sorted(found, key=lambda one: one.step)), best, tuple(sorted(known.items())))


def _spread(steps: set[int], most: int = MOST) -> list[int]:
    """At most so many of the steps in order, spread as evenly as they allow over the logarithm; both ends stay."""
    found = sorted(steps)
    if len(found) <= most:
        return found
    at = [math.log1p(step) for step in found]
    chosen, places = [], range(len(found))
    for k in range(most):
        least, end = (chosen[-1] + 1 if chosen else 0), len(found) - (most - 1 - k)
        wanted = at[0] + (at[-1] - at[0]) * k / (most - 1)
        chosen.append(min(places[least:end], key=lambda i: abs(at[i] - wanted)))
    return [found[i] for i in chosen]


def _record(folder: Path) -> dict:
    """What a folder's training.json holds; empty where it can't be read."""
    try:
        found = checkpoint.read_json(folder / checkpoint.TRAINING)
    except checkpoint.CheckpointError:
        return {}
    return found if isinstance(found, dict) else {}


def _best(record: dict) -> object:
    return record.get("best")


def _step(evaluation: object) -> int | None:
    step = evaluation.get("step") if isinstance(evaluation, dict) else None
    return step if type(step) is int and step >= 0 else None
