"""Whether a model's snapshots are what they are said to be: their bytes, their steps, their losses.

Public suites of checkpoints have served the final weights under most of their steps, for months. What is compared here
is computed anew from the files, with snapshots.json, which training and `strivelm push` write.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from strivelm import checkpoint, manifest, steps
from strivelm.checkpoint import TRAINING, CheckpointError
from strivelm.data.corpus import Corpus
from strivelm.files import WEIGHTS
from strivelm.hub import download
from strivelm.hub.client import OWN, HubClient, HubError, Limits
from strivelm.loading import parse_ref
from strivelm.manifest import MANIFEST, Entry, Manifest
from strivelm.model import GPT
from strivelm.training.evaluation import evaluate

TOLERANCE = 2e-3
"""Nats per character by which a loss may differ: float16 weights and another machine's arithmetic move it less."""


@dataclass(frozen=True)
class Verified:
    """What was found of one snapshot."""

    name: str
    """step-N."""
    sha256: str | None = None
    """Of its model.safetensors; None where that could not be read."""
    expected: Entry | None = None
    """What the manifest says; None where it says nothing."""
    loss: float | None = None
    """The validation loss, measured anew in nats per character; None without a text, and where nothing is recorded."""
    wrong: tuple[str, ...] = ()
    """What is wrong, in words; empty if nothing was found."""


@dataclass(frozen=True)
class Report:
    """What was found of all snapshots of a model."""

    snapshots: tuple[Verified, ...]
    """In the order of the steps."""
    listed: bool
    """Whether there is a manifest; without one the hashes have nothing to be compared with but each other."""

    @property
    def wrong(self) -> int:
        """How many snapshots something is wrong with."""
        return sum(bool(one.wrong) for one in self.snapshots)


class _Folder:
    """The snapshots of a run's folder."""

    def __init__(self, folder: Path):
        self._folder, self._places = folder, steps.folders(folder)
        self.names = set(self._places)

    def manifest(self) -> Manifest | None:
        return manifest.read(self._folder)

    def place(self, name: str) -> Path:
        return self._folder if name == "main" else self._places[name]


class _Repo:
    """The snapshots of a repo on the Hub. Raises HubError where it can't be read."""

    def __init__(self, repo: str, limits: Limits, how: dict):
        self._repo, self._limits, self._how = repo, limits, how
        self._client = HubClient(repo, limits, how.get("token"))
        self._commits = self._client.revisions()
        self.names = {name for name in self._commits if steps.NAME.fullmatch(name)}

    def manifest(self) -> Manifest | None:
        """Of the finished run, or of the one that is still under way."""
        for revision in ("main", "resume"):
            if revision in self._commits and MANIFEST in self._client.files(self._commits[revision], (MANIFEST,)):
                content = self._client.read(self._commits[revision], MANIFEST)
                return manifest.parse(content, f"{self._repo}/{MANIFEST}")
        return None

    def place(self, name: str) -> Path:
        """Where the files of a revision are, after they were fetched."""
        return download.fetch(self._repo, self._commits[name], limits=self._limits, **self._how)


def verify(
    ref: str | Path,
    corpus: Corpus | None = None,
    *,
    limits: Limits = OWN,
    progress: Callable[[int, int, str], None] = lambda done, total, name: None,
    **how,
) -> Report:
    """What is found of the snapshots of a model.

    Args:
        ref: a run's folder, "film", or "owner/name" on the Hub, whose revisions step-N are fetched.
        corpus: the text of the training, for the losses.
        progress: called before each snapshot and at the end, with how many are done, how many there are, and its name.
        how: token and cache_dir, as for `strivelm.hub.download.fetch`.

    Raises:
        CheckpointError: there is no such model or it has no snapshots; the manifest can't be read; the text is another.
        HubError: the Hub can't be reached at all. Where that happens at one snapshot, it is what is wrong with that.
    """
    _, at, revision = str(ref).partition("@")
    if at and not Path(ref).is_dir():
        raise CheckpointError(f"all snapshots are looked at together; leave @{revision} out")
    place, _ = parse_ref(ref)
    where = _Folder(Path(place)) if Path(place).is_dir() else _Repo(place, limits, how)
    listed = where.manifest()
    expected = listed.snapshots if listed else {}
    names = sorted({*where.names, *expected}, key=steps.step_of)
    if not names:
        raise CheckpointError(f"{ref} has no snapshots to look at, neither step-N nor {MANIFEST}")
    known = listed.corpus if listed else {}
    text = known.get("sha256")
    if corpus is not None and text not in (None, corpus.sha256):
        raise CheckpointError(
            f"{ref} was trained on another text ({known.get('name')}, sha256 {str(text)[:12]}…) than "
            f"{corpus.name} ({corpus.sha256[:12]}…); name that one with --data"
        )
    found = []
    for done, name in enumerate(names):
        progress(done, len(names), name)
        found.append(_looked_at(where, name, expected.get(name), listed is not None, corpus))
    progress(len(names), len(names), "")
    return Report(tuple(_compared(found, expected, _final(where))), listed is not None)


