"""A GGUF file of a model, for llama.cpp.

llama.cpp's GPT-2 has the tanh approximation of GELU where this architecture has the exact one: in the bundled model
that moves the logits of 219 characters by 0.0007 on the median, by 0.006 at most; greedy texts mostly agree. It reads
text by byte-level BPE. Each byte has a letter there, so that a character of several bytes is a word of several letters;
merges put the bytes of each known character together, and nothing else.

An end token is necessary: without one llama.cpp takes the token with the id 11 for it, which is a character here.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from strivelm.export.source import Source
from strivelm.gpt2_layout import END_TOKEN

if TYPE_CHECKING:
    import gguf

NAMES = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"} | {
    "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}  # fmt: skip
"""GPT-2's names and GGUF's, of what has a .weight and mostly a .bias."""


def export_gguf(source: Source, out: Path) -> Path:
    """Writes a GGUF file; returns its path. Matrices are stored as the folder stores them, all else in float32.

    Raises:
        ValueError: the source was read without an end token.
        ImportError: the package gguf is missing.
        OSError: the file can't be written.
    """
    import gguf

    if not source.end_token or source.config.chars is None:
        raise ValueError("llama.cpp needs an end token that is no character; read the source with end_token=True")
    out.parent.mkdir(parents=True, exist_ok=True)
    written = out.with_name(f".{out.name}.{secrets.token_hex(4)}")  # whole, or not at all
    try:
        writer = gguf.GGUFWriter(written, "gpt2")
        _add_settings(writer, source)
        _add_vocabulary(writer, source.config.chars)
        for name, tensor in source.tensors.items():
            place, part = _gguf_name(name)
            if part == "weight" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
                tensor = tensor.t()  # GPT-2's are (in, out)
            half = tensor.dim() == 2 and source.dtype == torch.float16
            wanted = torch.float16 if half else torch.float32
            writer.add_tensor(f"{place}.{part}", tensor.to(wanted).contiguous().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        os.replace(written, out)
    finally:
        with suppress(OSError):
            written.unlink(missing_ok=True)
    return out


def _add_settings(writer: "gguf.GGUFWriter", source: Source) -> None:
    import gguf

    config = source.config
    writer.add_name("StriveLM")
    writer.add_context_length(config.block_size)
    writer.add_embedding_length(config.n_embd)
    writer.add_block_count(config.n_layer)
    writer.add_feed_forward_length(4 * config.n_embd)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(1e-5)
    kinds = gguf.LlamaFileType
    writer.add_file_type(kinds.MOSTLY_F16 if source.dtype == torch.float16 else kinds.ALL_F32)


def _add_vocabulary(writer: "gguf.GGUFWriter", chars: str) -> None:
    import gguf

    words = [byte_letters(char) for char in chars]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*words, END_TOKEN])
    writer.add_token_types([gguf.TokenType.NORMAL] * len(words) + [gguf.TokenType.CONTROL])
    writer.add_token_merges(merges_of(words))
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_pad_token_id, writer.add_unk_token_id):
        add(len(words))
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)


def _gguf_name(name: str) -> tuple[str, str]:
    """Where GGUF has a tensor of GPT-2's, and whether it is the weight or the bias."""
    place, part = name.rsplit(".", 1)
    if not place.startswith("h."):
        return NAMES[place], part
    _, i, module = place.split(".", 2)
    return f"blk.{i}.{NAMES[module]}", part


# -- byte-level BPE --------------------------------------------------------------------------------------------------

SHOWN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
"""The bytes that stand for themselves, as Latin-1 has them; the others are counted up from U+0100 (GPT-2's encoder)."""
LETTERS = {byte: chr(byte) for byte in SHOWN}
LETTERS |= {byte: chr(0x100 + i) for i, byte in enumerate(sorted(set(range(256)) - set(SHOWN)))}


def byte_letters(char: str) -> str:
    """A character as byte-level BPE writes it: a letter for each byte of its UTF-8; a blank is Ġ, a line break Ċ."""
    return "".join(LETTERS[byte] for byte in char.encode())


def merges_of(words: list[str]) -> list[str]:
    """The merges that put each word together from the left, and never two words: a word's first byte is none inside."""
    merges = {f"{word[:n]} {word[n]}": None for word in words for n in range(1, len(word))}
    return list(merges) or [f"{LETTERS[0]} {LETTERS[0]}"]  # an empty list has no type, and can't be written
