"""Files that a browser reads: what other tools write as well, and damaged ones, each of which ends in a sentence."""

import json
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file
from web.test_web_writing import asked

from strivelm import GPT, SamplingConfig, generate
from strivelm.checkpoint import CheckpointError
from strivelm.export import export_folder, read_source

TEXT = SamplingConfig(60, 0.9, 0, 1.0, 3)


def written(node, folder, plain=False, tokenizer=False):
    """The ids of a text, or what is said in its place."""
    opened = {"do": "open", "at": str(folder), "plain": plain, "tokenizer": tokenizer}
    found, text = node(opened, {"do": "write", "texts": [asked([1, 2], TEXT)]})
    return found if isinstance(found, ValueError) else [id for id, *_ in text[0]]


def expected(folder):
    return [step.id for step in generate(GPT.from_pretrained(folder), [1, 2], TEXT)]


def change_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}), "utf-8")


def change_tensors(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file(change(tensors) or tensors, path)


# -- what is read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_every_precision(node, saved, plain, dtype):
    model, folder = saved(block_size=20)
    model.save_pretrained(folder, dtype=dtype)
    assert written(node, folder, plain) == expected(folder)


def with_prefix(tensors):
    return {f"transformer.{name}": tensor for name, tensor in tensors.items()} | {
        "lm_head.weight": tensors["wte.weight"].clone()
    }


def with_masks(tensors):
    mask = torch.ones(1, 1, 16, 16, dtype=torch.uint8)
    return tensors | {"h.0.attn.bias": mask, "h.1.attn.masked_bias": torch.tensor(-1e4)}


def by_its_head_alone(tensors):
    return {("lm_head.weight" if name == "wte.weight" else name): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("change", [with_prefix, with_masks, by_its_head_alone])
def test_what_other_tools_write(node, saved, plain, change):
    _, folder = saved()
    change_tensors(folder, change)
    assert written(node, folder, plain) == expected(folder)


def test_a_folder_with_an_end_token(node, saved, plain, tmp_path):
    model, folder = saved()
    with torch.no_grad():
        model.lnf.bias.add_(0.5)
    model.save_pretrained(folder)
    export_folder(read_source(folder, end_token=True), tmp_path / "ended")
    assert written(node, tmp_path / "ended", plain) == expected(folder)


def test_transformers_own_config_with_its_tokenizer(node, saved):
    _, folder = saved()
    change_config(folder, **dict.fromkeys(("chars", "block_size", "dropout"), ...))
    assert written(node, folder, tokenizer=True) == expected(folder)
    assert "names no characters" in str(written(node, folder))


# -- what is refused ---------------------------------------------------------------------------------------------------

SIZES = {"n_layer": 1 << 40, "n_embd": 1 << 16, "vocab_size": -1, "block_size": 0.5, "n_head": True}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *(({name: value}, f"{name} is") for name, value in SIZES.items() if name != "n_embd"),
        ({"n_embd": 33}, "not divisible"),
        ({"n_embd": 1 << 16, "n_layer": 512}, "parameters"),
        ({"n_embd": 1 << 14}, "config.json says"),
        ({"n_head": ...}, "lacks n_head"),
        ({"chars": "ab"}, "chars holds 2"),
        ({"chars": None}, "names no characters"),
        ({"chars": 5}, "no text"),
        ({"activation_function": "gelu_new"}, "activation_function"),
        ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon"),
        ({"dropout": 1}, "dropout"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings"),
    ],
    ids=str,
)
def test_a_config_that_says_something_else(node, saved, changes, words):
    _, folder = saved()
    change_config(folder, **changes)
    said = written(node, folder)
    assert words in str(said)
    assert said.kind == "ModelError"
    with pytest.raises((CheckpointError, ValueError)):
        _ = GPT.from_pretrained(folder).tokenizer


def test_a_config_that_is_none(node, saved):
    _, folder = saved()
    for content in (b"", b"[1]", b"{", b'{"a": NaN}', b"\xff\xfe{}", b"null"):
        (folder / "config.json").write_bytes(content)
        assert "config.json" in str(written(node, folder))


def without(name):
    return lambda tensors: {key: tensor for key, tensor in tensors.items() if key != name}


def setting(name, place, value):
    def change(tensors):
        tensors[name].view(-1)[place] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("h.1.mlp.c_fc.bias"), "lacks h.1.mlp.c_fc.bias"),
        (lambda tensors: tensors | {"h.0.lora_A": torch.ones(2)}, "beyond this architecture, h.0.lora_A"),
        (lambda tensors: tensors | {"transformer.ln_f.bias": torch.ones(32)}, "twice"),
        (lambda tensors: tensors | {"wpe.weight": torch.ones(17, 32)}, "shape [17,32]; config.json says [16,32]"),
        (lambda tensors: tensors | {"ln_f.bias": torch.ones(32, dtype=torch.int32)}, "ln_f.bias in I32"),
        (lambda tensors: tensors | {"ln_f.bias": torch.ones(32, dtype=torch.float64)}, "ln_f.bias in F64"),
        (setting("h.0.attn.c_attn.weight", 5, float("nan")), "NaN or infinite numbers in h.0.attn.c_attn.weight"),
        (setting("ln_f.weight", 31, float("-inf")), "NaN or infinite numbers in ln_f.weight"),
        (setting("wte.weight", 0, -1e20), "holds 1.0e+20 in wte.weight"),
        (setting("h.1.attn.c_attn.bias", 2, 1e-3), "h.1.attn.c_attn.bias, which is not zero"),
        (lambda tensors: tensors | {"lm_head.weight": tensors["wte.weight"] * 2}, "differs from wte.weight"),
        (lambda tensors: tensors | {"wte.weight": torch.zeros(24, 32)}, "embeddings are all the same"),
    ],
)
def test_tensors_that_are_no_model_s(node, saved, plain, change, words):
    _, folder = saved(chars="\n\t !'.:?ABCabcdefghijéxyz"[:24])
    change_tensors(folder, change)
    said = written(node, folder, plain)
    assert words in str(said)
    assert said.kind == "ModelError"


