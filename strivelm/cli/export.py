"""Writes a model for other tools.

strivelm export runs/mine --end-token
strivelm export runs/mine --to onnx
strivelm export runs/mine --to gguf
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro

from strivelm.export import export_folder, export_gguf, export_onnx, read_source
from strivelm.loading import open_model


@dataclass(frozen=True)
class Flags:
    """Write a model for tools that want more than its folder, which transformers and many others open as it is."""

    model: tyro.conf.Positional[str]
    """bundled, film, a folder, owner/name or owner/name@revision on the Hub."""
    out: tyro.conf.Positional[Path | None] = None
    """What is written; if not given, it is named after the model, in the current folder."""
    to: Literal["folder", "onnx", "gguf"] = "folder"
    """A model folder; a folder with an ONNX graph, for onnxruntime and transformers.js (needs strivelm[onnx]); or a
    GGUF file, for llama.cpp (needs strivelm[gguf])."""
    end_token: bool = False
    """Add the token <|end|>, which is pad, bos, eos and unk, for tools that insist on one. It is so unlikely that the
    characters' logits and probabilities stay the same. A GGUF file always has it."""
    dtype: Literal["float16", "bfloat16", "float32"] | None = None
    """What the weights are stored in; if not given, what the model's folder stores them in."""
    overwrite: bool = False
    """Replace what is there."""


def run(flags: Flags) -> None:
    """Writes it and says what it is."""
    if flags.to == "folder" and not flags.end_token and flags.dtype is None:
        raise ValueError(
            "the model's folder is already what transformers opens; say what to change: --end-token, --dtype, "
            "--to onnx or --to gguf"
        )
    opened = open_model(flags.model)
    if opened.folder is None:
        raise ValueError(f"{flags.model} has no folder to export")
    out = flags.out or Path(_usual(flags))
    if out.resolve() == opened.folder.resolve():
        raise FileExistsError(f"{out} is the model's own folder; name another place")
    if out.exists() and not flags.overwrite:
        raise FileExistsError(f"{out} exists; name another place, or pass --overwrite to replace it")
    dtype = None if flags.dtype is None else getattr(torch, flags.dtype)
    source = read_source(opened.folder, dtype, end_token=flags.end_token or flags.to == "gguf")
    written = {"folder": export_folder, "onnx": export_onnx, "gguf": export_gguf}[flags.to](source, out)
    size = sum(path.stat().st_size for path in ([out] if out.is_file() else out.rglob("*")) if path.is_file())
    end = ", with the token <|end|>" if source.end_token else ""
    print(f"{written}: {size:,} bytes in {str(source.dtype).removeprefix('torch.')}{end}")
    print(NEXT[flags.to].format(out=out))


NEXT = {
    "folder": 'transformers: pipeline("text-generation", model="{out}")',
    "onnx": 'transformers.js: await pipeline("text-generation", "{out}"), with env.localModelPath its folder',
    "gguf": 'llama.cpp: llama-cli -m {out} -no-cnv -p "…"; its GELU is the tanh one, which moves logits by up to 0.006',
}
"""By format: how it is used."""


def _usual(flags: Flags) -> str:
    """The name of what is written, after the model's."""
    place, _, revision = flags.model.rstrip("/").partition("@")
    name = "-".join(filter(None, [Path(place).resolve().name if Path(place).is_dir() else Path(place).name, revision]))
    return f"{name}.gguf" if flags.to == "gguf" else f"{name}-{'onnx' if flags.to == 'onnx' else 'exported'}"


def main() -> None:
    """Reads the flags and runs."""
    run(tyro.cli(Flags, description=__doc__))
