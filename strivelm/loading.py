"""One way to open a model, whatever it is called: bundled, a folder, or a repo on the Hub."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch

from strivelm import checkpoint
from strivelm.data.ngrams import MAX_FILE_BYTES, NGrams
from strivelm.guessing import counted
from strivelm.hub import download
from strivelm.hub.client import OWN, PUBLIC, Limits, checked_name, repo_in_address
from strivelm.hub.download import Progress
from strivelm.model import GPT
from strivelm.steps import folders

__all__ = ["BUNDLED", "PUBLIC", "Limits", "OpenModel", "load_model", "open_model", "parse_ref"]

ASSETS = Path(__file__).parent / "assets"
BUNDLED = ASSETS / "bundled"
COME_ALONG = {"bundled": BUNDLED, "film": ASSETS / "film"}
"""The models that are part of the package; the film is a small one with snapshots of its training."""


@dataclass(frozen=True)
class OpenModel:
    """A model together with where it came from."""

    ref: str
    """What it was asked for as: "bundled", a folder, "owner/name" or "owner/name@revision"."""
    model: GPT
    training: dict
    """The run's record from training.json: config, corpus, evaluations, best; empty where there is none."""
    commit: str | None = None
    """The commit that a Hub repo's revision stood for when it was opened; None for a model that is not from the Hub."""
    folder: Path | None = None
    """Where its files are."""

    @cached_property
    def ngrams(self) -> NGrams | None:
        """What counting knows of the text that the model learnt from; None where nobody kept it.

        Raises CheckpointError for a damaged file.
        """
        try:
            return self.folder and _ngrams(self.folder, self.model.vocab_size)
        except (OSError, ValueError) as error:
            raise checkpoint.CheckpointError(f"{checkpoint.NGRAMS} of {self.ref} can't be read: {error}") from error

    @property
    def validation_loss(self) -> float | None:
        """Nats per character of validation text, at the step whose weights these are; None where unknown."""
        return finite_loss(self.training.get("best"))


def finite_loss(evaluation: object) -> float | None:
    """The validation loss of an evaluation in a record, which is not trusted; None where there is none."""
    loss = evaluation.get("validation") if isinstance(evaluation, dict) else None
    if not isinstance(loss, int | float) or isinstance(loss, bool) or not math.isfinite(loss):
        return None
    return float(loss)


def _ngrams(folder: Path, vocab_size: int) -> NGrams | None:
    """The n-grams that a folder holds, None where it holds none. Raises OSError, ValueError."""
    path = folder / checkpoint.NGRAMS
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return NGrams.from_bytes(file.read(MAX_FILE_BYTES + 1), vocab_size)


def parse_ref(ref: str | Path, public: bool = False) -> tuple[str, str | None]:
    """A reference's place and revision: ("owner/name", "step-500") for "owner/name@step-500".

    A snapshot that a folder holds, or "film", is a folder of its own: "film@step-0".

    Args:
        public: whether a visitor gives it, who may not open folders: what looks like a repo is one.

    Raises CheckpointError: it is neither "bundled", nor an existing folder, nor the name of a Hub repo.
    """
    text = str(ref)
    if text not in COME_ALONG and not public and os.path.isdir(text):
        return text, None
    name, at, revision = text.partition("@")
    if name in COME_ALONG or (not public and os.path.isdir(name)):
        folder = COME_ALONG.get(name, Path(name))
        return str(_snapshot(folder, revision) if at else folder), None
    try:
        return checked_name(name, revision if at else None)[0], revision or None
    except checkpoint.CheckpointError:
        if meant := repo_in_address(text):
            raise checkpoint.CheckpointError(f"{text[:200]!r} is an address; the model's name is {meant!r}") from None
        folder = "" if public else "a folder that exists (@step-N for a snapshot of it), "
        raise checkpoint.CheckpointError(
            f"{text[:200]!r} is no model: expected 'bundled', 'film', 'film@step-N', {folder}"
            "'owner/name' or 'owner/name@revision'"
        ) from None