def test_half_precision_that_is_not_finite(node, saved, plain):
    model, folder = saved()
    for dtype in (torch.float16, torch.bfloat16):
        model.save_pretrained(folder, dtype=dtype)
        change_tensors(folder, setting("wpe.weight", 9, float("inf")))
        assert "NaN or infinite numbers in wpe.weight" in str(written(node, folder, plain))


def header_of(content):
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def with_header(header, rest):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def damaged(content):
    """What can be wrong with a file of safetensors, by name."""
    header, rest = header_of(content)
    first = next(name for name in header if name != "__metadata__")

    def tensor(**changes):
        return with_header(header | {first: header[first] | changes}, rest)

    start, end = header[first]["data_offsets"]
    yield "nothing", b""
    yield "seven bytes", content[:7]
    yield "half of it", content[: len(content) // 2]
    yield "a byte less", content[:-1]
    yield "a byte more", content + b"\0"
    yield "a header without end", struct.pack("<Q", 1 << 40) + content[8:]
    yield "a header longer than the file", struct.pack("<Q", len(content)) + content[8:]
    yield "a header of other bytes", with_header(b"{\xff}", rest)
    yield "a header that is a list", with_header(b"[]", rest)
    yield "a pickle", b"\x80\x02}q\x00." * 30
    yield "a pointer of git-lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    yield "a page of the Hub", b"<!doctype html><html>" * 20
    yield "tensors over each other", tensor(data_offsets=[start + 4, end + 4])
    yield "a tensor that ends before it begins", tensor(data_offsets=[end, start])
    yield "a negative place", tensor(data_offsets=[-4, end])
    yield "a place of no number", tensor(data_offsets=["0", end])
    yield "one place", tensor(data_offsets=[start])
    yield "a shape beyond its bytes", tensor(shape=[1 << 50])
    yield "a negative side", tensor(shape=[-1])
    yield "no shape", tensor(shape=None)
    yield "another type", tensor(dtype="F16")
    yield "an unknown type", tensor(dtype="F8_E5M2")
    yield "no type", tensor(dtype=7)
    yield "a hole", with_header({name: one for name, one in header.items() if name != first}, rest)
    yield "nothing of a tensor", with_header(header | {first: None}, rest)


def test_damaged_files_end_in_a_sentence(node, saved):
    _, folder = saved()
    path = folder / "model.safetensors"
    for what, content in damaged(path.read_bytes()):
        path.write_bytes(content)
        said = written(node, folder)
        assert isinstance(said, ValueError), f"{what} was read"
        assert said.kind == "ModelError", f"{what}: {said}"
        with pytest.raises(CheckpointError):
            GPT.from_pretrained(folder)


def test_a_closed_model_s_memory_is_given_back(node, saved):
    _, folder = saved(n_layer=4, n_embd=256, block_size=256)  # 13 MB, and as much again while it is read
    sizes = node.one({"do": "again", "at": str(folder), "times": 30})
    assert max(sizes[15:]) < max(sizes[5:15]) + 40e6
