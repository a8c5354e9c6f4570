"""Choosing characters: the probabilities against transformers', the choices against the probabilities."""

import ctypes
import random
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strivelm import SamplingConfig, generate, native
from strivelm.generation import MAX_SEED, distribution, draw, generate_together, new_seed, uniforms

# -- SamplingConfig ----------------------------------------------------------------------------------------------------

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

# -- the probabilities -------------------------------------------------------------------------------------------------


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


# -- the choice --------------------------------------------------------------------------------------------------------


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


# -- the choice in C ---------------------------------------------------------------------------------------------------


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


# -- a text ------------------------------------------------------------------------------------------------------------


def text_of(model, **settings):
    return [step.id for step in generate(model, [3, 4], SamplingConfig(**{"max_new_tokens": 60} | settings))]


def test_one_seed_is_one_text_and_another_another(model):
    assert text_of(model, seed=7) == text_of(model, seed=7) != text_of(model, seed=8)
    assert text_of(model, seed=MAX_SEED) == text_of(model, seed=MAX_SEED)
    assert text_of(model, temperature=3.0) != text_of(model, temperature=3.0)  # no seed: a new one each time
    assert 0 <= new_seed() < 1_000_000


def test_switched_off_truncation_is_none(model):
    expected = text_of(model, seed=7)
    for off in ({"top_k": 0}, {"top_k": None}, {"top_k": 10**6}, {"top_k": model.vocab_size}, {"top_p": 1}):
        assert text_of(model, seed=7, **off) == expected


def test_greedy_is_the_most_likely_character_whatever_the_seed(model):
    ids = [3, 4]
    for _ in range(14):  # inside the context, where `forward` sees the same
        ids.append(int(model(torch.tensor([ids]))[0][0, -1].argmax()))
    assert text_of(model, temperature=0, max_new_tokens=14, seed=1) == ids[2:]
    assert text_of(model, temperature=0, seed=1) == text_of(model, temperature=0, seed=2) == text_of(model, top_k=1)


def test_two_settings_share_one_random_stream(model):
    def intervals(**settings):  # the numbers u that would have drawn what was drawn
        for step in generate(model, [3], SamplingConfig(40, **settings)):
            below = step.sampled_from.double().cumsum(-1)
            yield (below[step.id - 1].item() if step.id else 0.0), below[step.id].item()

    def agree(one, other):
        return all(max(a, c) < min(b, d) + 1e-6 for (a, b), (c, d) in zip(one, other, strict=True))

    plain = list(intervals(seed=1))
    assert agree(plain, intervals(seed=1, temperature=0.6, top_k=12, top_p=0.9))
    assert not agree(plain, intervals(seed=2))


