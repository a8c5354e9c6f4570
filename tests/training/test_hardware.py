"""What a run computes with: chosen by measuring, said, and never at the cost of what was there before."""

import dataclasses

import pytest
import torch

from strivelm.data.corpus import load_corpus
from strivelm.model import _attention_in_steps
from strivelm.training import hardware as machines
from strivelm.training import new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.evaluation import evaluate
from strivelm.training.hardware import PLAIN, Hardware, cores, resolve_device, settle
from strivelm.training.optimizers import optimizers
from strivelm.training.presets import PRESETS


def test_devices_have_names():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")
    for name in ("gpu", "cpu:x", "", "meta"):
        with pytest.raises(ValueError, match=rf"there is no device called '{name}'; expected auto, cuda"):
            resolve_device(name)
    if not torch.cuda.is_available():
        with pytest.warns(UserWarning, match="this machine has no cuda; going on with"):
            assert resolve_device("cuda").type in ("cpu", "mps")


def test_settling_leaves_nothing_open_and_the_model_alone(make_model):
    model, before = make_model(dropout=0.1), torch.get_num_threads()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    try:
        found = settle(Hardware(device="cpu"), model)
        assert torch.get_num_threads() == found.threads
    finally:
        torch.set_num_threads(before)
    assert 1 <= found.threads <= cores()
    assert found.precision in ("float32", "bfloat16")
    assert (found.compile, found.fused) == ("off", "off")
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())


def test_the_clearly_fastest_wins_and_the_plain_one_a_tie(make_model, monkeypatch):
    model = make_model()
    seconds = {(1, "float32"): 1.0, (1, "bfloat16"): 0.5, (2, "float32"): 0.6, (2, "bfloat16"): 0.48}
    monkeypatch.setattr(machines, "_seconds", lambda hardware, *_: seconds[hardware.threads, hardware.precision])
    before = torch.get_num_threads()
    try:
        found = settle(Hardware(device="cpu"), model, most_threads=2)
        assert (found.threads, found.precision) == (1, "bfloat16"), "a second thread gains 4 %: not worth it"
        seconds[2, "bfloat16"] = 0.3
        found = settle(Hardware(device="cpu"), model, most_threads=2)
        assert (found.threads, found.precision) == (2, "bfloat16")
        found = settle(Hardware(device="cpu", precision="float32"), model, most_threads=2)
        assert (found.threads, found.precision) == (2, "float32")
        monkeypatch.setattr(machines, "_seconds", None)  # nothing is left to be measured
        assert settle(dataclasses.replace(PLAIN, threads=1), model) == dataclasses.replace(PLAIN, threads=1)
    finally:
        torch.set_num_threads(before)


def test_settings_that_mean_nothing_are_refused():
    for setting in ({"threads": -1}, {"threads": 1.5}, {"precision": "float16"}, {"compile": "yes"}, {"fused": True}):
        with pytest.raises(ValueError, match=f"{next(iter(setting))} is .*; expected"):
            Hardware(**setting)


def test_a_machine_says_what_it_is():
    assert str(Hardware("cpu", 1, "bfloat16", "off", "off")) == "cpu, 1 thread, bfloat16"
    assert str(Hardware("cuda:0", 4, "bfloat16", "on", "on")) == "cuda:0, bfloat16, compiled, fused"


def test_attention_in_steps_is_attention():
    q, k, v = torch.randn(3, 2, 4, 17, 8, dtype=torch.float64)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(_attention_in_steps(q, k, v), expected, rtol=0, atol=1e-12)


def test_bfloat16_trains_to_about_the_same_loss():
    corpus = load_corpus("bundled")
    sizes = dataclasses.replace(PRESETS["small"].sizes, n_layer=1, n_embd=32, block_size=32)
    config = TrainConfig(max_steps=40, batch_size=8, eval_interval=40, warmup_steps=2)
    losses = []
    for precision in ("float32", "bfloat16"):
        model = new_model(corpus, sizes, 0)
        *_, end = train(model, corpus, config, hardware=dataclasses.replace(PLAIN, precision=precision))
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        assert end.best.validation == pytest.approx(evaluate(model, corpus.validation), abs=1e-6)
        losses.append(end.best.validation)
    assert losses[0] != losses[1], "bfloat16 was used"
    assert losses[1] == pytest.approx(losses[0], abs=0.03)


def test_a_fused_optimiser_takes_the_same_steps(make_model):
    weights = []
    for fused in ("off", "on"):
        model = make_model(seed=3)
        *_, adamw = optimizers(model, TrainConfig(optimizer="adamw"), dataclasses.replace(PLAIN, fused=fused))
        for _ in range(3):
            logits, _ = model(torch.arange(16)[None] % model.vocab_size)
            logits.pow(2).mean().backward()
            adamw.step()
            adamw.zero_grad()
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)
