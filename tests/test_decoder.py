"""Cached decoding against full recomputation with `GPT.forward`, inside the context and across its end."""

import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strivelm import load_model
from strivelm.decoder import Decoder, NativeDecoder, engine_of, in_view, one_thread

ENGINES = [
    pytest.param(
        "c", marks=pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is not on this machine")
    ),
    "torch",
]


def recomputed(model, first, rest):
    """Logits (B, V) after `first` (B, n) and after each of `rest` (B, m), without a cache: the rule as documented.

    A full context is left by reading afresh its last T // 2 characters, the new one among them.
    """
    T = model.block_size
    context = first[:, -T:]
    logits = [model(context)[0][:, -1]]
    for ids in rest.T:
        full = context.shape[1] == T
        context = torch.cat([context, ids[:, None]], dim=1)
        if full:
            context = context[:, -max(T // 2, 1) :]
        logits.append(model(context)[0][:, -1])
    return torch.stack(logits)


def decoded(model, first, rest, engine=None):
    decoder = model.decoder(len(first), engine)
    return torch.stack([decoder.prefill(first)] + [decoder.step(ids) for ids in rest.T])


@pytest.mark.parametrize(
    ("engine", "dtype", "tolerance"),
    [("torch", torch.float64, 1e-10), ("torch", torch.float32, 2e-5), (None, torch.float32, 2e-5)],
)
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("block_size", [1, 2, 3, 8])
@pytest.mark.parametrize("prompt", [1, 2, 8, 11])
@torch.no_grad()
def test_every_position_is_that_of_full_recomputation(
    make_model, random_ids, engine, dtype, tolerance, batch_size, block_size, prompt
):
    model = make_model(block_size=block_size).to(dtype)
    first = random_ids(model, batch_size, prompt)
    rest = random_ids(model, batch_size, 2 * block_size + 3, seed=1)
    expected = recomputed(model, first, rest)
    assert expected.std() > 0.5  # else anything would be near anything
    torch.testing.assert_close(decoded(model, first, rest, engine), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("n_layer", "n_head", "n_embd"), [(1, 1, 8), (3, 4, 32), (2, 6, 18)])
@torch.no_grad()
def test_other_shapes(make_model, random_ids, n_layer, n_head, n_embd):
    model = make_model(n_layer, n_head, n_embd, block_size=10).double()
    first, rest = random_ids(model, 2, 4), random_ids(model, 2, 25, seed=1)
    torch.testing.assert_close(decoded(model, first, rest), recomputed(model, first, rest), rtol=1e-10, atol=1e-10)
    native = decoded(model.float(), first, rest)
    torch.testing.assert_close(native, recomputed(model, first, rest), rtol=2e-5, atol=2e-5)


def greedily(decoder, prompt, count):
    """The ids that a decoder writes after a prompt."""
    ids = [int(decoder.prefill([prompt]).argmax())]
    while len(ids) < count:
        ids.append(int(decoder.step(ids[-1:]).argmax()))
    return ids


@pytest.mark.parametrize("ref", ["bundled", "film", "6 x 384"])
def test_c_writes_what_torch_does_across_the_end_of_the_context(make_model, ref):
    model = make_model(6, 6, 384, 256, std=0.03) if ref == "6 x 384" else load_model(ref)
    assert engine_of(model).startswith("c, ") or shutil.which("cc") is None
    texts = [greedily(model.decoder(engine=engine), [5, 6, 7], 600) for engine in (None, "torch")]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 1


@st.composite
def models(draw):
    """Sizes of a model; whether float16 holds its weights; a prompt's length."""
    width = draw(st.sampled_from([8, 9, 16, 24, 33, 64, 128]))
    heads = draw(st.integers(1, max(1, 128 // width)))
    context = draw(st.sampled_from([1, 2, 3, 15, 16, 17, 64, 100, 300, 1024]))
    sizes = draw(st.integers(1, 3)), heads, width * heads, context
    return sizes, draw(st.sampled_from([2, 3, 17, 65, 130, 3000])), draw(st.booleans()), draw(st.integers(1, 300))


@pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is not on this machine")
@settings(max_examples=25)
@given(models())
def test_c_says_what_torch_does_whatever_the_sizes(make_model, drawn):
    sizes, vocab_size, half, prompt = drawn
    model = make_model(*sizes, chars=None, vocab_size=vocab_size, std=0.4 / sizes[2] ** 0.25)
    if half:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.half())
    assert engine_of(model).startswith("c, float16" if half else "c, float32")
    c, by_torch = model.decoder(engine="c"), model.decoder(engine="torch")
    assert (type(c), type(by_torch)) == (NativeDecoder, Decoder)
    ids = [i * i % vocab_size for i in range(prompt)]
    said, expected = c.prefill([ids]), by_torch.prefill([ids])
    for _ in range(max(60, min(600, 3 * sizes[3] - prompt))):
        torch.testing.assert_close(said, expected, rtol=1e-4, atol=1e-4)
        best = int(expected.argmax())
        assert expected.max() - expected[0, said.argmax()] < 2e-4  # the same, or a tie
        said, expected = c.step([best]), by_torch.step([best])
        assert c.length == by_torch.length


@pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is not on this machine")
def test_a_stream_says_the_same_alone_and_in_company_to_the_bit(make_model, random_ids):
    model = make_model(n_embd=48, n_head=3, block_size=130)
    first, rest = random_ids(model, 7, 120), random_ids(model, 7, 40, seed=1)
    together = decoded(model, first, rest, "c")
    for i in range(7):
        assert torch.equal(together[:, i : i + 1], decoded(model, first[i : i + 1], rest[i : i + 1], "c"))
    one_by_one = model.decoder(engine="c")
    one_by_one.prefill(first[:1, :1])
    for ids in first[:1, 1:].T:
        said = one_by_one.step(ids)
    assert torch.equal(said, together[0, :1])


def test_streams_of_a_batch_do_not_mix(model, random_ids):
    first, rest = random_ids(model, 3, 5), random_ids(model, 3, 20, seed=1)
    together = decoded(model, first, rest)
    for i in range(3):
        torch.testing.assert_close(together[:, i : i + 1], decoded(model, first[i : i + 1], rest[i : i + 1]))


def test_a_second_prefill_forgets_the_first(model, random_ids):
    decoder = model.decoder()
    decoder.prefill(random_ids(model, 1, 13))
    decoder.step(torch.tensor([1]))
    second = random_ids(model, 1, 4, seed=2)
    torch.testing.assert_close(decoder.prefill(second), model.decoder().prefill(second), rtol=0, atol=0)
    assert decoder.length == 4


def test_the_length_says_how_much_is_seen(model):
    decoder = model.decoder()
    assert decoder.length == 0
    decoder.prefill(torch.zeros(1, 15, dtype=torch.long))
    seen = []
    for _ in range(12):
        decoder.step(torch.zeros(1, dtype=torch.long))
        seen.append(decoder.length)
    assert seen == [16, 8, 9, 10, 11, 12, 13, 14, 15, 16, 8, 9]


def test_a_fresh_decoder_has_the_weights_of_now(model, random_ids):
    ids = random_ids(model, 1, 5)
    before = model.decoder().prefill(ids)
    with torch.no_grad():
        model.blocks[0].qkv.weight.mul_(2)
        expected = model(ids)[0][:, -1]
    after = model.decoder().prefill(ids)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_training_mode_gradients_and_inference_mode_stay_as_they_were(make_model, random_ids, engine):
    model = make_model(dropout=0.5).train()
    decoder = model.decoder(engine=engine)
    first = decoder.prefill(random_ids(model, 1, 5))
    assert model.training
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    again = model.decoder(engine=engine).prefill(random_ids(model, 1, 5))
    torch.testing.assert_close(again, first, rtol=0, atol=0)  # no dropout
    model(random_ids(model, 2, 6))[0].sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("engine", ENGINES)
def test_ids_that_cannot_be_read_are_named(make_model, engine):
    decoder = make_model(vocab_size=12, chars=None).decoder(engine=engine)
    with pytest.raises(ValueError, match=r"ids have shape \(1, 0\); expected \(1, n\) with n at least 1"):
        decoder.prefill(torch.empty(1, 0, dtype=torch.long))
    with pytest.raises(ValueError, match=r"ids have shape \(3, 4\); expected \(1, n\)"):
        decoder.prefill(torch.zeros(3, 4, dtype=torch.long))
    decoder.prefill(torch.tensor([[1, 2]]))
    with pytest.raises(ValueError, match=r"ids have shape \(2,\); expected \(1,\), one for each stream"):
        decoder.step(torch.tensor([1, 2]))
    for wrong in (-1, 12):
        with pytest.raises(IndexError, match=rf"ids hold \[{wrong}\]; expected ids from 0 to 11"):
            decoder.step(torch.tensor([wrong]))
    assert decoder.length == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_is_left_as_it_was(make_model, threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        decoder = make_model().decoder()
        decoder.prefill([[1, 2]])
        assert torch.get_num_threads() == threads
        with pytest.raises(IndexError):
            decoder.step([-1])
        with one_thread(), one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("block_size", [1, 2, 3, 8])
def test_what_is_in_view_is_known_without_reading(make_model, block_size):
    model = make_model(block_size=block_size, vocab_size=12, chars=None)
    for read in (1, 2, 7, 8, 20):
        decoder = model.decoder()
        decoder.prefill([[1] * read])
        assert in_view(read, 0, block_size) == decoder.length
        for more in range(1, 40):
            decoder.step([2])
            assert in_view(read, more, block_size) == decoder.length, (read, more)
