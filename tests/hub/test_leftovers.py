"""What transformers and the tools around it leave in a folder: opened to their logits, or refused with the cure."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from strivelm import GPT, CheckpointError
from strivelm.export import export_folder, read_source

PREFIX = "transformer."


@pytest.fixture
def same_logits(gpt2, random_ids):
    """The function that asserts that a folder opens here and in transformers, to the same logits, and gives them."""

    def check(folder):
        ours, theirs = GPT.from_pretrained(folder), gpt2(folder)
        ids = random_ids(ours, 3, ours.block_size)
        with torch.no_grad():
            found, expected = ours(ids)[0], theirs(ids).logits
        assert torch.allclose(found, expected, rtol=0, atol=1e-5)
        return found

    return check


def edit_weights(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors = change(tensors) or tensors
    save_file(tensors, path, metadata={"format": "pt"})


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def with_prefix(tensors):
    """As transformers saves it, and as StriveLM once did."""
    return {name if name.startswith("lm_head") else PREFIX + name: tensor for name, tensor in tensors.items()}


def with_masks(tensors):
    mask = torch.ones(16, 16, dtype=torch.uint8).tril().view(1, 1, 16, 16)
    for i in range(2):
        tensors[f"h.{i}.attn.bias"] = mask.clone() if i else mask.bool()
        tensors[f"h.{i}.attn.masked_bias"] = torch.tensor(-10_000.0)


def with_head(tensors):
    tensors["lm_head.weight"] = tensors["wte.weight"].clone()


LEFTOVERS = {
    "nothing": lambda tensors: None,
    "a prefix": with_prefix,
    "masks": with_masks,
    "masks and a prefix": lambda tensors: with_masks(tensors) or with_prefix(tensors),
    "an equal head": with_head,
    "all of it": lambda tensors: with_masks(tensors) or with_head(tensors) or with_prefix(tensors),
}


@pytest.mark.parametrize("case", LEFTOVERS)
def test_what_changes_nothing_is_passed_over(model, folder, same_logits, random_ids, case):
    edit_weights(folder, LEFTOVERS[case])
    found = same_logits(folder)
    with torch.no_grad():
        assert torch.equal(found, model(random_ids(model, 3, 16))[0])


@pytest.mark.parametrize("case", LEFTOVERS)
def test_what_changes_nothing_is_passed_over_on_the_hub_too(hub, publish, client, model, folder, tmp_path, case):
    from hub.client_process import fingerprint

    edit_weights(folder, LEFTOVERS[case])
    edit_config(folder, bos_token_id=0, eos_token_id=0)
    publish(folder)
    assert client("opened", "alice/one", cache_dir=tmp_path / "cache")["model"] == fingerprint(model)


def test_a_tied_matrix_may_be_stored_under_the_heads_name_alone(model, folder, random_ids, same_logits):
    edit_weights(folder, lambda tensors: tensors.update({"lm_head.weight": tensors.pop("wte.weight")}))
    back, ids = GPT.from_pretrained(folder), random_ids(model, 3, 16)
    assert torch.equal(back(ids)[0], model(ids)[0])
    assert back.head.weight is back.tok.weight
    same_logits(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"bos_token_id": 0, "eos_token_id": 3, "pad_token_id": 3},
        {"n_inner": 128},
        {"embd_pdrop": 0.1, "attn_pdrop": 0.1, "resid_pdrop": 0.1, "use_cache": True, "transformers_version": "5.0"},
    ],
)
def test_keys_that_change_nothing_are_passed_over(folder, same_logits, changes):
    edit_config(folder, **changes)
    same_logits(folder)


def test_what_three_steps_of_fine_tuning_leave_opens_to_the_same_logits(
    folder, gpt2, same_logits, tmp_path, random_ids
):
    theirs = gpt2(folder).train()
    for name, parameter in theirs.named_parameters():
        if name.endswith(("c_attn.bias", "attn.c_proj.bias")):
            parameter.requires_grad_(False)
    before = theirs.state_dict()[PREFIX + "wte.weight"].clone()
    optimizer = torch.optim.AdamW([p for p in theirs.parameters() if p.requires_grad], lr=1e-2)
    ids = random_ids(theirs.config, 4, 16)
    for _ in range(3):
        theirs(ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    theirs.config.bos_token_id = theirs.config.eos_token_id = 0
    theirs.save_pretrained(tmp_path / "tuned")
    assert not torch.equal(theirs.state_dict()[PREFIX + "wte.weight"], before)
    same_logits(tmp_path / "tuned")
    assert GPT.from_pretrained(tmp_path / "tuned").config.chars == GPT.from_pretrained(folder).config.chars


def test_attention_biases_that_moved_are_refused_with_the_cure(folder):
    edit_weights(folder, lambda t: t.update({"h.1.attn.c_proj.bias": torch.full((32,), 1e-3)}))
    with pytest.raises(
        CheckpointError, match=r"h\.1\.attn\.c_proj\.bias is not zero.*freeze .* or train LoRA on c_attn"
    ):
        GPT.from_pretrained(folder)


def test_an_embedding_that_was_resized_is_refused_with_the_cure(folder, gpt2, same_logits, tmp_path):
    theirs = gpt2(folder)
    theirs.resize_token_embeddings(26, mean_resizing=False)
    theirs.save_pretrained(tmp_path / "resized")
    with pytest.raises(
        CheckpointError, match=r"vocab_size is 26; .* undo it with model\.resize_token_embeddings\(25\)"
    ):
        GPT.from_pretrained(tmp_path / "resized")
    theirs.resize_token_embeddings(25)
    theirs.save_pretrained(tmp_path / "undone")
    same_logits(tmp_path / "undone")


def test_an_end_token_comes_from_the_hub_as_the_model_without(hub, publish, client, model, folder, tmp_path):
    from hub.client_process import fingerprint

    publish(export_folder(read_source(folder, end_token=True), tmp_path / "end"))
    assert client("opened", "alice/one", cache_dir=tmp_path / "cache")["model"] == fingerprint(model)


# -- shards ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sharded(folder, gpt2, tmp_path):
    """The model's folder as transformers writes it when a file may hold but 20 kB."""
    gpt2(folder).save_pretrained(tmp_path / "sharded", max_shard_size="20KB")
    assert not (tmp_path / "sharded" / "model.safetensors").exists()
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2
    return tmp_path / "sharded"


