"""One token more: nothing else changes, and our own loader does not see it."""

import json

import pytest
import torch
from safetensors.torch import load_file

from strivelm import GPT, CheckpointError
from strivelm.export import export_folder, read_source
from strivelm.export.end_token import end_row, highest_logit
from strivelm.loading import BUNDLED, COME_ALONG

END = "<|end|>"


@pytest.fixture(params=[torch.float32, torch.float16, torch.float64], ids=str)
def pair(request, model, tmp_path):
    """The folder of a model, and that of the same with an end token, in one precision."""
    model.save_pretrained(tmp_path / "plain", dtype=request.param)
    return tmp_path / "plain", export_folder(read_source(tmp_path / "plain", end_token=True), tmp_path / "end")


def test_the_other_logits_and_all_probabilities_keep_their_bits(pair, gpt2, random_ids):
    plain, end = (gpt2(folder) for folder in pair)
    ids = random_ids(plain.config, 3, 16)
    with torch.no_grad():
        before, after = plain(ids).logits, end(ids).logits
    assert torch.equal(after[..., :25], before)
    assert torch.equal(after.softmax(-1)[..., :25], before.softmax(-1))
    stored = load_file(pair[1] / "model.safetensors")
    bound = highest_logit(stored["wte.weight"][-1], stored["ln_f.weight"], stored["ln_f.bias"])
    assert -1500 < after[..., 25].min() <= after[..., 25].max() <= bound + 0.1 < -200


def test_the_bound_is_reached_by_the_worst_input_and_by_none_passed():
    """The worst n is along the part of row·γ that differs from its mean."""
    stream = torch.Generator().manual_seed(1)
    gain, shift = (torch.randn(64, generator=stream) for _ in range(2))
    row = end_row(gain, shift, torch.float32) + torch.randn(64, generator=stream)
    product = (row * gain).double()
    worst = product - product.mean()
    worst *= (64 / worst.square().sum()).sqrt()
    some = torch.nn.functional.layer_norm(torch.randn(1000, 64, generator=stream), (64,)).double()
    logits = torch.cat([worst[None], some]) * gain + shift
    logits = logits @ row.double()
    assert highest_logit(row, gain, shift) == pytest.approx(logits[0].item())
    assert logits.max() == logits[0]


def test_our_loader_knows_the_folder_as_the_model_without(pair):
    plain, end = (GPT.from_pretrained(folder) for folder in pair)
    assert end.config == plain.config
    assert all(torch.equal(a, b) for a, b in zip(end.parameters(), plain.parameters(), strict=True))
    end.save_pretrained(pair[1])
    assert json.loads((pair[1] / "config.json").read_text())["vocab_size"] == 25
    assert "end_token" not in (pair[1] / "config.json").read_text()
    assert END not in (pair[1] / "tokenizer.json").read_text()


def test_transformers_saves_it_again_and_it_is_still_ours(pair, gpt2, model, transformers, tmp_path):
    gpt2(pair[1]).save_pretrained(tmp_path / "again", max_shard_size="20KB")
    transformers.AutoTokenizer.from_pretrained(pair[1]).save_pretrained(tmp_path / "again")
    assert len(list((tmp_path / "again").glob("*.safetensors"))) > 2
    assert GPT.from_pretrained(tmp_path / "again").config == model.config


def test_the_tokenizer_and_the_settings_name_it(pair, model, transformers):
    tokenizer = transformers.AutoTokenizer.from_pretrained(pair[1])
    assert tokenizer.get_vocab() == {char: i for i, char in enumerate(model.config.chars)} | {END: 25}
    assert {tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token, tokenizer.unk_token} == {END}
    text = model.config.chars * 2
    assert tokenizer(text)["input_ids"] == model.tokenizer.encode(text)
    assert tokenizer.decode(tokenizer(text + "Ω")["input_ids"], skip_special_tokens=True) == text
    for name in ("config.json", "generation_config.json"):
        said = json.loads((pair[1] / name).read_text())
        assert {said["bos_token_id"], said["eos_token_id"], said["pad_token_id"]} == {25}


def test_a_batch_of_unequal_texts_is_continued_as_each_alone(pair, model, transformers):
    folder = str(pair[1])
    pipeline = transformers.pipeline("text-generation", model=folder, device="cpu")
    texts = ["ab", "a cafe", "\n\n"]
    written = pipeline(texts, batch_size=3, do_sample=False, max_new_tokens=9)
    ours = GPT.from_pretrained(pair[1])
    assert [one[0]["generated_text"] for one in written] == [ours.generate(text, 9, temperature=0) for text in texts]


@pytest.mark.parametrize("folder", [BUNDLED, COME_ALONG["film"]], ids=lambda folder: folder.name)
def test_the_models_that_come_along_can_have_one(folder, gpt2, tmp_path):
    end = gpt2(export_folder(read_source(folder, end_token=True), tmp_path / "end"))
    ids = torch.randint(65, (4, 100), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before, after = gpt2(folder)(ids).logits, end(ids).logits
    assert torch.equal(after[..., :65], before)
    assert -1100 < after[..., 65].min() < after[..., 65].max() < -900
    beside = {path.name for path in folder.iterdir() if path.is_file()}
    assert {path.name for path in (tmp_path / "end").iterdir()} == beside


@pytest.mark.parametrize(
    ("gain", "shift", "dtype", "words"),
    [
        (torch.ones(8), torch.zeros(8), torch.float32, r"float32: .*Σ\(β/γ\), and that is 0 .*train the model on"),
        (torch.ones(8), torch.full((8,), 1e-4), torch.float16, r"float16: .*store it in float32 \(--dtype float32\)"),
        (torch.tensor([0.0] + [1.0] * 7), torch.ones(8), torch.float32, r"smallest \|γ\| is 0"),
        (torch.ones(8), torch.tensor([1.0, -1.0] * 4), torch.float64, "too near zero"),
    ],
)
def test_where_none_can_be_the_sentence_says_why(gain, shift, dtype, words):
    with pytest.raises(CheckpointError, match=words):
        end_row(gain, shift, dtype)


def test_a_model_without_a_vocabulary_needs_none(make_model, tmp_path):
    make_model(chars=None, vocab_size=7).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="has no vocabulary"):
        read_source(tmp_path, end_token=True)


@pytest.mark.parametrize(
    "change",
    [{"vocab_size": 25}, {"vocab_size": 27}, {"end_token": "<|other|>"}, {"vocab_size": True}],
)
def test_a_config_that_claims_one_and_does_not_fit_is_refused(pair, change):
    path = pair[1] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError):
        GPT.from_pretrained(pair[1])
