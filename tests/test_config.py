"""The sizes of a GPT: what is accepted, what is refused and with which words."""

import dataclasses
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strivelm import GPT, GPTConfig
from strivelm.config import BOUNDS

SIZES = {"vocab_size": 40, "block_size": 64, "n_layer": 2, "n_head": 2, "n_embd": 128}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [True, 2.0, "2", None, [2], float("nan")])
def test_a_size_that_is_no_whole_number_is_named(name, value):
    with pytest.raises(ValueError, match=re.escape(f"{name} is {value!r}; expected a whole number from 1 to ")):
        GPTConfig(**SIZES | {name: value})


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, -1, 10**12])
def test_a_size_out_of_bounds_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name}={value:,} is out of bounds; expected .* to {BOUNDS[name]:,}$"):
        GPTConfig(**SIZES | {name: value})


def test_a_long_wrong_value_does_not_flood_the_message():
    with pytest.raises(ValueError, match="n_layer is 'xxx") as caught:
        GPTConfig(**SIZES | {"n_layer": "x" * 1_000_000})
    assert len(str(caught.value)) < 200


def test_sizes_that_do_not_divide_are_met_with_two_that_do():
    with pytest.raises(ValueError, match=r"^n_embd=100 is not divisible by n_head=3; pick n_embd=99 or n_head=2$"):
        GPTConfig(**SIZES | {"n_embd": 100, "n_head": 3})


@given(n_embd=st.integers(1, 600), n_head=st.integers(1, 600))
def test_every_suggestion_is_itself_accepted(n_embd, n_head):
    try:
        config = GPTConfig(**SIZES | {"n_embd": n_embd, "n_head": n_head})
    except ValueError as error:
        other_embd, other_head = map(int, re.search(r"pick n_embd=(\d+) or n_head=(\d+)$", str(error)).groups())
        assert n_embd % n_head
        assert GPTConfig(**SIZES | {"n_embd": other_embd, "n_head": n_head})
        assert GPTConfig(**SIZES | {"n_embd": n_embd, "n_head": other_head})
    else:
        assert config.n_embd % config.n_head == 0


@pytest.mark.parametrize("dropout", [-0.1, 1, 1.0, True, "0.1", None, float("nan"), float("inf")])
def test_an_impossible_dropout_is_refused(dropout):
    with pytest.raises(ValueError, match=re.escape(f"dropout is {dropout!r}; expected a number from 0 up to")):
        GPTConfig(**SIZES, dropout=dropout)


def test_more_parameters_than_any_machine_here_holds_are_refused():
    with pytest.raises(ValueError, match=r"these sizes make 26,\d+,\d+,\d+,\d+ parameters; at most 10,000,000,000"):
        GPTConfig(**SIZES | {"n_layer": 512, "n_embd": 1 << 16})


@pytest.mark.parametrize(
    ("chars", "words"),
    [
        ("abc", "chars holds 3 characters, but vocab_size is 40"),
        ("", "chars holds 0 characters, but vocab_size is 40"),
        (["a"] * 40, "chars is a list; expected a string of distinct characters"),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused(chars, words):
    with pytest.raises(ValueError, match=words):
        GPTConfig(**SIZES, chars=chars)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GPTConfig(**SIZES).n_layer = 3


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ({}, 409_088),
        ({"vocab_size": 65}, 412_288),
        ({"vocab_size": 65, "n_layer": 6, "n_head": 6, "n_embd": 384, "block_size": 256}, 10_761_600),
    ],
)
def test_parameter_counts_that_are_known_from_elsewhere(sizes, count):
    model = GPT(**SIZES | sizes)
    assert model.num_parameters() == model.config.num_parameters == count
    assert sum(p.numel() for p in model.parameters()) == count


@given(
    vocab_size=st.integers(1, 2000),
    block_size=st.integers(1, 2000),
    n_layer=st.integers(1, 5),
    n_head=st.integers(1, 8),
    head_size=st.integers(1, 64),
)
def test_the_closed_form_is_the_sum_over_the_modules(vocab_size, block_size, n_layer, n_head, head_size):
    with torch.device("meta"):
        model = GPT(vocab_size, block_size, n_layer, n_head, n_head * head_size)
    assert model.config.num_parameters == model.num_parameters()
    # counted anew from shapes alone, with the head that is the token embedding once more
    assert sum(w.numel() for w in model.state_dict().values()) == model.num_parameters() + model.head.weight.numel()
