"""The GGUF file, as the format's own reader reads it. That llama.cpp writes the same text: scripts/ecosystem.py."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import pre_tokenizers

from strivelm.export import export_gguf, read_source
from strivelm.export.gguf_file import LETTERS, byte_letters, merges_of
from strivelm.loading import BUNDLED

gguf = pytest.importorskip("gguf")


@pytest.fixture(params=[torch.float32, torch.float16], ids=str)
def written(request, model, tmp_path):
    """A model's folder, and its file in GGUF's reader."""
    model.save_pretrained(tmp_path / "saved", dtype=request.param)
    path = export_gguf(read_source(tmp_path / "saved", end_token=True), tmp_path / "out.gguf")
    assert [one.name for one in tmp_path.glob("*.gguf*")] == ["out.gguf"]
    return tmp_path / "saved", gguf.GGUFReader(path)


def test_every_tensor_is_there_under_the_name_that_the_format_gives_it(written):
    """Names by gguf's own table; matrices as (out, in), where GPT-2 has (in, out)."""
    folder, reader = written
    known = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GPT2, 2)
    found = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    theirs = load_file(folder / "model.safetensors")
    assert len(found) == len(theirs)
    for name, tensor in theirs.items():
        data = found[known.get_name(name, (".weight", ".bias"))]
        expected = tensor.numpy()
        if ".attn." in name or ".mlp." in name:
            expected = expected.T
        assert data.dtype == (expected.dtype if expected.ndim == 2 else np.float32), name
        assert np.array_equal(data[:25] if name == "wte.weight" else data, expected), name
    assert len(found["token_embd.weight"]) == 26


def test_the_settings_are_the_model_s(written, model):
    _, reader = written
    said = {name: field.contents() for name, field in reader.fields.items()}
    assert said["general.architecture"] == "gpt2"
    assert said["gpt2.context_length"] == model.block_size
    assert (said["gpt2.embedding_length"], said["gpt2.feed_forward_length"]) == (32, 128)
    assert (said["gpt2.block_count"], said["gpt2.attention.head_count"]) == (2, 2)
    assert said["gpt2.attention.layer_norm_epsilon"] == pytest.approx(1e-5)
    assert said["tokenizer.ggml.model"] == "gpt2"
    end = {said[f"tokenizer.ggml.{kind}_token_id"] for kind in ("bos", "eos", "padding", "unknown")}
    assert end == {25}, "without one, llama.cpp takes the character with the id 11 for the end"
    assert said["tokenizer.ggml.token_type"] == [1] * 25 + [3]
    assert not said["tokenizer.ggml.add_bos_token"]
    assert not said["tokenizer.ggml.add_space_prefix"]


def bpe(text, tokens, merges):
    """A text's ids by byte-level BPE, as GPT-2's paper has it: the earliest merge first, wherever it fits."""
    ranks = {tuple(merge.split(" ")): i for i, merge in enumerate(merges)}
    parts = [LETTERS[byte] for byte in text.encode()]
    while True:
        pairs = [(ranks.get(pair, len(ranks)), i) for i, pair in enumerate(pairwise(parts))]
        if not pairs or min(pairs)[0] == len(ranks):
            return [tokens.index(part) for part in parts]
        i = min(pairs)[1]
        parts[i : i + 2] = ["".join(parts[i : i + 2])]


def test_byte_level_bpe_gives_each_character_its_id(written, model):
    _, reader = written
    said = {name: field.contents() for name, field in reader.fields.items()}
    text = model.config.chars * 2 + model.config.chars[::-1]
    found = bpe(text, said["tokenizer.ggml.tokens"], said["tokenizer.ggml.merges"])
    assert found == model.tokenizer.encode(text)


def test_the_letters_of_bytes_are_those_of_gpt2():
    """As the tokenizers library writes each byte that a character's UTF-8 can hold."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for char in map(chr, [*range(0x800), 0xFFFD, 0x1F600, 0x10FFFF]):
        assert level.pre_tokenize_str(char)[0][0] == byte_letters(char)


def test_blanks_line_breaks_and_characters_of_several_bytes():
    assert [byte_letters(char) for char in " \naé"] == ["Ġ", "Ċ", "a", "Ã©"]
    assert merges_of(["a", "Ã©", "Ãª", "æ¼¢"]) == ["Ã ©", "Ã ª", "æ ¼", "æ¼ ¢"]
    assert merges_of(["a", "b"]) == ["Ā Ā"], "never in a text, and llama.cpp wants a list"


def test_without_an_end_token_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="end_token=True"):
        export_gguf(read_source(BUNDLED), tmp_path / "out.gguf")
    assert not list(tmp_path.iterdir())