def test_a_step_records_the_choice(model):
    config = SamplingConfig(13, temperature=0.8, top_k=5, seed=3)
    ids = [3, 4]
    for index, step in enumerate(generate(model, ids, config)):
        logits = model(torch.tensor([ids]))[0][0, -1]
        p, q = logits.softmax(-1), distribution(logits, config)
        assert step.index == index
        torch.testing.assert_close(step.logits, logits, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(step.sampled_from, q, rtol=1e-4, atol=1e-5)
        assert step.probability == pytest.approx(p[step.id].item(), rel=1e-3)
        assert step.sampled_probability == pytest.approx(q[step.id].item(), rel=1e-3)
        assert step.surprisal == pytest.approx(-p[step.id].log().item(), abs=1e-3)
        shown = step.alternatives(7)
        assert [i for i, _, _ in shown] == p.argsort(descending=True)[:7].tolist()
        assert [a for _, a, _ in shown] == pytest.approx(p.sort(descending=True).values[:7].tolist(), rel=1e-3)
        assert [b > 0 for _, _, b in shown] == [True] * 5 + [False] * 2
        assert len(step.alternatives(1000)) == model.vocab_size
        ids.append(step.id)
    assert index == 12


def test_a_prompt_longer_than_the_context_is_read_from_its_end(model, random_ids):
    ids = random_ids(model, 40).tolist()
    first = next(generate(model, ids, SamplingConfig(seed=1)))
    torch.testing.assert_close(first.logits, model(torch.tensor([ids[-16:]]))[0][0, -1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([], "the prompt is empty; give at least one character to go on from, for example a line break"),
        ([0, -1], "the prompt holds the id -1; expected ids from 0 to 24"),
        ([0, 25], "the prompt holds the id 25; expected ids from 0 to 24"),
        ([0, 1.0], r"the prompt is \[0, 1.0\]; expected ids, one whole number a character"),
        ("ab", "the prompt is 'ab'; expected ids"),
        (torch.zeros(1, 2, dtype=torch.long), "the prompt is tensor.*; expected ids"),
    ],
)
def test_a_bad_prompt_is_refused_at_the_call(model, ids, words):
    assert model.vocab_size == 25
    with pytest.raises(ValueError, match=words):
        generate(model, ids, SamplingConfig())  # nothing is drawn from what comes back


# -- what is left as it was --------------------------------------------------------------------------------------------


class FixedModel:
    """Anything that turns ids into logits can be spoken to; this one breaks after a while."""

    vocab_size, training = 3, True

    def __init__(self, breaks_after):
        self.breaks_after, self.read = breaks_after, []

    def decoder(self):
        return self

    def prefill(self, ids):
        self.read += ids[0]
        return torch.tensor([[0.0, 9.0, 1.0]])

    def step(self, ids):
        if len(self.read) > self.breaks_after:
            raise RuntimeError("out of memory")
        return self.prefill([ids])


def test_both_engines_write_the_same(model, monkeypatch):
    """Whatever of the logits differs by rounding decides nothing in these texts."""
    make, texts = model.decoder, []
    for engine in ("torch", None):
        monkeypatch.setattr(model, "decoder", lambda batch_size=1, engine=engine: make(batch_size, engine))
        texts.append([text_of(model, seed=seed, top_k=12, top_p=0.9, temperature=0.8) for seed in range(5)])
    assert texts[0] == texts[1]


def test_generate_needs_nothing_but_a_decoder():
    model = FixedModel(breaks_after=100)
    assert [step.id for step in generate(model, [0, 2], SamplingConfig(4, temperature=0))] == [1, 1, 1, 1]
    assert model.read == [0, 2, 1, 1, 1]


def random_states():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ending", ["exhausted", "abandoned", "closed"])
def test_random_states_and_the_models_mode_are_untouched(make_model, seed, training, ending):
    model = make_model(dropout=0.3).train(training)
    before = random_states()
    steps = generate(model, [1], SamplingConfig(30, seed=seed))
    for _ in islice(steps, 100 if ending == "exhausted" else 3):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        assert model.training == training
    if ending == "closed":
        steps.close()
    del steps
    assert random_states() == before
    assert model.training == training
    assert all(module.training == training for module in model.modules())
    assert torch.is_grad_enabled()


def test_an_error_midway_leaves_nothing_behind():
    before, model = random_states(), FixedModel(breaks_after=3)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(generate(model, [0], SamplingConfig(10, seed=1)))
    assert random_states() == before
    assert model.training
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_training_can_go_on_from_a_text(make_model):
    """Steps keep tensors made in inference mode; they must not poison a later backward pass of the model."""
    model = make_model().train()
    for step in islice(generate(model, [1, 2], SamplingConfig(5, seed=0)), 3):
        loss = model(torch.tensor([[1, step.id]]), torch.tensor([[2, 3]]))[1]
        loss.backward()
    assert model.pos.weight.grad.abs().sum() > 0


# -- several settings at once ------------------------------------------------------------------------------------------

SETTINGS = (
    SamplingConfig(50, 0.5, 10, seed=4),
    SamplingConfig(50, 1.3, 20, 0.9, seed=4),
    SamplingConfig(50, 0, seed=4),
    SamplingConfig(50, seed=9),
)


@pytest.mark.parametrize("prompt", [[3], [5, 6] * 20])
@pytest.mark.parametrize("block_size", [1, 16])
def test_settings_together_write_what_each_writes_alone(make_model, block_size, prompt):
    model = make_model(block_size=block_size)  # the text goes on beyond the context
    together = list(generate_together(model, prompt, SETTINGS))
    assert len(together) == 50
    for column, config in enumerate(SETTINGS):
        for step, alone in zip((steps[column] for steps in together), generate(model, prompt, config), strict=True):
            assert (step.id, step.index) == (alone.id, alone.index)
            torch.testing.assert_close(step.logits, alone.logits, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(step.sampled_from, alone.sampled_from, rtol=1e-4, atol=1e-5)


def test_settings_together_have_to_agree_on_a_length(model):
    with pytest.raises(ValueError, match=r"the settings ask for \[3, 4\] characters; expected one number"):
        generate_together(model, [1], [SamplingConfig(3), SamplingConfig(4)])
    with pytest.raises(ValueError, match=r"the settings ask for \[\] characters"):
        generate_together(model, [1], [])
    with pytest.raises(ValueError, match="the prompt is empty"):
        generate_together(model, [], SETTINGS)


def test_the_uniform_numbers_of_a_seed_are_those_that_draw(model):
    numbers = uniforms(11)
    for step, u in zip(generate(model, [2], SamplingConfig(20, seed=11)), numbers, strict=False):
        assert 0 <= u < 1
        assert draw(step.sampled_from, u) == step.id