def _snapshot(folder: Path, revision: str) -> Path:
    """The folder of a snapshot, step-N, that a run's folder holds."""
    there = folders(folder)
    if revision not in there:
        known = f"it has {', '.join(there)}" if there else "it has none; train with --snapshots N to keep some"
        raise checkpoint.CheckpointError(f"{folder.name} holds no snapshot {revision[:80]!r}; {known}")
    return there[revision]


def open_model(
    ref: str | Path = "bundled",
    device: str | torch.device = "cpu",
    *,
    limits: Limits = OWN,
    progress: Progress | None = None,
    admit: Callable[[int], None] | None = None,
    **how,
) -> OpenModel:
    """The model behind a reference, and the record of its training.

    Args:
        ref: "bundled", "film", a folder, or "owner/name" on the Hub; "@revision" behind it names a snapshot (step-N),
            on the Hub also any branch, tag or commit. A folder of that name comes first.
        device: where the model is put.
        limits: what is too large and what takes too long on the way from the Hub; PUBLIC where strangers choose.
        progress: hears how many of a download's bytes are here.
        admit: hears how many parameters it has before they are read; may wait, and what it raises is raised.
        how: token, cache_dir, force_download, local_files_only, as `strivelm.hub.download.fetch` knows them.

    Raises:
        CheckpointError: there is no such model, it is too large, or it is damaged; the message says what is wrong.
    """
    place, revision = parse_ref(ref, limits.public)
    if limits.public and not Path(place).is_relative_to(ASSETS):
        folder = download.fetch(place, revision, limits=limits, progress=progress, **how)
    else:
        folder = download.folder_of(place, revision=revision, limits=limits, progress=progress, **how)
    commit = None if folder == Path(place) else folder.name
    with download.errors_naming(folder, place):
        record = folder / checkpoint.TRAINING
        training = checkpoint.read_json(record) if record.is_file() else {}
        if admit:
            admit(checkpoint.read_config(folder).num_parameters)
        model = GPT.from_pretrained(folder)
        check_numbers(model, place)
    counted(model, partial(_ngrams, folder, model.vocab_size))
    return OpenModel(str(ref), model.to(device), training, commit, folder)


LARGEST = 1e15
"""Beyond it sums of squares are not finite in float32, so that lengths, variances and angles are infinite or NaN."""
_WILD = "no trained model has such numbers, and nothing could be computed from them"
TRIED = 16
"""How many characters the trial reads."""


@torch.no_grad()
def check_numbers(model: GPT, name: str) -> None:
    """Reads a few characters on trial. Raises CheckpointError where no view of the model could say anything.

    That is where weights are finite but so large that what is computed from them is not, or where all characters have
    the same embedding (all zero, say), so that every next one is equally likely.
    """
    rows = model.tok.weight
    if len(rows) > 1 and bool((rows == rows[0]).all()):
        zero = "zero" if not rows.any() else "the same for all characters"
        raise checkpoint.CheckpointError(f"{name} holds no trained model: its character embeddings are all {zero}")
    for key, weight in model.named_parameters():
        if float(weight.abs().max()) > LARGEST:
            raise checkpoint.CheckpointError(f"{name} is damaged: {key} holds {float(weight.abs().max()):.1e}; {_WILD}")
    ids = torch.arange(min(model.block_size, TRIED)).remainder(model.vocab_size)[None]  # (1, T)
    x = model.tok(ids) + model.pos.weight[: ids.shape[1]]  # (1, T, C)
    for i, block in enumerate(model.blocks):
        x = block(x)
        if not float(x.abs().max()) <= LARGEST:  # NaN is not, either
            words = f"layer {i} makes {float(x.abs().max()):.1e} of ordinary characters"
            raise checkpoint.CheckpointError(f"{name} is damaged: {words}; {_WILD}")
    if not torch.isfinite(model.head(model.lnf(x))).all():
        raise checkpoint.CheckpointError(f"{name} is damaged: its logits are not finite; {_WILD}")


def load_model(ref: str | Path = "bundled", device: str | torch.device = "cpu", **how) -> GPT:
    """The model behind a reference: "bundled", a folder, "owner/name" or "owner/name@revision".

    Arguments and errors are those of `open_model`.
    """
    return open_model(ref, device, **how).model
