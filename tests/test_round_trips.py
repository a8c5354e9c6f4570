"""There and back: trained here, fine-tuned elsewhere, opened here again to the logits that it had there."""

import hashlib
import os
import subprocess
import sys
import sysconfig

import pytest
import torch

from strivelm import GPT, CheckpointError

NEWEST_4 = "transformers==4.57.6"
TEXT = "abc bca cab. " * 40


@pytest.fixture
def trained(make_model, tmp_path):
    """The folder of a model that was trained for a few steps, and its vocabulary's ids of a batch."""
    model = make_model(chars="".join(sorted(set(TEXT))), std=0.05)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = torch.tensor(model.tokenizer.encode(TEXT[:64])).view(4, 16)
    for _ in range(5):
        model(ids[:, :-1], ids[:, 1:])[1].backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(tmp_path / "trained")
    return tmp_path / "trained", ids


def tune(theirs, ids):
    """Three steps of what may be trained."""
    before = {name: weight.detach().clone() for name, weight in theirs.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in theirs.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        theirs(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert any(not torch.equal(weight, before[name]) for name, weight in theirs.named_parameters())
    return theirs.eval()


def test_lora_on_c_attn_merged_opens_to_the_same_logits(trained, gpt2, tmp_path):
    peft = pytest.importorskip("peft")
    folder, ids = trained
    settings = peft.LoraConfig(r=4, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    tuned = tune(peft.get_peft_model(gpt2(folder), settings), ids)
    with torch.no_grad():
        expected = tuned(input_ids=ids).logits
    tuned.save_pretrained(tmp_path / "adapter")
    with pytest.raises(CheckpointError, match=r"holds an adapter, not a model; merge it .*merge_and_unload"):
        GPT.from_pretrained(tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
    found = GPT.from_pretrained(tmp_path / "merged")(ids)[0]
    assert not torch.allclose(found, GPT.from_pretrained(folder)(ids)[0], atol=1e-3)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_lora_with_biases_is_refused_with_the_cure(trained, gpt2, tmp_path):
    peft = pytest.importorskip("peft")
    folder, ids = trained
    settings = peft.LoraConfig(
        r=4, target_modules=["c_attn"], fan_in_fan_out=True, bias="lora_only", task_type="CAUSAL_LM"
    )
    tune(peft.get_peft_model(gpt2(folder), settings), ids).merge_and_unload().save_pretrained(tmp_path / "merged")
    with pytest.raises(CheckpointError, match=r"c_attn\.bias is not zero.*freeze .* or train LoRA on c_attn"):
        GPT.from_pretrained(tmp_path / "merged")


SCRIPT = """
import hashlib, sys, torch, transformers
assert transformers.__version__.startswith("4."), transformers.__version__
torch.set_num_threads(1)
ids = torch.randint(25, (3, 16), generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    for folder in sys.argv[1:]:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
        print(hashlib.sha256(model(ids).logits.numpy().tobytes()).hexdigest())
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        given = tokenizer("a cab", return_tensors="pt")  # version 4 would give token_type_ids as well
        assert set(given) == {"input_ids", "attention_mask"}, set(given)
        assert torch.equal(model(**given).logits, model(given["input_ids"]).logits)
"""


@pytest.mark.slow
def test_the_newest_transformers_4_reads_either_spelling_to_the_bits_of_5(folder, gpt2, tmp_path):
    """In an environment of its own, which finds all else where this one does."""
    from safetensors.torch import load_file, save_file

    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    place = sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)})
    with open(os.path.join(place, "this.pth"), "w") as file:
        file.write(sysconfig.get_path("purelib"))
    install = ["pip", "install", "--quiet", NEWEST_4, "huggingface_hub<1", "tokenizers<0.23"]
    subprocess.run([python, "-m", *install], check=True)
    prefixed = tmp_path / "prefixed"
    prefixed.mkdir()
    for path in folder.iterdir():
        (prefixed / path.name).write_bytes(path.read_bytes())
    weights = {f"transformer.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, prefixed / "model.safetensors", metadata={"format": "pt"})
    done = subprocess.run([python, "-c", SCRIPT, folder, prefixed], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ids = torch.randint(25, (3, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = gpt2(folder)(ids).logits
    assert done.stdout.split() == [hashlib.sha256(logits.numpy().tobytes()).hexdigest()] * 2
