"""A run's folder: the best model so far, and the record of how it came about."""

import platform
from dataclasses import asdict
from pathlib import Path

import torch

from strivelm import checkpoint
from strivelm.corpus import Corpus
from strivelm.model import GPT
from strivelm.training import Evaluation, Finished, Progress, TrainConfig


class Run:
    """Reads the events of `train` and keeps on disk what must not be lost.

    At each evaluation that is the best so far the model folder is written (weights, config, tokenizer, card), at every
    evaluation training.json. Each file is written whole or not at all.

    Args:
        folder: where to; made if missing.
        command: the command line that reproduces the run, for the record.
        overwrite: whether a model that is already there may be replaced.

    Raises:
        FileExistsError: the folder holds a model and `overwrite` is False.
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
    ):
        self.folder, self.model = Path(folder), model
        if not overwrite and (self.folder / checkpoint.WEIGHTS).exists():
            raise FileExistsError(f"{folder} already holds a model; pass --overwrite to replace it, or another --out")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / checkpoint.TRAINING).unlink(missing_ok=True)  # another run's record must not stand beside ours
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
                "device": torch.cuda.get_device_name(device)
                if device.type == "cuda"
                else platform.processor() or "cpu",
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            "evaluations": [],
            "best": None,
            "finished": False,
        }

    def keep(self, event: Progress | Evaluation | Finished) -> None:
        """Writes what an event changes. Raises OSError where it can't; the last good state stays."""
        if isinstance(event, Evaluation):
            entry = {name: value for name, value in asdict(event).items() if name != "best"}
            self.record["evaluations"].append(entry)
            if event.best:
                self.record["best"] = entry
                checkpoint.save(self.folder, self.model.config, self.model.state_dict())
                card = self.model.generate_model_card(corpus=self.record["corpus"], best=entry)
                checkpoint.write_atomically(self.folder / "README.md", str(card).encode())
        elif isinstance(event, Finished):
            self.record["finished"] = True
        else:
            return
        checkpoint.write_json(self.folder / checkpoint.TRAINING, self.record)
