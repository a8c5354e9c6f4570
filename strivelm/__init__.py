"""StriveLM: a small GPT that you can see through."""

from strivelm.checkpoint import CheckpointError
from strivelm.config import GPTConfig
from strivelm.generation import SamplingConfig, Step, generate
from strivelm.inspection import trace
from strivelm.loading import OpenModel, load_model, open_model
from strivelm.model import GPT, Block
from strivelm.tokenizer import CharTokenizer, Encoding, UnknownCharacterError
from strivelm.training.trainer import train

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
