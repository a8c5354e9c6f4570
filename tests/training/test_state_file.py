"""A run's state as a file: what comes back is what went in, and nothing in it can be run."""

import json

import pytest
import torch
from safetensors.torch import load_file, save

from strivelm.config import Sizes
from strivelm.data.corpus import corpus_from_text
from strivelm.training import ResumeError, new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.estimate import state_bytes
from strivelm.training.events import Resumable
from strivelm.training.run_folder import BEFORE, RESUME, saved_state
from strivelm.training.state_file import from_bytes, to_bytes

TEXT = "the cat sat on the mat; the dog sat on the log. " * 12


def same(one, other) -> bool:
    """Whether two states are equal, to the bit and in their kinds."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and [*one] == [*other] and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or one != one)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_training_s_state_comes_back_to_the_bit(optimizer, tmp_path):
    corpus = corpus_from_text(TEXT, "cats and dogs")
    config = TrainConfig(max_steps=12, batch_size=4, eval_interval=5, warmup_steps=3, optimizer=optimizer)
    model = new_model(corpus, Sizes(n_layer=2, n_head=2, n_embd=16, block_size=12), 0)
    state = next(e.state() for e in train(model, corpus, config) if isinstance(e, Resumable) and e.step == 10)
    content = to_bytes(state)
    assert same(from_bytes(content), state)
    (tmp_path / "file").write_bytes(content)
    stored = sum(4 * tensor.numel() for tensor in load_file(tmp_path / "file").values())
    once = 4 * model.num_parameters()  # at step 10 the weights are the best ones, and lie in it once
    assert state["evaluations"][-1]["best"]
    assert stored == pytest.approx(state_bytes(model, config) - once, rel=0.02)


def test_what_json_lacks_comes_back():
    state = {
        "numbers": {0: 1, 2: float("nan"), -1: 0.1 + 0.2},
        "tuple": (1, [2.5, None, (True, "a")]),
        "tensor": {"tensor": torch.tensor(3.0, dtype=torch.bfloat16)},
        "dict": {"dict": torch.zeros(0, 4), "tuple": torch.arange(3)},
    }
    assert same(from_bytes(to_bytes(state)), state)


def test_equal_tensors_are_not_one_afterwards():
    found = from_bytes(to_bytes({"a": torch.zeros(3), "b": torch.zeros(3), "c": torch.zeros(3, 1)}))
    found["a"].add_(1)
    assert found["b"].tolist() == [0, 0, 0]
    assert found["c"].shape == (3, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04K\x01.",
        save({"0": torch.zeros(1)}),
        save({"0": torch.zeros(1)}, metadata={"state": json.dumps({"tensor": 7})}),
        save({}, metadata={"state": "[" * 100_000}),
        save({}, metadata={"state": "17"}),
    ],
    ids=["nothing", "a pickle", "no state", "a tensor that is not there", "too deep", "a number"],
)
def test_what_is_no_state_is_refused(tmp_path, content):
    (tmp_path / RESUME).parent.mkdir()
    (tmp_path / RESUME).write_bytes(content)
    with pytest.raises(ResumeError, match=r"state\.safetensors is damaged, or no state of a run"):
        saved_state(tmp_path)


def test_a_state_of_before_is_read_where_there_is_no_newer_one(tmp_path):
    (tmp_path / BEFORE).parent.mkdir()
    torch.save({"steps": 7, "model": {"a": torch.ones(2)}}, tmp_path / BEFORE)
    assert same(saved_state(tmp_path), {"steps": 7, "model": {"a": torch.ones(2)}})
    (tmp_path / RESUME).write_bytes(to_bytes({"steps": 9}))
    assert saved_state(tmp_path) == {"steps": 9}
