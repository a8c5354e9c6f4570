"""A run's state as one safetensors file, which can hold no code, so that it may also come from the Hub.

Tensors lie in it under numbers, equal ones once. What stands around them is JSON in the file's metadata, in which
{"tensor": 3}, {"tuple": […]} and {"dict": [[key, value], …]} stand for what JSON lacks.
"""

import hashlib
import json
from typing import Any

import torch
from safetensors.torch import load, save

KEY = "state"


def to_bytes(state: dict) -> bytes:
    """The file's content for what `Trainer.state` gives. Raises TypeError for a value of another kind."""
    tensors: dict[str, torch.Tensor] = {}
    known: dict[tuple, int] = {}

    def packed(value: Any) -> Any:
        match value:
            case torch.Tensor():
                plain = value.detach().cpu().contiguous()
                content = hashlib.sha256(plain.reshape(-1).view(torch.uint8).numpy()).digest()
                number = known.setdefault((content, plain.dtype, plain.shape), len(known))
                tensors.setdefault(str(number), plain.clone() if number == len(tensors) else plain)
                return {"tensor": number}
            case dict():
                return {"dict": [[key, packed(item)] for key, item in value.items()]}
            case tuple():
                return {"tuple": [packed(item) for item in value]}
            case list():
                return [packed(item) for item in value]
        return value

    around = json.dumps(packed(state))
    return save(tensors, metadata={KEY: around})


def from_bytes(content: bytes) -> dict:
    """The state in a file's content. Each tensor is one of its own, so that moving it moves no other.

    Raises what safetensors, JSON and indexing raise where it is damaged, or no state.
    """
    tensors = load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])

    def unpacked(value: Any) -> Any:
        match value:
            case {"tensor": number}:
                return tensors[str(number)].clone()
            case {"dict": pairs}:
                return {key: unpacked(item) for key, item in pairs}
            case {"tuple": items}:
                return tuple(unpacked(item) for item in items)
            case list():
                return [unpacked(item) for item in value]
        return value

    return unpacked(json.loads(header["__metadata__"][KEY]))
