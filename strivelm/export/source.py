"""What is exported: a model's configuration and weights, as its folder stores them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open

from strivelm import checkpoint
from strivelm.config import GPTConfig
from strivelm.export.end_token import end_row
from strivelm.files import CheckpointError
from strivelm.gpt2_layout import DTYPES, EMBEDDING, weights


@dataclass(frozen=True)
class Source:
    """A model on its way to another tool."""

    folder: Path
    """Where it lies."""
    config: GPTConfig
    tensors: dict[str, torch.Tensor]
    """The weights under GPT-2's names and in its layout; with an end token, the embedding's last row is its."""
    dtype: torch.dtype
    """What they are stored in."""
    end_token: bool
    """Whether there is one token beyond the characters."""


def read_source(folder: Path, dtype: torch.dtype | None = None, end_token: bool = False) -> Source:
    """A folder's model, in the given type or the one in which it is stored.

    Raises CheckpointError: there is no model, or it can't be stored so, or can't have an end token.
    """
    config, state = checkpoint.load(folder)
    dtype = dtype or stored_in(folder)
    tensors = weights(config, state, dtype)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{name} does not fit {str(dtype).removeprefix('torch.')}; choose --dtype float32")
    if end_token:
        if config.chars is None:
            raise CheckpointError("this model has no vocabulary, so that no token of it can be something else than one")
        row = end_row(tensors["ln_f.weight"], tensors["ln_f.bias"], dtype)  # of what is stored, which is rounded
        tensors[EMBEDDING] = torch.cat([tensors[EMBEDDING], row[None]])
    return Source(Path(folder), config, tensors, dtype, end_token)


def stored_in(folder: Path) -> torch.dtype:
    """What a folder's embedding is stored in."""
    for path in checkpoint.weight_files(Path(folder)):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                if name.endswith((EMBEDDING, "lm_head.weight")):
                    return DTYPES[file.get_slice(name).get_dtype()]
    return torch.float32