def test_shards_are_read(model, sharded, same_logits, random_ids):
    found = same_logits(sharded)
    with torch.no_grad():
        assert torch.equal(found, model(random_ids(model, 3, 16))[0])


def index(sharded, change):
    path = sharded / "model.safetensors.index.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: min(s.glob("*.safetensors")).unlink(), r"lacks model-00001-of-\d+\.safetensors, which model.safe"),
        (lambda s: index(s, lambda c: c.pop("weight_map")), "holds no weight_map that says which file"),
        (lambda s: index(s, lambda c: c.update(weight_map=["a"])), "holds no weight_map that says which file"),
        (lambda s: index(s, lambda c: c["weight_map"].update(a=3)), "holds no weight_map that says which file"),
        (lambda s: index(s, lambda c: c["weight_map"].update(a="../x.safetensors")), r"names '\.\./x\.safetensors'"),
        (lambda s: index(s, lambda c: c["weight_map"].update(a="/etc/passwd")), "names '/etc/passwd'"),
        (lambda s: min(s.glob("*.safetensors")).write_bytes(b"x"), r"model-00001-of-.* is no readable safetensors"),
        (lambda s: save_file({}, min(s.glob("*.safetensors"))), r"index\.json lacks \S+"),
        (
            lambda s: min(s.glob("*.safetensors")).write_bytes(max(s.glob("*.safetensors")).read_bytes()),
            "two of its files hold",
        ),
    ],
)
def test_shards_that_are_not_whole_are_refused(sharded, change, words):
    change(sharded)
    with pytest.raises(CheckpointError, match=words):
        GPT.from_pretrained(sharded)


def test_shards_come_from_the_hub_and_from_its_cache(hub, publish, client, model, sharded, tmp_path):
    from hub.client_process import fingerprint

    publish(sharded)
    limits = {"weights": sum(path.stat().st_size for path in sharded.glob("*.safetensors"))}
    for how in ({"limits": limits}, {}, {"local_files_only": True}):
        assert client("opened", "alice/one", cache_dir=tmp_path / "cache", **how)["model"] == fingerprint(model)
    with pytest.raises(CheckpointError, match=r"is too large: model\.safetensors has"):
        client("opened", "alice/one", cache_dir=tmp_path / "other", limits={"weights": limits["weights"] - 1})
    min((tmp_path / "cache").glob("**/snapshots/*/model-00001*")).unlink()
    with pytest.raises(CheckpointError, match="no complete copy of alice/one is in the cache"):
        client("opened", "alice/one", cache_dir=tmp_path / "cache", local_files_only=True)


def test_a_shard_that_is_of_another_model_is_refused_before_it_is_kept(hub, publish, client, sharded, tmp_path):
    first = min(sharded.glob("*.safetensors"))
    save_file({name: tensor[:1].clone() for name, tensor in load_file(first).items()}, first)
    publish(sharded)
    with pytest.raises(CheckpointError, match=r"alice/one/model-00001-of-\d+\.safetensors: .* has shape"):
        client("opened", "alice/one", cache_dir=tmp_path / "cache")


# -- adapters ----------------------------------------------------------------------------------------------------------

ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "alice/one", "target_modules": ["c_attn"]}
CURE = r"an adapter, not a model; merge it .*from_pretrained\('alice/one'\), ADAPTER\)\.merge_and_unload\(\)\.save"


@pytest.fixture
def adapter(tmp_path):
    """A folder as PEFT leaves it."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(ADAPTER))
    save_file(
        {"base_model.model.transformer.h.0.attn.c_attn.lora_A.weight": torch.zeros(2, 32)}, folder / "a.safetensors"
    )
    return folder


def test_an_adapter_is_said_to_be_one(adapter, folder):
    for _ in range(2):
        with pytest.raises(CheckpointError, match=CURE):
            GPT.from_pretrained(adapter)
        (adapter / "config.json").write_bytes((folder / "config.json").read_bytes())  # as some tools copy


def test_an_adapter_on_the_hub_is_said_to_be_one(hub, publish, client, adapter, tmp_path):
    publish(adapter)
    with pytest.raises(CheckpointError, match=CURE):
        client("opened", "alice/one", cache_dir=tmp_path / "cache")


def test_adapters_within_the_weights_are_said_to_be_some(folder):
    edit_weights(folder, lambda t: t.update({"transformer.h.0.attn.c_attn.lora_A.weight": torch.zeros(2, 32)}))
    with pytest.raises(CheckpointError, match=r"holds, beyond this .*lora_A.weight; these are adapters: merge them"):
        GPT.from_pretrained(folder)
