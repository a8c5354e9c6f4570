"""A run's folder: the best model so far, the record of how it came about, and what is needed to go on."""

import contextlib
import io
import platform
import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from strivelm import checkpoint
from strivelm.config import TrainConfig
from strivelm.corpus import Corpus
from strivelm.curve import loss_curve
from strivelm.events import Evaluation, Finished, Progress, Resumable, Snapshot
from strivelm.generation import SamplingConfig, generate
from strivelm.machine import PLAIN, Machine
from strivelm.model import GPT
from strivelm.training import ResumeError

RESUME = Path("resume") / "state.pt"
SNAPSHOTS = "snapshots"
CURVE = "loss.png"


def saved_state(folder: str | Path) -> dict | None:
    """What `train(..., resume=…)` needs to go on with the run in a folder; None where nothing was saved.

    Raises ResumeError where it can't be read. No code in it is run.
    """
    path = Path(folder) / RESUME
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged archive, a foreign pickle, a folder: torch raises many kinds
        raise ResumeError(  # torch's own words would advise to run whatever code the file holds
            f"{path} is damaged, or no state of a run; the folder's model is unharmed. Start anew with --overwrite"
        ) from error


def is_finished(folder: str | Path) -> bool | None:
    """Whether the folder's run came to its end; None where no run is. Raises CheckpointError for a damaged record."""
    path = Path(folder) / checkpoint.TRAINING
    return checkpoint.read_json(path).get("finished") is True if path.is_file() else None


class Run:
    """Reads the events of `train` and keeps on disk what must not be lost.

    At each evaluation that is the best so far the model folder is written (weights, config, tokenizer, card and loss
    curve), at every evaluation training.json and, last, resume/state.pt, which goes when the run has finished. A
    snapshot becomes a model folder of its own, snapshots/step-N. Each file is written whole or not at all. `record` is
    what training.json will say; a script may add to it.

    Args:
        folder: where to; made if missing.
        command: the command line that reproduces the run, for the record.
        overwrite: whether a model, a run or any other file of those names that is already there may be replaced.
        resume: the state that the run goes on from, from `saved_state`.
        machine: what it computes with, for the record.
        dtype: how weights are stored; float16 halves the files and costs no loss that can be measured.

    Raises:
        FileExistsError: the folder holds something, and neither `overwrite` nor `resume` says what to do.
        OSError: the folder can't be written.
    """

    def __init__(
        self,
        folder: str | Path,
        model: GPT,
        corpus: Corpus,
        config: TrainConfig,
        command: str = "",
        overwrite: bool = False,
        resume: dict | None = None,
        machine: Machine = PLAIN,
        dtype: torch.dtype = torch.float32,
    ):
        self.folder, self.model, self.dtype = Path(folder), model, dtype
        if resume is None and not overwrite:
            if (self.folder / RESUME).exists():
                raise FileExistsError(
                    f"{folder} holds a run that is not finished; pass --resume to go on with it, --overwrite to begin "
                    "anew, or another --out"
                )
            if (self.folder / checkpoint.WEIGHTS).exists():
                raise FileExistsError(
                    f"{folder} already holds a model; pass --overwrite to replace it, or another --out"
                )
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise FileExistsError(
                    f"{folder} is not empty; pass another --out, or --overwrite to replace a model's files in it"
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        if resume is None:  # another run's record and state must not stand beside ours
            for name in (checkpoint.TRAINING, CURVE):
                (self.folder / name).unlink(missing_ok=True)
            self._forget_state()
            self._forget_snapshots()
        seen = resume["evaluations"] if resume else []
        best = [_entry(evaluation) for evaluation in seen if evaluation["best"]]
        device = next(model.parameters()).device
        self.record = {
            "command": command,
            "sizes": {k: v for k, v in vars(model.config).items() if k not in ("vocab_size", "chars")},
            "parameters": model.num_parameters(),
            "training": asdict(config),
            "corpus": {
                "name": corpus.name,
                "sha256": corpus.sha256,
                "characters": corpus.characters,
                "train": len(corpus.train),
                "validation": len(corpus.validation),
                "vocabulary": len(corpus.tokenizer),
            },
            "machine": {
                **asdict(machine),
                "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            "ngrams": {},
            "evaluations": [_entry(evaluation) for evaluation in seen],
            "best": best[-1] if best else None,
            "finished": False,
        }

    def keep(self, event: Progress | Evaluation | Snapshot | Resumable | Finished) -> None:
        """Writes what an event changes. Raises OSError where it can't; the last good state stays."""
        match event:
            case Evaluation():
                self.record["evaluations"].append(_entry(asdict(event)))
                if event.best:
                    self.record["best"] = self.record["evaluations"][-1]
                    self._write_model(self.folder, self.record)
                checkpoint.write_json(self.folder / checkpoint.TRAINING, self.record)
            case Snapshot(evaluation):
                # What this model's own loss is stands where a reader of any model folder looks for it.
                record = self.record | {"best": _entry(asdict(evaluation)), "snapshot": True}
                folder = self.folder / SNAPSHOTS / f"step-{evaluation.step}"
                self._write_model(folder, record)
                checkpoint.write_json(folder / checkpoint.TRAINING, record)
            case Resumable():
                content = io.BytesIO()
                torch.save(event.state(), content)
                (self.folder / RESUME).parent.mkdir(exist_ok=True)
                checkpoint.write_atomically(self.folder / RESUME, content.getvalue())
            case Finished():
                self.record["finished"] = True
                checkpoint.write_json(self.folder / checkpoint.TRAINING, self.record)
                self._draw(self.folder, self.record)  # what came after the best step belongs in it
                self._forget_state()

    def _forget_state(self) -> None:
        path = self.folder / RESUME
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not there, or it holds something of somebody else's
            path.parent.rmdir()

    def _forget_snapshots(self) -> None:
        for folder in (self.folder / SNAPSHOTS).glob("step-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _write_model(self, folder: Path, record: dict) -> None:
        checkpoint.save(folder, self.model.config, self.model.state_dict(), dtype=self.dtype)
        drawn = self._draw(folder, record)
        told = {name: record.get(name) for name in ("corpus", "best", "ngrams", "command", "machine", "snapshot")}
        card = self.model.generate_model_card(
            **told, seconds=record["best"]["seconds"], curve=drawn, sample=sample(self.model, 300)
        )
        checkpoint.write_atomically(folder / "README.md", str(card).encode())

    def _draw(self, folder: Path, record: dict) -> bool:
        """Writes the loss curve; False where there is nothing to draw, which ends no training."""
        try:
            picture = loss_curve(record)
        except ValueError:
            return False
        checkpoint.write_atomically(folder / CURVE, picture)
        return True


def sample(model: GPT, characters: int) -> str:
    """What the model writes now, from nothing; the same random stream at every look."""
    start = model.tokenizer.encode(model.tokenizer.start)
    steps = generate(model, start, SamplingConfig(characters, temperature=0.8, seed=1))
    return model.tokenizer.decode([step.id for step in steps])


def _entry(evaluation: dict) -> dict:
    return {name: evaluation[name] for name in ("step", "train", "validation", "seconds")}
