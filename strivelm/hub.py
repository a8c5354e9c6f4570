"""One way to open a model, whatever it is called: bundled, a folder, or a repo on the Hub."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from strivelm import checkpoint
from strivelm.model import GPT

BUNDLED = Path(__file__).parent / "assets" / "bundled"


@dataclass(frozen=True)
class OpenModel:
    """A model together with where it came from."""

    ref: str
    """What it was asked for as: "bundled", a folder, "owner/name" or "owner/name@revision"."""
    model: GPT
    training: dict
    """The run's record from training.json: config, corpus, evaluations, best; empty where there is none."""

    @property
    def validation_loss(self) -> float | None:
        """Nats per character of validation text, at the step whose weights these are; None where unknown."""
        best = self.training.get("best")
        loss = best.get("validation") if isinstance(best, dict) else None
        return float(loss) if isinstance(loss, int | float) else None


def parse_ref(ref: str | Path) -> tuple[str, str | None]:
    """A reference's place and revision: ("owner/name", "step-500") for "owner/name@step-500".

    Raises CheckpointError: it is neither "bundled", nor an existing folder, nor the name of a Hub repo.
    """
    text = str(ref)
    if text == "bundled":
        return str(BUNDLED), None
    if os.path.isdir(text):
        return text, None
    name, _, revision = text.partition("@")
    try:
        validate_repo_id(name)
        if "/" not in name or ("@" in text and not revision):
            raise HFValidationError
    except HFValidationError:
        raise checkpoint.CheckpointError(
            f"{text!r} is no model: expected 'bundled', a folder that exists, 'owner/name' or 'owner/name@revision'"
        ) from None
    return name, revision or None


def open_model(ref: str | Path = "bundled", device: str | torch.device = "cpu", **download) -> OpenModel:
    """The model behind a reference, and the record of its training.

    Args:
        ref: "bundled", a folder, "owner/name" or "owner/name@revision"; a folder of that name comes first.
        device: where the model is put.
        download: token, cache_dir, force_download, local_files_only, as huggingface_hub knows them.

    Raises:
        CheckpointError: there is no such model, or it is damaged; the message says what is wrong.
    """
    place, revision = parse_ref(ref)
    folder = checkpoint.folder_of(place, revision=revision, **download)
    model = GPT.from_pretrained(folder, map_location=device)
    has_record = (folder / checkpoint.TRAINING).is_file()
    return OpenModel(str(ref), model, checkpoint.read_json(folder / checkpoint.TRAINING) if has_record else {})


def load_model(ref: str | Path = "bundled", device: str | torch.device = "cpu", **download) -> GPT:
    """The model behind a reference: "bundled", a folder, "owner/name" or "owner/name@revision".

    Raises CheckpointError as `open_model` does.
    """
    return open_model(ref, device, **download).model
