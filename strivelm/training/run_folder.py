"""A run's folder: the best model so far, the record of how it came about, and what is needed to go on."""

import contextlib
import io
import platform
import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from strivelm import checkpoint
from strivelm.data.corpus import Corpus
from strivelm.data.ngrams import count_ngrams
from strivelm.generation import SamplingConfig, generate
from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.events import Evaluation, Finished, Progress, Resumable, Snapshot
from strivelm.training.hardware import PLAIN, Hardware
from strivelm.training.loss_curve import loss_curve
from strivelm.training.resume import ResumeError

RESUME = Path("resume") / "state.pt"
SNAPSHOTS = "snapshots"
TOLD = ("corpus", "teachers", "best", "ngrams", "command", "machine", "snapshot")  # what the card says of the record
HOW = ("command", "machine")  # how a run was begun, which a resume may do otherwise


def saved_state(folder: str | Path) -> dict | None:
    """What `train(..., resume=…)` needs to go on with the run in a folder; None where nothing was saved.

    Raises ResumeError for a damaged one, OSError where it can't be read. No code in it is run.
    """
    path = Path(folder) / RESUME
    damaged = ResumeError(  # torch's own words would advise to run whatever code the file holds
        f"{path} is damaged, or no state of a run; the folder's model is unharmed. Start anew in another "
        "--out, or with --overwrite, which replaces it"
    )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OSError(f"{path} can't be read: {error.strerror or error}") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged archive, a foreign pickle: torch raises many kinds
        raise damaged from error
    if not isinstance(state, dict):
        raise damaged
    return state


def is_finished(folder: str | Path) -> bool | None:
    """Whether the folder's run came to its end; None where no run is. Raises CheckpointError for a damaged record."""
    path = Path(folder) / checkpoint.TRAINING
    return checkpoint.read_json(path).get("finished") is True if path.is_file() else None


def check_folder(folder: str | Path, replace: bool = False) -> None:
    """Raises FileExistsError where a run's folder is a file, or, unless that may be replaced, holds something."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; expected a folder, or a name that is not taken")
    if replace or not folder.is_dir():
        return
    if (folder / RESUME).exists():
        raise FileExistsError(
            f"{folder} holds a run that is not finished; pass --resume to go on with it, --overwrite to begin anew, or "
            "another --out"
        )
    if (folder / checkpoint.WEIGHTS).exists():
        raise FileExistsError(f"{folder} already holds a model; pass --overwrite to replace it, or another --out")
    if any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} is not empty; pass another --out, or --overwrite to replace a model's files in it"
        )


class Run:
    """Reads the events of `train` and keeps on disk what must not be lost.

    At each evaluation that is the best so far the model folder is written (weights, config, tokenizer, card and loss
    curve), at every evaluation training.json and, last, resume/state.pt, which goes when the run has finished; once,
    what counting knows of the text (ngrams.safetensors). A snapshot becomes a model folder of its own,
    snapshots/step-N. Each file is written whole or not at all. `record` is what training.json will say; a script may
    add to it.

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
        hardware: Hardware = PLAIN,
        dtype: torch.dtype = torch.float32,
    ):
        self.folder, self.model, self.dtype = Path(folder), model, dtype
        self.tables = count_ngrams(corpus.train, len(corpus.tokenizer))
        check_folder(folder, overwrite or resume is not None)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / checkpoint.TRAINING
        self.record = _record(model, corpus, config, command, machine)
        if resume is None:  # another run's record, picture, state and youth must not stand beside ours
            for old in (path, self.folder / checkpoint.CURVE, self.folder / checkpoint.NGRAMS, self.folder / RESUME):
                old.unlink(missing_ok=True)
            for old in (self.folder / SNAPSHOTS).glob("step-*"):
                shutil.rmtree(old, ignore_errors=True)
            checkpoint.write_json(path, self.record)  # whatever is killed from here on can be told from a stranger's
        else:
            self._go_on(checkpoint.read_json(path) if path.is_file() else {}, resume)

    def _go_on(self, before: dict, resume: dict) -> None:
        """Takes over what a stopped run has seen, and how it was begun, if that was otherwise."""
        seen = resume["evaluations"]
        best = [_entry(evaluation) for evaluation in seen if evaluation["best"]]
        self.record |= {"evaluations": [_entry(evaluation) for evaluation in seen], "best": best[-1] if best else None}
        now = {name: self.record[name] for name in HOW}
        first = {name: before[name] for name in HOW if name in before}
        resumed = before.get("resumed", [])
        if first and first != now:
            resumed = [*resumed, {"step": resume["steps"]} | now]
        self.record |= first | ({"resumed": resumed} if resumed else {})

    def keep(self, event: Progress | Evaluation | Snapshot | Resumable | Finished) -> None:
        """Writes what an event changes. Raises OSError where it can't; the last good state stays."""
        match event:
            case Evaluation():
                self.record["evaluations"].append(_entry(asdict(event)))
                if len(self.record["evaluations"]) == 1:
                    checkpoint.write_atomically(self.folder / checkpoint.NGRAMS, self.tables.to_bytes())
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
                (self.folder / RESUME).unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # it holds something of somebody else's
                    (self.folder / RESUME).parent.rmdir()

    def _write_model(self, folder: Path, record: dict) -> None:
        checkpoint.save(folder, self.model.config, self.model.state_dict(), dtype=self.dtype)
        drawn = self._draw(folder, record)
        told = {name: record.get(name) for name in TOLD}
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
        checkpoint.write_atomically(folder / checkpoint.CURVE, picture)
        return True


def _record(model: GPT, corpus: Corpus, config: TrainConfig, command: str, hardware: Hardware) -> dict:
    """What training.json says of a run that has seen nothing yet."""
    device = next(model.parameters()).device
    return {
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
        "evaluations": [],
        "best": None,
        "finished": False,
    }


def sample(model: GPT, characters: int) -> str:
    """What the model writes now, from nothing; the same random stream at every look."""
    start = model.tokenizer.encode(model.tokenizer.start)
    steps = generate(model, start, SamplingConfig(characters, temperature=0.8, seed=1))
    return model.tokenizer.decode([step.id for step in steps])


def _entry(evaluation: dict) -> dict:
    return {name: evaluation[name] for name in ("step", "train", "validation", "seconds")}
