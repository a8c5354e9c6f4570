"""One choice: the settings, the probabilities against transformers', the choice against the probabilities, and in C."""

import ctypes
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strivelm import SamplingConfig, generate, native
from strivelm.generation import MAX_SEED, distribution, draw

REFUSED = {
    "max_new_tokens": ([-1, 1.0, "5", None, True], "expected a whole number, at least 0"),
    "temperature": ([-0.1, float("nan"), float("inf"), "1", None, True, 10**400], "expected a number, at least 0"),
    "top_k": ([-1, 2.5, "5", True], "expected a whole number of characters to keep, or 0 for all"),
    "top_p": ([0, -0.5, 1.1, float("nan"), "1", True], "expected a number above 0 and at most 1"),
    "seed": ([-1, 1.5, "1", True, MAX_SEED + 1], f"expected a whole number from 0 to {MAX_SEED}"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (values, _) in REFUSED.items() for value in values]
)
def test_a_setting_that_means_nothing_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} is .*; {REFUSED[name][1]}"):
        SamplingConfig(**{name: value})


settings_that_mean_something = st.builds(
    SamplingConfig,
    max_new_tokens=st.integers(0, 10**6),
    temperature=st.floats(0, 1e300) | st.floats(0, 3) | st.integers(0, 2**70),
    top_k=st.none() | st.integers(0, 100),
    top_p=st.none() | st.floats(0, 1, exclude_min=True),
    seed=st.none() | st.integers(0, MAX_SEED),
)

logits_of_any_size = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=50).map(torch.tensor)


@given(logits_of_any_size, settings_that_mean_something)
def test_a_distribution_is_one(logits, config):
    p = distribution(logits, config)
    assert p.shape == logits.shape
    assert p.min() >= 0
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    # As float32 rounds them: two logits that differ by less can be equally likely.
    likely = logits if config.temperature == 0 else (logits / max(float(config.temperature), 1e-6)).softmax(-1)
    assert p[likely == likely.max()].max() == p.max() > 0
    if config.temperature == 0:
        assert p.max() == 1
    if config.top_k:
        assert (p > 0).sum() <= config.top_k
    # what is kept is at least as likely as what is left out; two that are kept stand in the order of their logits
    kept, left = likely[p > 0], likely[p == 0]
    assert len(left) == 0 or kept.min() >= left.max()
    assert (p[p > 0][kept.argsort(stable=True)].diff() >= -1e-7).all()


def spread_logits(seed, rows=40, V=50):
    """Random logits in float64, where ties and roundings at a boundary have no chance."""
    return torch.randn(rows, V, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3


def warped(transformers, logits, config):
    """The probabilities that transformers' own warpers give."""
    warpers = transformers.LogitsProcessorList()
    if config.temperature != 1:
        warpers.append(transformers.TemperatureLogitsWarper(config.temperature))
    if config.top_k:
        warpers.append(transformers.TopKLogitsWarper(config.top_k))
    if config.top_p is not None:
        warpers.append(transformers.TopPLogitsWarper(config.top_p))
    return warpers(None, logits.clone()).softmax(-1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("top_k", [None, 0, 1, 7, 49, 50, 1000])
@pytest.mark.parametrize("top_p", [None, 0.05, 0.5, 0.95, 1.0])
def test_probabilities_are_those_of_transformers(transformers, temperature, top_k, top_p):
    config, logits = SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p), spread_logits(seed=3)
    ours, theirs = distribution(logits, config), warped(transformers, logits, config)
    assert torch.equal(ours > 0, theirs > 0)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_one_row_is_as_many(transformers):
    config, logits = SamplingConfig(temperature=0.7, top_k=9, top_p=0.8), spread_logits(seed=4)
    rows = torch.stack([distribution(row, config) for row in logits])
    torch.testing.assert_close(rows, distribution(logits, config))


def test_top_k_keeps_k_even_among_equals():
    assert (distribution(torch.zeros(10), SamplingConfig(top_k=4)) > 0).sum() == 4


def test_top_p_keeps_the_smallest_set_that_reaches_p():
    logits = torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64).log()
    for top_p, kept in [(0.01, 1), (0.49, 1), (0.51, 2), (0.74, 2), (0.76, 3), (0.88, 4), (1, 4)]:
        assert (distribution(logits, SamplingConfig(temperature=1.0, top_p=top_p)) > 0).sum() == kept


def test_a_tiny_temperature_is_greedy_and_a_huge_one_uniform():
    logits = torch.tensor([5.0, -80.0, 6.0, 300.0])
    for temperature in (0, 1e-300, 1e-6):
        assert distribution(logits, SamplingConfig(temperature=temperature)).tolist() == [0, 0, 0, 1]
    torch.testing.assert_close(distribution(logits, SamplingConfig(temperature=1e300)), torch.full((4,), 0.25))


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("temperature", [0, 1])
def test_logits_that_are_no_numbers_are_refused(broken, temperature):
    with pytest.raises(
        ValueError, match="the model's logits are not finite numbers; its weights are damaged or its tr"
    ):
        distribution(torch.tensor([1.0, broken]), SamplingConfig(temperature=temperature))


