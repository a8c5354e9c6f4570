"""One folder, two worlds: what `save_pretrained` writes is opened by transformers to the same numbers and texts."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from strivelm import GPT
from strivelm.loading import BUNDLED

SHAPES = [
    {"n_layer": 1, "n_head": 1, "n_embd": 8, "block_size": 70},
    {"n_layer": 2, "n_head": 2, "n_embd": 32, "block_size": 80, "dropout": 0.2},
    {"n_layer": 3, "n_head": 6, "n_embd": 24, "block_size": 64, "chars": "\nab"},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@torch.no_grad()
def test_logits_are_those_of_transformers(make_model, random_ids, gpt2, tmp_path, shape, dtype, tolerance):
    model = make_model(**shape).to(dtype)
    model.save_pretrained(tmp_path)
    ids = random_ids(model, 3, model.block_size)
    theirs = gpt2(tmp_path, dtype)(ids, attention_mask=torch.ones_like(ids)).logits
    assert theirs.dtype == dtype
    assert theirs.std() > 0.3
    for ours in (model, GPT.from_pretrained(tmp_path)):
        torch.testing.assert_close(ours(ids)[0], theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES)
def test_60_greedy_characters_are_those_of_transformers(make_model, gpt2, tmp_path, shape):
    model = make_model(**shape)
    model.save_pretrained(tmp_path)
    prompt = torch.tensor([[0, 1, 0, 2]])  # with the id 0, from which transformers would guess a padding
    theirs = gpt2(tmp_path).generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=60, do_sample=False, pad_token_id=0
    )
    ours = GPT.from_pretrained(tmp_path).generate(prompt, max_new_tokens=60, temperature=0)
    assert ours.tolist() == theirs.tolist()
    assert theirs.shape == (1, 64)


def test_a_model_that_transformers_saved_again_is_still_ours(model, folder, gpt2, random_ids, tmp_path):
    gpt2(folder).save_pretrained(tmp_path / "again")
    again = GPT.from_pretrained(tmp_path / "again")
    assert again.config == model.config
    assert torch.equal(again(random_ids(model, 1, 16))[0], model(random_ids(model, 1, 16))[0])


def test_the_tokenizer_is_that_of_transformers(model, folder, transformers):
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    assert theirs.get_vocab() == {char: i for i, char in enumerate(model.config.chars)}
    assert theirs.model_max_length == model.block_size

    @given(st.text(st.sampled_from(model.config.chars)))
    def on_any_text(text):
        ids = model.tokenizer.encode(text)
        assert theirs(text)["input_ids"] == ids
        assert theirs.decode(ids) == text

    on_any_text()


def test_any_vocabulary_survives(transformers, make_model, tmp_path):
    chars = (
        "".join(map(chr, [*range(0x20), 0x7F, 0x85, 0xA0, 0x301, 0x2028, 0xFEFF, 0xFFFD, 0x1F600, 0x10FFFF]))
        + '"\\</s>'
    )
    make_model(chars=chars).save_pretrained(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert GPT.from_pretrained(tmp_path).config.chars == chars
    assert theirs(chars * 2)["input_ids"] == [*range(len(chars))] * 2
    assert theirs.decode([*range(len(chars))]) == chars


def test_the_pipeline_writes_the_same_text(model, folder, transformers):
    pipeline = transformers.pipeline("text-generation", model=str(folder), device="cpu")
    written = pipeline("a cafe\n", max_new_tokens=9, do_sample=False, pad_token_id=0)
    assert written == [{"generated_text": model.generate("a cafe\n", max_new_tokens=9, temperature=0)}]


@pytest.mark.parametrize(("dtype", "relative"), [(torch.float16, 2**-11), (torch.bfloat16, 2**-8)])
def test_a_half_precision_folder_is_single_precision_in_both_worlds(model, gpt2, random_ids, tmp_path, dtype, relative):
    model.save_pretrained(tmp_path, dtype=dtype)
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {dtype}
    ours, theirs = GPT.from_pretrained(tmp_path), gpt2(tmp_path)
    assert {p.dtype for p in [*ours.parameters(), *theirs.parameters()]} == {torch.float32}
    for before, after in zip(model.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(after, before, rtol=relative, atol=1e-7)
    ids = random_ids(model, 2, 16)
    torch.testing.assert_close(ours(ids)[0], theirs(ids, attention_mask=torch.ones_like(ids)).logits)


def test_tensors_have_the_names_that_every_tool_reads(folder):
    """mlx-lm's GPT-2 puts `model.` before each name itself, and finds nothing behind another prefix."""
    names = set(load_file(folder / "model.safetensors"))
    assert {"wte.weight", "wpe.weight", "ln_f.bias", "h.1.mlp.c_proj.weight"} <= names
    assert not any(name.startswith("transformer.") for name in names)


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_transformers_and_we_read_either_spelling_to_the_same_bits(model, folder, gpt2, random_ids, prefix):
    path, ids = folder / "model.safetensors", random_ids(model, 3, 16)
    expected = gpt2(folder)(ids).logits
    save_file({prefix + name: tensor for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
    assert torch.equal(GPT.from_pretrained(folder)(ids)[0], model(ids)[0])
    assert torch.equal(gpt2(folder)(ids).logits, expected)


# -- what a folder says, and why ---------------------------------------------------------------------------------------


def without(folder, name, key):
    path = folder / name
    said = json.loads(path.read_text())
    said.pop(key)
    path.write_text(json.dumps(said))


def test_n_ctx_is_said_since_mlx_lm_builds_nothing_without_it(folder, model):
    """Its GPT-2 takes n_ctx as an argument without a default; transformers reads n_positions alone."""
    assert json.loads((folder / "config.json").read_text())["n_ctx"] == model.block_size


def test_dtype_is_said_since_transformers_would_compute_in_half_precision(model, transformers, tmp_path):
    model.save_pretrained(tmp_path, dtype=torch.float16)
    said = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert said.dtype == torch.float32
    without(tmp_path, "config.json", "dtype")
    assert transformers.AutoModelForCausalLM.from_pretrained(tmp_path).dtype == torch.float16


def test_tokenizer_class_is_said_since_gpt2_s_own_drops_blanks_and_line_breaks(folder, transformers):
    text = "a cab\na b"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    without(folder, "tokenizer_config.json", "tokenizer_class")
    other = transformers.AutoTokenizer.from_pretrained(folder)
    assert " " not in other.decode(other(text)["input_ids"])


@pytest.mark.parametrize("place", ["saved", "bundled"])
def test_the_inputs_are_named_since_version_4_would_add_token_types(folder, place, transformers):
    """GPT-2 adds the embedding of the id 0 for each of them; test_round_trips.py runs that version."""
    folder = folder if place == "saved" else BUNDLED
    said = json.loads((folder / "tokenizer_config.json").read_text())
    assert said["model_input_names"] == ["input_ids", "attention_mask"]
    assert set(transformers.AutoTokenizer.from_pretrained(folder)("a")) == {"input_ids", "attention_mask"}


@pytest.mark.parametrize("place", ["saved", "bundled"])
def test_no_character_is_a_special_token(folder, place, transformers):
    folder = folder if place == "saved" else BUNDLED
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert not tokenizer.all_special_tokens
    for name in ("config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json"):
        said = json.loads((folder / name).read_text())
        special = [key for key in said if key.startswith(("pad_", "bos_", "eos_", "unk_")) and said[key] is not None]
        assert not special, name
        assert not said.get("added_tokens")
        assert "do_sample" not in said


def test_a_character_that_is_made_a_special_token_vanishes_once_it_is_saved(folder, model, transformers, tmp_path):
    """Why there is none: in memory all is well, and after saving and reading again pipelines lose it."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = "a"
    tokenizer.save_pretrained(tmp_path)
    again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ids = model.tokenizer.encode("a cab")
    assert again("a cab")["input_ids"] == ids
    assert again.decode(ids, skip_special_tokens=True) == " cb"
