"""Character models that transformers saved: opened if they are this architecture, refused with the reason if not."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from strivelm import GPT, CheckpointError

CHARS = "\n !abcé漢😀"


@pytest.fixture(scope="session")
def _foreign(transformers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    torch.manual_seed(0)
    sizes = {"vocab_size": len(CHARS), "n_positions": 12, "n_embd": 16, "n_layer": 2, "n_head": 2}
    config = transformers.GPT2Config(**sizes, activation_function="gelu", initializer_range=0.3, bos_token_id=None)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def foreign(_foreign, tmp_path):
    """A folder that transformers alone has made, for a model of this architecture, with a vocabulary of characters."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path / "foreign"
    folder.mkdir()
    for path in _foreign.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    tokenizer = Tokenizer(models.WordLevel({char: i for i, char in enumerate(CHARS)}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


def change(path, edit):
    """Rewrites a JSON file as `edit` changes it in place."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_it_opens_to_transformers_logits_and_vocabulary(foreign, gpt2):
    ours, theirs = GPT.from_pretrained(foreign), gpt2(foreign)
    assert ours.tokenizer.chars == CHARS
    assert (ours.block_size, ours.config.dropout) == (12, 0.1)
    ids = torch.randint(len(CHARS), (3, 12), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(ours(ids)[0], theirs(ids).logits, rtol=0, atol=1e-5)


def test_it_opens_from_the_hub(hub, publish, client, foreign, tmp_path):
    publish(foreign)
    assert client("opened", "alice/one", cache_dir=tmp_path / "cache")["chars"] == CHARS


def test_one_of_ours_that_transformers_saved_again_opens_to_the_same(folder, model, gpt2, transformers, tmp_path):
    gpt2(folder).save_pretrained(tmp_path / "again")
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "again")
    assert GPT.from_pretrained(tmp_path / "again").config == model.config
    change(tmp_path / "again" / "config.json", lambda c: [c.pop(name) for name in ("block_size", "chars", "dropout")])
    again = GPT.from_pretrained(tmp_path / "again")
    assert again.tokenizer.chars == model.tokenizer.chars
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_without_a_tokenizer_it_is_a_model_without_text(foreign):
    (foreign / "tokenizer.json").unlink()
    assert GPT.from_pretrained(foreign).config.chars is None


@pytest.mark.parametrize("pattern", [{"Regex": "(?s)."}, {"Regex": ""}, {"String": ""}, {"Regex": r"[\s\S]"}])
def test_every_way_to_say_each_character_is_understood(foreign, pattern):
    change(foreign / "tokenizer.json", lambda t: t["pre_tokenizer"].update(pattern=pattern))
    assert GPT.from_pretrained(foreign).config.chars == CHARS


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda c: c.update(activation_function="gelu_new"),
            "activation_function='gelu_new', but this architecture has",
        ),
        (lambda c: c.pop("activation_function"), "activation_function='gelu_new', but this architecture has"),
        (lambda c: c.update(n_inner=32), "n_inner=32, but this architecture has n_inner=None"),
        (lambda c: c.update(layer_norm_epsilon=1e-6), "layer_norm_epsilon=1e-06, but this architecture has"),
        (lambda c: c.update(scale_attn_by_inverse_layer_idx=True), "scale_attn_by_inverse_layer_idx=True, but"),
        (lambda c: c.update(tie_word_embeddings=False), "tie_word_embeddings=False, but this architecture"),
        (lambda c: c.pop("n_positions"), "block_size is None; expected a whole number"),
        (lambda c: c.update(n_embd="16"), "n_embd is '16'; expected a whole number"),
        (lambda c: c.update(n_embd={}), "n_embd is {}; expected a whole number"),
        (lambda c: c.update(model_type="llama"), "lacks block_size; this is not a StriveLM model"),
        (lambda c: c.update(model_type=["gpt2"]), "lacks block_size; this is not a StriveLM model"),
    ],
)
def test_another_architecture_is_refused(foreign, edit, words):
    change(foreign / "config.json", edit)
    with pytest.raises(CheckpointError, match=words):
        GPT.from_pretrained(foreign)


def test_four_times_the_width_may_be_written_out(foreign):
    change(foreign / "config.json", lambda c: c.update(n_inner=64))
    assert GPT.from_pretrained(foreign).config.n_embd == 16


def test_attention_biases_that_were_learnt_are_refused(foreign):
    tensors = load_file(foreign / "model.safetensors")
    tensors["transformer.h.0.attn.c_attn.bias"] += 0.1
    save_file(tensors, foreign / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"c_attn\.bias is not zero, but this architecture has no such bias"):
        GPT.from_pretrained(foreign)


def vocabulary(change):
    """An edit of a tokenizer.json's vocabulary."""
    return lambda tokenizer: tokenizer["model"].update(vocab=change(tokenizer["model"]["vocab"]))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (vocabulary(lambda v: v | {"the": 9}), "knows the token 'the'; this is not a character model"),
        (vocabulary(lambda v: v | {"": 9}), "knows the token ''; this is not a character model"),
        (vocabulary(lambda v: v | {"z": 7}), "holds no vocabulary with the ids 0, 1, 2"),
        (vocabulary(lambda v: v | {"z": 10}), "holds no vocabulary with the ids 0, 1, 2"),
        (vocabulary(lambda v: v | {"z": "9"}), "holds no vocabulary with the ids 0, 1, 2"),
        (vocabulary(lambda v: {char: i == 1 if i < 2 else i for char, i in v.items()}), "holds no vocabulary"),
        (vocabulary(lambda v: v | {"z": 9}), "chars holds 10 characters, but vocab_size is 9"),
        (vocabulary(lambda v: list(v)), "holds no vocabulary with the ids"),
        (lambda t: t.update(model=None), "holds no vocabulary with the ids"),
        (
            lambda t: t.update(added_tokens=[{"id": 9, "content": "<s>"}]),
            "does more than split a text into its characters",
        ),
        (lambda t: t.update(added_tokens={"<s>": 9}), "does more than split a text into its characters"),
        (lambda t: t.update(normalizer={"type": "Lowercase"}), "does more than split a text into its characters"),
        (lambda t: t.update(pre_tokenizer=None), "does more than split a text into its characters"),
        (lambda t: t.update(pre_tokenizer={"type": "ByteLevel"}), "does more than split a text into its characters"),
        (lambda t: t["pre_tokenizer"].update(pattern={"Regex": r"\w+"}), "does more than split a text into its"),
        (lambda t: t["pre_tokenizer"].update(behavior="Removed"), "does more than split a text into its characters"),
    ],
)
def test_another_way_to_read_a_text_is_refused(foreign, edit, words):
    change(foreign / "tokenizer.json", edit)
    with pytest.raises(CheckpointError, match=words):
        GPT.from_pretrained(foreign)


def test_a_word_model_on_the_hub_is_refused_before_its_weights_are_fetched(hub, publish, client, foreign, tmp_path):
    change(foreign / "tokenizer.json", vocabulary(lambda v: v | {"the": 9}))
    publish(foreign)
    with pytest.raises(CheckpointError, match=r"^alice/one/tokenizer\.json knows the token 'the'"):
        client("opened", "alice/one", cache_dir=tmp_path / "cache")
    assert not any(line.startswith("GET /cdn") for line in hub.breakable.log)
