"""A run's folder: the best model so far, the record of how it came about, and what is needed to go on."""

import contextlib
import hashlib
import io
import os
import platform
import re
import shlex
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from strivelm import checkpoint, manifest, steps
from strivelm.data.corpus import Corpus
from strivelm.data.ngrams import NGrams, count_ngrams
from strivelm.data.sources import FABLES
from strivelm.generation import SamplingConfig, generate
from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.events import Evaluation, Finished, Resumable, Snapshot
from strivelm.training.folder_lock import LOCK, check_free
from strivelm.training.hardware import PLAIN, Hardware
from strivelm.training.loop import Event
from strivelm.training.loss_curve import loss_curve
from strivelm.training.resume import ResumeError
from strivelm.training.state_file import from_bytes, to_bytes

RESUME = Path("resume") / "state.safetensors"
BEFORE = RESUME.with_name("state.pt")
"""Where the state lay before it was a safetensors file."""
ON_CARD = ("corpus", "teachers", "best", "ngrams", "machine", "snapshot", "license")  # what the card says of the record
HOW = ("command", "machine")  # how a run was begun, which a resume may do otherwise
EXTRAS = 0.02  # the share of a run's time that samples and curves for cards may take; at the end there is always time
LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}")  # how `write_together` names files that are not whole yet


def saved_state(folder: str | Path) -> dict | None:
    """What `train(..., resume=…)` needs to go on with the run in a folder; None where nothing was saved.

    Raises ResumeError for a damaged one, OSError where it can't be read. No code in it is run.
    """
    path = Path(folder) / RESUME
    if not path.exists():
        path = Path(folder) / BEFORE
    damaged = ResumeError(  # torch's own words would advise to run whatever code the file holds
        f"{path} is damaged, or no state of a run; the folder's model is unharmed. Start anew in another "
        "--out, or with --overwrite, which replaces it"
    )
    try:
        content = path.read_bytes()
        state = from_bytes(content) if path.name == RESUME.name else _unpickled(content)
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


def _unpickled(content: bytes) -> object:
    """A state from before; no code in it is run."""
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def saved_record(folder: str | Path) -> dict | None:
    """What training.json says of the folder's run; None where no run is. Raises CheckpointError for a damaged one."""
    path = Path(folder) / checkpoint.TRAINING
    record = checkpoint.read_json(path) if path.is_file() else {}
    return record if "finished" in record and not record.get("snapshot") else None


def check_folder(folder: str | Path, replace: bool = False) -> None:
    """Raises where a run can't have this folder, or may not; writes nothing that stays.

    Raises:
        FileExistsError: it is a file, or, unless that may be replaced, holds something.
        FolderTakenError: another training writes into it.
        OSError: it can't be made or written.
    """
    folder = Path(folder)
    _check_writable(folder)
    check_free(folder)
    _check_contents(folder, replace)


def _check_contents(folder: Path, replace: bool) -> None:
    """Raises FileExistsError where the folder holds something that may not be replaced."""
    if replace or not folder.is_dir():
        return
    if (folder / RESUME).exists() or (folder / BEFORE).exists():
        raise FileExistsError(
            f"{folder} holds a run that is not finished; pass --resume to go on with it, --overwrite to begin anew, or "
            "another --out"
        )
    if (folder / checkpoint.WEIGHTS).exists():
        raise FileExistsError(f"{folder} already holds a model; pass --overwrite to replace it, or another --out")
    if any(path.name != LOCK for path in folder.iterdir()):
        raise FileExistsError(
            f"{folder} is not empty; pass another --out, or --overwrite to replace a model's files in it"
        )


def _check_writable(folder: Path) -> None:
    """Raises OSError where the folder, or the nearest one above it that exists, takes no new folder."""
    try:
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise FileExistsError(f"{folder} is a file; expected a folder, or a name that is not taken")
    except FileNotFoundError:
        pass
    except FileExistsError:
        raise
    except OSError as error:  # a name that is too long, a file on the way
        raise OSError(f"{folder} can't be made: {error.strerror}; pass another --out") from None
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".strivelm-", dir=place))
    except OSError as error:
        raise OSError(f"{folder} can't be written ({place}: {error.strerror}); pass another --out") from None


