"""What each step asks and where it opens, against other ways to compute what is true."""

import math
from collections import Counter

import pytest
import torch
from lesson_figures import TEXT, logits_of

from strivelm.inspection import trace
from strivelm.ui.tabs.learn import payload
from strivelm.ui.tabs.learn.lessons import IDS
from strivelm.ui.tabs.learn.lessons.openings import read
from strivelm.ui.tabs.learn.lessons.reading import Chosen


def step(opened, id, text=TEXT, **settings):
    return payload.step(opened, text, Chosen(id, **settings))


def answered(opened, id, answer, text=TEXT, **settings):
    return payload.answer(opened, answer, text, Chosen(id, **settings))


@pytest.fixture
def stream(bundled):
    """The stream (T, C) as each layer of the bundled model reads it, and its probabilities, by its own modules."""
    model = bundled.model
    with torch.no_grad():
        ids = torch.tensor([model.tokenizer.encode(TEXT)])
        x, found = model.tok(ids) + model.pos.weight[: len(TEXT)], []
        for one in model.blocks:
            found.append(x[0])
            x = one(x)
    return found, logits_of(bundled).softmax(-1)


# -- what is asked -----------------------------------------------------------------------------------------------------


def test_every_step_asks_and_gives_no_answer_away(bundled):
    for id in IDS:
        ask = step(bundled, id)["ask"]
        assert ask["says"].rstrip(")").endswith((".", "?"))
        assert "?" in ask["says"]
        assert set(ask) == {"says", "kind", "options", "unit", "hides"}
        assert ask["kind"] in ("choice", "character", "number")
        assert (len(ask["options"]) > 1) == (ask["kind"] == "choice")
        assert len({value for value, _ in ask["options"]}) == len(ask["options"])
        assert set(ask["hides"]) <= set(step(bundled, id)["numbers"])
        if ask["kind"] == "choice":  # exactly one is right
            assert sum(answered(bundled, id, value)["right"] for value, _ in ask["options"]) == 1


@pytest.mark.parametrize(
    ("chars", "text"), [("ab", "a"), ("a", "aa"), ("01", ""), ("".join(map(chr, range(400, 900))), "")]
)
def test_where_there_is_little_to_ask_nothing_breaks(make_open, chars, text):
    opened = make_open(chars=chars, block_size=4)
    for id in IDS:
        ask = step(opened, id, text)["ask"]
        if ask is None:
            with pytest.raises(ValueError, match="nothing to ask"):
                answered(opened, id, "1", text)
        else:
            value = ask["options"][0][0] if ask["options"] else chars[0] if ask["kind"] == "character" else "1"
            assert answered(opened, id, value, text)["says"]


@pytest.mark.parametrize(
    ("id", "answer", "says"),
    [
        *(("1", "ab", "one character"), ("1", "", "one character"), ("1", "x" * 41, "at most 40")),
        *(("4", "many", "a number"), ("4", "inf", "a number")),
        *(("3.3", "99", "expected one of"), ("6", "", "expected one of")),
    ],
)
def test_what_is_no_answer_is_a_sentence(bundled, id, answer, says):
    with pytest.raises(ValueError, match=says):
        answered(bundled, id, answer)


def test_the_next_character_is_checked_by_the_models_own_probabilities(bundled):
    p = logits_of(bundled)[3].softmax(-1)
    chars = bundled.model.tokenizer.chars
    order = [chars[i] for i in p.argsort(descending=True)]
    assert order[0] == "e"
    right = answered(bundled, "1", "e", at=3)
    assert right["right"]
    assert f"{100 * p.max():.3g} %" in right["says"]
    wrong = answered(bundled, "1", order[4], at=3)
    assert not wrong["right"]
    assert "place 5 of 65" in wrong["says"]
    assert "“e”" in wrong["says"]
    assert "does not know" in answered(bundled, "1", "\u20ac", at=3)["says"]


def test_the_most_frequent_character_is_the_one_that_was_counted(bundled, noise):
    space = str(bundled.model.tokenizer.encode(" ")[0])
    assert answered(bundled, "2", space)["right"]  # Tiny Shakespeare's most frequent
    assert answered(noise, "2", "3", "abcab")["right"]
    assert not answered(noise, "2", "5", "abcab")["right"]


def test_the_nearest_row_is_that_of_the_largest_cosine(bundled):
    weight = bundled.model.tok.weight.detach().double()
    cosine = torch.nn.functional.cosine_similarity(weight, weight[bundled.model.tokenizer.encode("b")[0]][None])
    nearest = bundled.model.tokenizer.chars[cosine.argsort(descending=True)[1]]
    assert answered(bundled, "3.1", nearest, at=3)["right"]


def test_the_same_character_elsewhere_is_not_the_same(bundled):
    assert answered(bundled, "3.2", "no")["right"]
    model = bundled.model
    row, place = model.tok.weight[model.tokenizer.encode("a")[0]].norm(), model.pos.weight[0].norm()
    assert answered(bundled, "3.2", "character" if row > place else "position", "a")["right"]


def test_the_head_looks_where_its_largest_weight_is(bundled):
    found = step(bundled, "3.3")
    layer, head = (int(one["value"]) for one in found["controls"][:2])
    weights = trace(bundled.model, TEXT).attention[layer, head, found["at"]]
    best = int(weights.argmax())
    assert str(best) in [value for value, _ in found["ask"]["options"]]
    right = answered(bundled, "3.3", str(best))
    assert right["right"]
    assert f"{100 * weights[best]:.3g} %" in right["says"]


