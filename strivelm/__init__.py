"""StriveLM: a small GPT that you can see through.

Names are imported when they are first used: torch takes a second, which `strivelm --help` need not wait for.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strivelm.checkpoint import CheckpointError
    from strivelm.config import GPTConfig
    from strivelm.generation import SamplingConfig, Step, generate
    from strivelm.inspection import trace
    from strivelm.loading import OpenModel, load_model, open_model
    from strivelm.model import GPT, Block
    from strivelm.tokenizer import CharTokenizer, Encoding, UnknownCharacterError
    from strivelm.training import train

__version__ = "0.1.0"
__all__ = [
    "GPT",
    "Block",
    "CharTokenizer",
    "CheckpointError",
    "Encoding",
    "GPTConfig",
    "OpenModel",
    "SamplingConfig",
    "Step",
    "UnknownCharacterError",
    "generate",
    "load_model",
    "open_model",
    "trace",
    "train",
]
_HOME = {
    "checkpoint": ("CheckpointError",),
    "config": ("GPTConfig",),
    "generation": ("SamplingConfig", "Step", "generate"),
    "inspection": ("trace",),
    "loading": ("OpenModel", "load_model", "open_model"),
    "model": ("GPT", "Block"),
    "tokenizer": ("CharTokenizer", "Encoding", "UnknownCharacterError"),
    "training": ("train",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOME.items():
        if name in names:
            value = globals()[name] = getattr(importlib.import_module(f"strivelm.{module}"), name)
            return value
    raise AttributeError(f"module 'strivelm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
