"""A model folder for transformers and the tools around it, with one special token more or in another precision."""

from pathlib import Path

from safetensors.torch import save as to_safetensors

from strivelm.checkpoint import FILES
from strivelm.export.source import Source
from strivelm.files import WEIGHTS, write_together
from strivelm.gpt2_layout import json_files


def export_folder(source: Source, out: Path) -> Path:
    """Writes a whole model folder, its card included, which `GPT.from_pretrained` opens as the same model.

    Raises OSError: the folder can't be written.
    """
    files = {out / name: content for name, content in json_files(source.config, source.dtype, source.end_token).items()}
    for name in FILES:  # the card, the record of its training, …
        if out / name not in files and (source.folder / name).is_file():
            files[out / name] = (source.folder / name).read_bytes()
    files[out / WEIGHTS] = to_safetensors(source.tensors, metadata={"format": "pt"})
    out.mkdir(parents=True, exist_ok=True)
    write_together(files)
    return out