def _looked_at(
    where: _Folder | _Repo, name: str, expected: Entry | None, listed: bool, corpus: Corpus | None
) -> Verified:
    """One snapshot alone: whether it is there and whole, what its own record says, its hash, its loss."""
    if name not in where.names:
        return Verified(name, expected=expected, wrong=("missing",))
    wrong = [] if expected or not listed else [f"{MANIFEST} does not list it: it may be another run's"]
    sha256, folder = None, Path(name)
    try:
        folder = where.place(name)
        sha256 = manifest.described(folder, None).sha256 if (folder / WEIGHTS).is_file() else None
        training = _record(folder)
        step = steps.step_of(name)
        if (own := _step(training)) not in (None, step):
            wrong.append(f"its own record says step {own}")
        model = GPT.from_pretrained(folder)  # whether it is whole
    except (CheckpointError, OSError) as error:
        kind = "could not be read" if isinstance(error, HubError) else "damaged"
        words = str(error).replace(str(folder), name)
        return Verified(name, sha256, expected, wrong=(*wrong, f"{kind}: {words}"))
    recorded, characters = (expected.validation, expected.characters) if expected else manifest.loss_of(training)
    if corpus is None or recorded is None:
        return Verified(name, sha256, expected, wrong=tuple(wrong))
    if model.config.chars != corpus.tokenizer.chars:
        return Verified(name, sha256, expected, wrong=(*wrong, f"its characters are not those of {corpus.name}"))
    loss = evaluate(model, corpus.validation, characters)
    if not abs(loss - recorded) <= TOLERANCE:
        wrong.append(f"its loss is {loss:.3f}, {recorded:.3f} was recorded")
    return Verified(name, sha256, expected, loss, tuple(wrong))


def _record(folder: Path) -> dict:
    return checkpoint.read_json(folder / TRAINING) if (folder / TRAINING).is_file() else {}


def _step(training: dict) -> int | None:
    """The step of the weights beside a record."""
    best = training.get("best")
    step = best.get("step") if isinstance(best, dict) else None
    return step if type(step) is int else None


def _final(where: _Folder | _Repo) -> tuple[str | None, int | None]:
    """The hash of the final weights, and their step; None where there are none yet, or they can't be read."""
    with suppress(CheckpointError, OSError, KeyError):
        folder = where.place("main")
        return manifest.described(folder, None).sha256, _step(_record(folder))
    return None, None


def _compared(
    found: Iterable[Verified], expected: dict[str, Entry], final: tuple[str | None, int | None]
) -> Iterable[Verified]:
    """The snapshots beside each other, beside the manifest, and beside the final weights."""
    having, meant = defaultdict(list), {entry.sha256: name for name, entry in expected.items()}
    for one in found:
        having[one.sha256].append(one.name)
    for one in found:
        wrong = list(one.wrong)
        if one.sha256 is not None:
            if one.expected and one.sha256 != one.expected.sha256:
                whose = meant.get(one.sha256)
                wrong.append(f"it holds the weights of {whose}" if whose else "other weights than were recorded")
            if others := [name for name in having[one.sha256] if name != one.name]:
                wrong.append(f"the same bytes as {', '.join(others)}")
            if one.sha256 == final[0] and final[1] is not None and final[1] != steps.step_of(one.name):
                wrong.append(f"the same bytes as the final model, which is of step {final[1]}")
        yield replace(one, wrong=tuple(wrong))


__all__ = ["Report", "Verified", "verify"]
