"""What a run's snapshots are: snapshots.json, which training and pushing write, and which `strivelm verify` checks.

{"corpus": {"name": "a text", "sha256": "…"},
 "snapshots": {"step-0": {"sha256": "…", "bytes": 81920, "validation": 4.17, "characters": null}, …}}
"""

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from strivelm import checkpoint, steps
from strivelm.checkpoint import CheckpointError
from strivelm.files import WEIGHTS, to_json, write_atomically

MANIFEST = "snapshots.json"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """What one snapshot has to be."""

    sha256: str
    """Of the file model.safetensors."""
    bytes: int
    """Its size."""
    validation: float | None
    """Its validation loss, nats per character; None where the text spared nothing for validation, or nobody knows."""
    characters: int | None = None
    """How many characters of the validation text that loss was measured on; None for all of them."""

    def __post_init__(self):
        if not (isinstance(self.sha256, str) and SHA256.fullmatch(self.sha256)):
            raise ValueError(f"sha256 is {str(self.sha256)[:80]!r}; expected 64 hexadecimal digits")
        for name in ("bytes", "characters"):
            value = getattr(self, name)
            if not (type(value) is int and value >= 0) and not (value is None and name == "characters"):
                raise ValueError(f"{name} is {str(value)[:80]!r}; expected a whole number, at least 0")
        loss = self.validation
        if loss is not None and (
            isinstance(loss, bool) or not isinstance(loss, int | float) or not math.isfinite(loss)
        ):
            raise ValueError(f"validation is {str(loss)[:80]!r}; expected a finite number or null")


@dataclass(frozen=True)
class Manifest:
    """The snapshots of one run."""

    corpus: dict = field(default_factory=dict)
    """The text's name and sha256; empty where nobody knows."""
    snapshots: dict[str, Entry] = field(default_factory=dict)
    """By name, step-N, in the order of the steps."""

    def having(self, name: str, snapshot: Entry) -> "Manifest":
        """This manifest with one snapshot more, or another one in its place."""
        every = self.snapshots | {name: snapshot}
        return Manifest(self.corpus, {name: every[name] for name in sorted(every, key=steps.step_of)})

    def to_bytes(self) -> bytes:
        """The file's content."""
        return to_json(asdict(self))

    def write(self, folder: Path) -> None:
        """Puts it into a run's folder."""
        write_atomically(folder / MANIFEST, self.to_bytes())


def parse(content: bytes, where: str) -> Manifest:
    """The manifest in a file's content, which is not trusted. Raises CheckpointError where it is none."""
    try:
        raw = json.loads(content)
        corpus, snapshots = raw["corpus"], raw["snapshots"]
        if not isinstance(corpus, dict) or not all(steps.NAME.fullmatch(name) for name in snapshots):
            raise ValueError("expected the text in 'corpus' and names such as step-0 in 'snapshots'")
        known = Entry.__dataclass_fields__
        found = {
            name: Entry(**{key: value for key, value in entry.items() if key in known})
            for name, entry in snapshots.items()
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{where} is no list of snapshots: {error}") from None
    return Manifest(corpus, {name: found[name] for name in sorted(found, key=steps.step_of)})


def read(folder: str | Path) -> Manifest | None:
    """A run's manifest; None where there is none. Raises CheckpointError for a damaged one."""
    path = Path(folder) / MANIFEST
    return parse(path.read_bytes(), str(path)) if path.is_file() else None


def described(folder: Path, validation: float | None, characters: int | None = None) -> Entry:
    """What a snapshot's folder holds. Raises CheckpointError where it holds no weights."""
    path = folder / WEIGHTS
    try:
        with path.open("rb") as file:
            return Entry(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size, validation, characters)
    except FileNotFoundError:
        raise CheckpointError(f"{folder} holds no {WEIGHTS}") from None


def of_folder(folder: str | Path) -> Manifest:
    """The manifest of the snapshots as they lie in a folder now, their losses from each one's training.json."""
    found = Manifest()
    for name, place in steps.folders(folder).items():
        record = place / checkpoint.TRAINING
        training = checkpoint.read_json(record) if record.is_file() else {}
        found = Manifest(text_of(training) or found.corpus, found.snapshots).having(
            name, described(place, *loss_of(training))
        )
    return found


def text_of(training: dict) -> dict:
    """The name and sha256 of the text that a record speaks of; {} where it speaks of none."""
    corpus = training.get("corpus")
    return {key: corpus[key] for key in ("name", "sha256") if key in corpus} if isinstance(corpus, dict) else {}


def loss_of(training: dict) -> tuple[float | None, int | None]:
    """The validation loss of the weights beside a record, and how many characters it was measured on (None: all).

    None and None also where it was measured on a sample whose size nobody wrote down.
    """
    best = training.get("best")
    if not isinstance(best, dict):
        return None, None
    loss, characters = best.get("validation"), best.get("characters")
    unknown = not best.get("exact", True) and characters is None
    return (None, None) if unknown else (loss, characters)


def checked(folder: str | Path) -> Manifest:
    """The manifest of a folder that is about to be pushed: the one that training wrote, or one that is made.

    Raises CheckpointError where a snapshot is missing, or is not what training wrote.
    """
    written, now = read(folder), of_folder(folder)
    if written is None:
        return now
    for name, snapshot in written.snapshots.items():
        there = now.snapshots.get(name)
        if there is None or there.sha256 != snapshot.sha256:
            what = "is missing" if there is None else "is not what training wrote"
            raise CheckpointError(
                f"{Path(folder, steps.SNAPSHOTS, name)} {what} (see {MANIFEST}); put it back, or delete {MANIFEST} "
                "to push what is there"
            )
    for name in now.snapshots.keys() - written.snapshots.keys():
        written = written.having(name, now.snapshots[name])
    return written