def test_draw_inverts_the_cumulative_distribution():
    p = torch.tensor([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])
    for u, chosen in [(0, 1), (0.2499, 1), (0.25, 3), (0.7499, 3), (0.75, 4), (1 - 2**-53, 4)]:
        assert draw(p, u) == chosen


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30).filter(any), st.floats(0, 1, exclude_max=True))
def test_what_is_impossible_is_never_drawn(weights, u):
    p = torch.tensor(weights) / sum(weights)  # sums to 1 up to rounding, as a softmax does
    for v in (u, 0.0, 1 - 2**-53):
        assert p[draw(p, v)] > 0


def chi_square(counts, probabilities):
    expected = sum(counts) * np.array(probabilities)
    return float(((np.array(counts) - expected) ** 2 / expected).sum())


def test_draws_are_as_frequent_as_they_are_probable():
    p, stream = torch.tensor([0.5, 0.3, 0.15, 0.04, 0.01]), random.Random(0)
    counts = np.bincount([draw(p, stream.random()) for _ in range(20_000)], minlength=5)
    assert chi_square(counts, p.tolist()) < 18.5  # four degrees of freedom: one in a thousand is above


def test_a_text_is_as_frequent_as_the_model_says(make_model):
    model = make_model(block_size=1, chars="abcd", std=0.4)  # context 1: what follows depends on one character alone
    config = SamplingConfig(4000, temperature=1.3, top_k=3, seed=2)
    text = [0] + [step.id for step in generate(model, [0], config)]
    follows = np.zeros((4, 4))
    np.add.at(follows, (text[:-1], text[1:]), 1)
    for char, counts in enumerate(follows):
        p = (model(torch.tensor([[char]]))[0][0, 0] / 1.3).double()
        p = p.masked_fill(p < p.sort().values[1], -torch.inf).softmax(-1).detach().numpy()
        assert (counts > 0).sum() <= 3
        assert counts.sum() > 200
        assert chi_square(counts[p > 0], p[p > 0]) < 13.8  # two degrees of freedom: one in a thousand is above
        assert counts[p == 0].sum() == 0


def test_neighbouring_seeds_are_not_alike(make_model):
    model = make_model(n_layer=1, n_embd=8, chars="abcd")
    firsts = [next(generate(model, [1], SamplingConfig(1, seed=seed))) for seed in range(1000)]
    counts = np.bincount([step.id for step in firsts], minlength=4)
    assert chi_square(counts, firsts[0].sampled_from.tolist()) < 16.3  # three degrees of freedom


@pytest.fixture(scope="module")
def in_c():
    """The decoder's library, of which only `strivelm_draw` is called."""
    try:
        return native.library()
    except native.UnavailableError as error:
        pytest.skip(f"a C compiler is not on this machine ({error})")


def in_full(logits, config, u):
    return draw(distribution(logits, config), u)


def drawn_in_c(library, logits, config, u):
    work, V = (ctypes.c_float * (3 * len(logits) + 64))(), len(logits)
    how = config.temperature, min(config.top_k or 0, V), 1.0 if config.top_p is None else config.top_p, u
    id = library.strivelm_draw(V, logits.data_ptr(), *how, ctypes.addressof(work))
    return None if id < 0 else id


@given(
    st.lists(st.floats(-1e4, 1e4, width=32) | st.integers(-3, 3), min_size=50, max_size=50).map(torch.tensor),
    settings_that_mean_something,
    st.floats(0, 1, exclude_max=True),
)
def test_c_draws_the_same_or_leaves_it(in_c, logits, config, u):
    assert drawn_in_c(in_c, logits.float(), config, u) in (None, in_full(logits.float(), config, u))


@pytest.mark.parametrize("temperature", [0, 0.7, 1, 1.5])
@pytest.mark.parametrize("top_k", [None, 8, 40])
@pytest.mark.parametrize("top_p", [None, 0.5, 0.95])
def test_c_draws_the_same_and_leaves_little(in_c, temperature, top_k, top_p):
    config, stream, left = SamplingConfig(1, temperature, top_k, top_p), random.Random(1), 0
    for logits in spread_logits(seed=5, rows=400).float():
        u = stream.random()
        chosen = drawn_in_c(in_c, logits, config, u)
        left += chosen is None
        assert chosen in (None, in_full(logits, config, u))
    assert left < 12


def test_c_leaves_what_rounding_could_decide(in_c):
    config = SamplingConfig(1, 0.9, 20)
    for logits in spread_logits(seed=6, rows=30).float():
        for boundary in distribution(logits, config).double().cumsum(-1).unique().tolist():
            for u in (boundary - 1e-7, boundary, boundary + 1e-7):
                assert u >= 1 or u < 1e-6 or drawn_in_c(in_c, logits, config, max(u, 0.0)) is None
    assert drawn_in_c(in_c, torch.zeros(50), SamplingConfig(1, 0), 0.5) is None
    assert drawn_in_c(in_c, torch.zeros(50), SamplingConfig(1, top_k=7), 0.5) is None
    for broken in (torch.nan, torch.inf, -torch.inf):
        assert drawn_in_c(in_c, torch.zeros(50).index_fill(0, torch.tensor([9]), broken), config, 0.5) is None