def sweep(folder: str | Path) -> None:
    """Removes what a killed training left half-written in its folder. Nobody else may write into it meanwhile."""
    folder = Path(folder)
    for place in (folder, (folder / RESUME).parent, *steps.folders(folder).values()):
        for left in place.glob(".*"):
            if LEFTOVER.fullmatch(left.name):
                with contextlib.suppress(OSError):
                    left.unlink()


class Run:
    """Reads the events of `train` and keeps on disk what must not be lost.

    At each evaluation that is the best so far the model folder is written (weights, config, tokenizer and card), at
    every evaluation training.json and, last, resume/state.safetensors, which goes when the run has finished; once, what
    counting knows of the text (ngrams.safetensors). A sample in the card and the loss curve come along while they cost
    little of the run's time, and at the end. A snapshot becomes a model folder of its own, snapshots/step-N, and
    snapshots.json says what it is. Each file is written whole or not at all. `record` is what training.json will say;
    a script may add to it.

    Args:
        folder: where to; made if missing.
        command: the command line that reproduces the run, for the record.
        overwrite: whether a model, a run or any other file of those names that is already there may be replaced.
        resume: the state that the run goes on from, from `saved_state`.
        hardware: what it computes with, for the record.
        dtype: how weights are stored; float16 halves the files and costs no loss that can be measured.
        tables: the counts of the text, where they have been made already.
        license: what the card names; None means the one of the fables that come along, where they are the text.

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
        tables: NGrams | None = None,
        license: str | None = None,
    ):
        self.folder, self.model, self.dtype = Path(folder), model, dtype
        self.tables = tables or count_ngrams(corpus.train, len(corpus.tokenizer))
        self._extras = 0.0  # seconds spent on samples and curves
        _check_contents(self.folder, overwrite or resume is not None)
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder)
        path = self.folder / checkpoint.TRAINING
        self.record = _record(model, corpus, config, command, hardware)
        if license or corpus.sha256 == _bundled_text():
            self.record["license"] = license or "mit"
        if resume is None:  # another run's record, picture, state and youth must not stand beside ours
            for old in (path.name, checkpoint.CURVE, checkpoint.NGRAMS, manifest.MANIFEST, RESUME, BEFORE):
                (self.folder / old).unlink(missing_ok=True)
            for old in steps.folders(self.folder).values():
                shutil.rmtree(old, ignore_errors=True)
            checkpoint.write_json(path, self.record)  # whatever is killed from here on can be told from a stranger's
            self.manifest = manifest.Manifest(manifest.text_of(self.record))
        else:
            self._go_on(checkpoint.read_json(path) if path.is_file() else {}, resume)
            self.manifest = manifest.read(self.folder) or manifest.of_folder(self.folder)

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
        if not (self.folder / checkpoint.WEIGHTS).is_file():  # the state came alone, from the Hub
            checkpoint.write_atomically(self.folder / checkpoint.NGRAMS, self.tables.to_bytes())
            checkpoint.save(self.folder, self.model.config, resume["best_weights"], dtype=self.dtype)
            self._write_card(self.folder, self.record, extras=False)

    def keep(self, event: Event) -> None:
        """Writes what an event changes. Raises OSError where it can't; the last good state stays."""
        match event:
            case Evaluation():
                entries = self.record["evaluations"]
                if entries and entries[-1]["step"] == event.step:  # evaluated anew, exactly
                    entries.pop()
                entries.append(_entry(asdict(event)))
                if len(entries) == 1:
                    checkpoint.write_atomically(self.folder / checkpoint.NGRAMS, self.tables.to_bytes())
                if event.best:
                    self.record["best"] = entries[-1]
                    self._write_model(self.folder, self.record)
                checkpoint.write_json(self.folder / checkpoint.TRAINING, self.record)
            case Snapshot(evaluation):
                # What this model's own loss is stands where a reader of any model folder looks for it.
                record = self.record | {"best": _entry(asdict(evaluation)), "snapshot": True}
                folder = steps.folder_of(self.folder, evaluation.step)
                self._write_model(folder, record)
                checkpoint.write_json(folder / checkpoint.TRAINING, record)
                snapshot = manifest.described(folder, evaluation.validation, evaluation.characters)
                self.manifest = self.manifest.having(folder.name, snapshot)
                self.manifest.write(self.folder)
            case Resumable():
                with _named(self.folder / RESUME):
                    (self.folder / RESUME).parent.mkdir(exist_ok=True)
                checkpoint.write_atomically(self.folder / RESUME, to_bytes(event.state()))
                (self.folder / BEFORE).unlink(missing_ok=True)
            case Finished():
                self.record["evaluations"] = [_entry(asdict(evaluation)) for evaluation in event.evaluations]
                self.record |= {"best": _entry(asdict(event.best)), "finished": True}
                self._write_card(self.folder, self.record, extras=True)  # what came after the best step belongs in it
                checkpoint.write_json(self.folder / checkpoint.TRAINING, self.record)
                with contextlib.suppress(OSError):  # it holds something of somebody else's
                    for state in (RESUME, BEFORE):
                        (self.folder / state).unlink(missing_ok=True)
                    (self.folder / RESUME).parent.rmdir()

    def _write_model(self, folder: Path, record: dict) -> None:
        with _named(folder):
            folder.mkdir(parents=True, exist_ok=True)
        checkpoint.save(folder, self.model.config, self.model.state_dict(), dtype=self.dtype)
        seconds = record["best"]["seconds"]
        self._write_card(folder, record, extras=self._extras < EXTRAS * seconds)

    def _write_card(self, folder: Path, record: dict, extras: bool) -> None:
        """The README and the loss curve; without extras the card has neither curve nor sample."""
        begin = time.perf_counter()
        drawn, written = (self._draw(folder, record), sample(self.model, 300)) if extras else (False, None)
        self._extras += time.perf_counter() - begin
        said: dict[str, Any] = {name: record.get(name) for name in ON_CARD} | {"command": complete_command(record)}
        card = self.model.generate_model_card(**said, seconds=record["best"]["seconds"], curve=drawn, sample=written)
        checkpoint.write_atomically(folder / "README.md", str(card).encode())

    def _draw(self, folder: Path, record: dict) -> bool:
        """Writes the loss curve; False where there is nothing to draw, which ends no training."""
        try:
            picture = loss_curve(record)
        except ValueError:
            return False
        checkpoint.write_atomically(folder / checkpoint.CURVE, picture)
        return True


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """A stretch in which an OSError becomes one that names what was to be written, and why it can't be."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"could not write {path}: {error.strerror}") from error


def complete_command(record: dict) -> str:
    """A record's command with every setting written out, the preset's values too, for a shell; "" without one."""
    command = record["command"]
    given = {word.split("=")[0].replace("_", "-") for word in shlex.split(command)}
    settings = {f"--{name.replace('_', '-')}": value for name, value in (record["sizes"] | record["training"]).items()}
    words = [f"{flag} {shlex.quote(str(value))}" for flag, value in settings.items() if command and flag not in given]
    lines = [command]
    for word in words:
        if len(lines) == 1 or len(lines[-1]) + len(word) > 100:
            lines.append("   ")
        lines[-1] += f" {word}"
    return " \\\n".join(lines)


def _bundled_text() -> str:
    """The sha256 of the fables, whose license is this package's."""
    return hashlib.sha256(FABLES.read_bytes()).hexdigest()


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
            **asdict(hardware),
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
    written = generate(model, start, SamplingConfig(characters, seed=1))
    return model.tokenizer.decode([step.id for step in written])


def _entry(evaluation: dict) -> dict:
    entry = {name: evaluation[name] for name in ("step", "train", "validation", "seconds")}
    if evaluation.get("exact", True):
        return entry
    characters = evaluation.get("characters")  # which states of before lack
    return entry | {"exact": False} | ({} if characters is None else {"characters": characters})