def test_a_normalised_vector_is_as_long_as_the_root_of_its_width(bundled, stream):
    options = [value for value, _ in step(bundled, "3.4", at=3)["ask"]["options"]]
    assert f"{stream[0][0][3].norm():.2f}" in options
    assert answered(bundled, "3.4", "16.0", at=3)["right"]


def test_guessed_numbers_are_right_when_they_are_near(bundled, stream):
    with torch.no_grad():
        block = bundled.model.blocks[0]
        x = stream[0][0][None]
        neurons = block.ff[0](block.ln2(x + block.attention(block.ln1(x))))[0, 3]
    share = 100 * (neurons > 0).double().mean().item()
    assert answered(bundled, "3.6", f"{share:.2f}", at=3, layer=0)["right"]
    assert answered(bundled, "3.6", f"{share + 9:.2f}".replace(".", ","), at=3, layer=0)["right"]
    assert not answered(bundled, "3.6", f"{share + 11:.2f}", at=3, layer=0)["right"]
    outside = bundled.model.tok.weight.numel() + bundled.model.pos.weight.numel()
    outside += sum(one.numel() for one in bundled.model.lnf.parameters())
    inside = bundled.model.num_parameters() - outside
    assert f"{inside:,} of 4,815,104" in answered(bundled, "4", "98")["says"]
    assert answered(bundled, "3.7", "128", dropout=0.5)["right"]
    assert not answered(bundled, "3.7", "200", dropout=0.5)["right"]


def test_the_answer_settles_where_the_lens_says(bundled):
    found = step(bundled, "3.5", at=3)
    table = next(one for one in found["blocks"] if one["kind"] == "table")
    writes = [row[3]["chars"] for row in table["rows"]]
    settles = max((i for i, char in enumerate(writes) if char != writes[-1]), default=-1) + 1
    assert table["mark"] == settles
    assert answered(bundled, "3.5", str(settles), at=3)["right"]
    assert not answered(bundled, "3.5", str(settles - 2 if settles > 2 else settles + 2), at=3)["right"]


def test_the_least_expected_character_is_that_of_the_largest_loss(bundled):
    p = logits_of(bundled).softmax(-1)
    ids = bundled.model.tokenizer.encode(TEXT)
    nats = [-math.log(p[i, ids[i + 1]]) for i in range(len(ids) - 1)]
    worst = max(range(len(nats)), key=lambda i: nats[i]) + 1
    assert answered(bundled, "5", str(worst))["right"]
    assert step(bundled, "5")["at"] == worst - 1


def test_a_lower_temperature_raises_the_likeliest(bundled):
    logits = logits_of(bundled)[3]
    assert answered(bundled, "6", "rises", at=3)["right"]
    assert f"{100 * (2 * logits).softmax(-1).max():.3g} %" in answered(bundled, "6", "falls", at=3)["says"]


def test_the_same_seed_writes_the_same(bundled):
    assert answered(bundled, "7", "all")["right"]
    assert "40 of 40" in answered(bundled, "7", "none")["says"]


# -- where a step opens ------------------------------------------------------------------------------------------------


def test_steps_open_where_there_is_something_to_show(bundled, stream):
    model, p = bundled.model, stream[1]
    among = (-torch.xlogy(p, p).sum(-1)).exp()
    assert step(bundled, "1")["at"] == step(bundled, "4")["at"] == int((among.log() - math.log(3)).abs().argmin())
    assert step(bundled, "6")["at"] == int(among.argmax())
    counted = Counter(TEXT)
    assert counted[TEXT[step(bundled, "2")["at"]]] == 1
    assert counted[TEXT[step(bundled, "3.2")["at"]]] == max(counted.values())
    weight = torch.nn.functional.normalize(model.tok.weight.detach().double(), dim=1)
    cosines = (weight @ weight.T).fill_diagonal_(-1).amax(1)
    nearest = [cosines[id].item() for id in model.tokenizer.encode(TEXT)]
    assert nearest[step(bundled, "3.1")["at"]] == pytest.approx(max(nearest), abs=1e-6)
    for layer in (0, 3):
        assert step(bundled, "3.4", layer=layer)["at"] == int(stream[0][layer].norm(dim=1).argmax())
    with torch.no_grad():
        block, x = model.blocks[2], stream[0][2][None]
        after = block.ff[:2](block.ln2(x + block.attention(block.ln1(x))))[0]
        added = block.ff(block.ln2(x + block.attention(block.ln1(x))))[0]
    assert step(bundled, "3.6", layer=2)["at"] == int(after.amax(1).argmax())
    assert step(bundled, "3.7", layer=2)["at"] == int(added.norm(dim=1).argmax())


def test_attention_opens_on_the_head_and_the_character_that_look_far(bundled):
    weights = trace(bundled.model, TEXT).attention
    best = max(
        (weights[layer, head, i, j].item(), i, layer, head)
        for layer in range(6)
        for head in range(4)
        for i in range(len(TEXT))
        for j in range(1, i - 2)
    )
    found = read(bundled, TEXT, Chosen("3.3"))
    assert (found.at, found.layer, found.head) == best[1:]
    # What is chosen stays; old addresses leave out a layer and a head of 0.
    found = read(bundled, TEXT, Chosen("3.3", at=7))
    assert (found.at, found.layer, found.head) == (7, 0, 0)
    found = read(bundled, TEXT, Chosen("3.3", head=2))
    assert (found.layer, found.head) == (0, 2)
    row, _ = max(
        ((i, j) for i in range(len(TEXT)) for j in range(1, i - 2)), key=lambda at: weights[0, 2, at[0], at[1]]
    )
    assert found.at == row
