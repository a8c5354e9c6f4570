"""The Learn tab's numbers, each against another way of computing it."""

import contextlib
import hashlib
import io
import math
import re

import pytest
import torch
from lesson_figures import TEXT, block, floats, logits_of, says, shown

from strivelm import decoder, native
from strivelm.config import Sizes
from strivelm.data.corpus import corpus_from_text
from strivelm.loading import open_model
from strivelm.training.trainer import new_model
from strivelm.ui.tabs.learn import payload
from strivelm.ui.tabs.learn.lessons import HERE, youth
from strivelm.ui.tabs.learn.lessons.beginning import beginning, frequencies, own_text
from strivelm.ui.tabs.learn.lessons.blocks import share
from strivelm.ui.tabs.learn.lessons.ending import NOTEBOOK, evaluations, teachers_note

# -- the numbers -------------------------------------------------------------------------------------------------------


def test_what_comes_next_is_the_softmax_of_the_models_logits(bundled):
    logits = logits_of(bundled)[4]
    expected = (logits.exp() / logits.exp().sum()).sort(descending=True)
    rows = block(shown(bundled, "1", at=4), "bars")["rows"]
    assert [row[0] for row in rows] == [bundled.model.tokenizer.chars[i] for i in expected.indices[:6]]
    assert [row[1] for row in rows] == pytest.approx(expected.values[:6].tolist(), rel=1e-3)


def written(opened):
    return dict(block(shown(opened, "1"), "table", "The model and the machine")["rows"])["Decoder"]


def test_the_machine_says_which_engine_writes(noise, monkeypatch):
    engine = decoder.engine_of(noise.model)
    assert type(decoder.decoder(noise.model)).__name__ == ("Decoder" if engine == "torch" else "NativeDecoder")
    found = written(noise)
    assert ("PyTorch" in found) == (engine == "torch")
    if engine != "torch":
        _, numbers, vectors = engine.split(", ")
        assert "C code" in found
        assert f"{numbers} weights" in found
        assert vectors in found

    def unavailable(model):
        raise native.UnavailableError("no compiler here")

    monkeypatch.setattr(native, "weights", unavailable)
    assert written(noise) == "Text is written by PyTorch"


def test_frequencies_are_those_of_the_training_text(bundled):
    # Tiny Shakespeare has 1,115,394 characters; nine tenths were learnt from, in which a space is the most frequent.
    found = frequencies(bundled)
    assert sum(found.values()) == pytest.approx(1)
    space = bundled.model.tokenizer.encode(" ")[0]
    assert max(found, key=found.get) == space
    unigram = -sum(p * math.log(p) for p in found.values())
    assert unigram == pytest.approx(bundled.training["ngrams"]["unigram"], abs=0.05)


def test_the_corpus_is_shown_only_where_it_comes_along(bundled):
    assert all("300" not in one["title"] for one in shown(bundled, "2").blocks)
    text = (HERE.parents[3] / "assets" / "fables.txt").read_bytes()
    assert beginning(hashlib.sha256(text).hexdigest()) == text.decode()[:300]
    assert beginning(None) is None


def test_ids_are_the_tokenizers(bundled):
    found = block(shown(bundled, "2", at=0), "table", "Your text")
    assert [cell["chars"] for cell in found["rows"][0][1:]] == list(TEXT[:6])
    assert [int(cell) for cell in found["rows"][1][1:]] == [bundled.model.tokenizer.chars.index(c) for c in TEXT[:6]]


def test_the_embedding_row_and_its_neighbours(bundled):
    weight, at = bundled.model.tok.weight.detach().double(), 3
    row = weight[bundled.model.tokenizer.encode("b")[0]]
    found = shown(bundled, "3.1", at=at)
    assert floats(block(found, "vectors")["rows"][0]["values"]) == pytest.approx(row.tolist(), rel=1e-3)
    assert float(found.numbers["norm"]) == pytest.approx((row**2).sum().sqrt().item(), abs=0.01)
    cosine = torch.nn.functional.cosine_similarity(weight, row[None])
    best = cosine.argsort(descending=True)[1:6].tolist()
    rows = block(found, "table")["rows"]
    assert [one[1]["chars"] for one in rows] == [bundled.model.tokenizer.chars[i] for i in best]
    assert [says(one[2]) for one in rows] == pytest.approx(cosine[best].tolist(), abs=1e-3)


def test_the_sum_of_character_and_position(bundled):
    model, found = bundled.model, shown(bundled, "3.2", "aaaa", at=2)
    with torch.no_grad():
        expected = [model.tok.weight[model.tokenizer.encode("a")[0]], model.pos.weight[2]]
    rows = block(found, "vectors")["rows"]
    for row, values in zip(rows, [*expected, sum(expected)], strict=True):
        assert floats(row["values"]) == pytest.approx(values.tolist(), rel=1e-3, abs=1e-5)
        assert says(row["norm"]) == pytest.approx(values.norm().item(), abs=0.01)
    cosines = [says(row[1]) for row in block(found, "table", "The same")["rows"]]
    assert cosines[2] == 1
    assert all(value < 1 for i, value in enumerate(cosines) if i != 2)


def test_experiments_read_the_models_own_text_and_the_readers(bundled):
    own = own_text(bundled)
    assert own == bundled.model.generate("\n", 127, temperature=1.0, top_k=0, seed=0)
    rows = block(shown(bundled, "3.3"), "table", "An experiment")["rows"]
    assert [row[0] for row in rows] == ["All parts", "No attention", "One head a layer"]
    for column, text in ((1, own), (2, TEXT)):
        ids = torch.tensor(bundled.model.tokenizer.encode(text))
        loss = torch.nn.functional.cross_entropy(logits_of(bundled, text)[:-1], ids[1:]).item()
        assert says(rows[0][column]) == pytest.approx(loss, abs=2e-3)
        assert says(rows[0][column]) < says(rows[2][column]) < says(rows[1][column])


def test_attention_weights_in_numpy(bundled):
    block0, at, head = bundled.model.blocks[0], 8, 2
    with torch.no_grad():
        ids = torch.tensor([bundled.model.tokenizer.encode(TEXT)])
        x = bundled.model.tok(ids) + bundled.model.pos.weight[: len(TEXT)]
        q, k, _ = (part[0].numpy().astype("float64") for part in block0.qkv(block0.ln1(x)).chunk(3, -1))
    hd = block0.hd
    some = slice(head * hd, (head + 1) * hd)
    products = k[: at + 1, some] @ q[at, some]
    scores = products / math.sqrt(hd)
    weights = [math.exp(s) / sum(math.exp(t) for t in scores) for s in scores]
    found = shown(bundled, "3.3", at=at, head=head)
    rows = block(found, "table", "How much")["rows"]
    assert [says(row[4]) / 100 for row in rows] == pytest.approx(sorted(weights, reverse=True)[:8], rel=5e-3, abs=6e-5)
    for row in rows:
        i = int(row[0])
        assert row[1]["chars"] == TEXT[i]
        assert says(row[2]) == pytest.approx(products[i], rel=6e-3)
        assert says(row[3]) == pytest.approx(scores[i], rel=6e-3, abs=1e-3)
    assert found.tint[: at + 1] == pytest.approx(weights, abs=1e-5)
    assert set(found.tint[at + 1 :]) == {0.0}


@pytest.mark.parametrize("half", ["attention", "MLP"])
def test_layernorm_is_torchs(bundled, half):
    block2, at, seen = bundled.model.blocks[2], 5, {}
    norm = block2.ln1 if half == "attention" else block2.ln2
    handle = norm.register_forward_hook(lambda module, inputs, output: seen.update(x=inputs[0], y=output))
    logits_of(bundled)
    handle.remove()
    x, y = (seen[name][0, at].double() for name in "xy")
    found = shown(bundled, "3.4", at=at, layer=2, half=half)
    rows = {row["name"]: floats(row["values"]) for row in block(found, "vectors")["rows"]}
    assert rows["x"] == pytest.approx(x.tolist(), rel=1e-3, abs=1e-5)
    assert rows["LayerNorm(x)"] == pytest.approx(y.tolist(), rel=1e-3, abs=1e-4)
    assert rows["γ"] == pytest.approx(norm.weight.tolist(), rel=1e-3)
    normalised = block(found, "table")["rows"][1]
    assert says(normalised[1]) == 0
    assert says(normalised[2]) == pytest.approx(1, abs=1e-3)
    assert says(normalised[3]) == pytest.approx(16, abs=0.1)


def test_the_stream_and_what_it_would_write(bundled):
    at, model, seen = 4, bundled.model, []
    handles = [
        one.register_forward_hook(lambda module, inputs, output: seen.append(output[0, at])) for one in model.blocks
    ]
    logits = logits_of(bundled)[at]
    for handle in handles:
        handle.remove()
    rows = block(shown(bundled, "3.5", at=at), "table")["rows"]
    assert len(rows) == 13
    for layer, stream in enumerate(seen):
        with torch.no_grad():
            p = model.head(model.lnf(stream)).softmax(-1)
        row = rows[2 * layer + 2]
        assert row[0] == f"{layer} MLP"
        assert says(row[2]) == pytest.approx(stream.norm().item(), rel=6e-3)
        assert row[3]["chars"] == model.tokenizer.chars[int(p.argmax())]
        assert says(row[4]) / 100 == pytest.approx(p.max().item(), abs=6e-3)
    assert rows[-1][3]["chars"] == model.tokenizer.chars[int(logits.argmax())]


def test_neurons_are_the_mlps(bundled):
    at, seen = 4, {}
    handle = (
        bundled.model.blocks[5]
        .ff[1]
        .register_forward_hook(lambda module, inputs, output: seen.update(pre=inputs[0][0, at], post=output[0, at]))
    )
    logits_of(bundled)
    handle.remove()
    found = shown(bundled, "3.6", at=at, layer=5)
    rows = block(found, "table")["rows"]
    assert [int(row[0]) for row in rows] == seen["post"].argsort(descending=True)[:8].tolist()
    assert [says(row[2]) for row in rows] == pytest.approx(seen["post"].sort(descending=True)[0][:8].tolist(), rel=6e-3)
    assert float(found.numbers["active"].split()[0]) / 100 == pytest.approx(
        (seen["pre"] > 0).float().mean().item(), abs=1e-3
    )
    curve = block(found, "curve")["lines"][0]["points"]
    assert all(y == pytest.approx(x * (1 + math.erf(x / math.sqrt(2))) / 2, abs=1e-4) for x, y in curve)
    assert min(y for _, y in curve) == pytest.approx(-0.17, abs=2e-3)


def test_dropout_zeroes_and_doubles(bundled):
    rows = [floats(row["values"]) for row in block(shown(bundled, "3.7", dropout=0.5), "vectors")["rows"]]
    ratios = {round(b / a, 2) for a, b in zip(rows[0], rows[1], strict=True)}
    assert ratios == {0.0, 2.0}
    assert rows[0] == rows[2]
    assert floats(block(shown(bundled, "3.7", dropout=0.0), "vectors")["rows"][1]["values"]) == rows[0]
    assert shown(bundled, "3.7", seed=2).blocks != shown(bundled, "3.7", seed=3).blocks


def test_parameters_sum_to_the_headers(bundled):
    rows = block(shown(bundled, "4"), "table")["rows"]
    together = [int(row[5].replace(",", "")) for row in rows]
    assert together[-1] == sum(together[:-1]) == 4_815_104
    assert all(row[2] == row[3] for row in rows[:-1])
    assert rows[-1][2] == rows[-1][5]


def test_the_loss_of_a_text_and_its_curve(bundled):
    found = shown(bundled, "5", at=3)
    nats = torch.nn.functional.cross_entropy(
        logits_of(bundled)[:-1], torch.tensor(bundled.model.tokenizer.encode(TEXT))[1:], reduction="none"
    )
    row = block(found, "table")["rows"][0]
    assert row[0]["chars"] == TEXT[4]
    assert says(row[3]) == pytest.approx(nats[3].item(), abs=6e-3)
    assert says(row[2].removeprefix("1 in")) == pytest.approx(nats[3].exp().item(), rel=6e-3)
    assert says(found.numbers["among"]) == pytest.approx(nats.mean().exp().item(), abs=6e-3)
    assert says(found.numbers["mean"]) == pytest.approx(nats.mean().item(), abs=6e-3)
    assert says(found.numbers["lnV"]) == pytest.approx(math.log(65), abs=6e-3)
    assert found.tint == pytest.approx([0, *(nats / math.log(65)).clamp(max=1).tolist()], abs=1e-3)
    lines = {line["name"]: line["points"] for line in block(found, "curve")["lines"]}
    record = bundled.training["evaluations"]
    assert lines["validation text"] == [[one["step"], pytest.approx(one["validation"], abs=1e-4)] for one in record]
    assert dict(block(found, "curve")["levels"])["bigram"] == pytest.approx(2.4819, abs=1e-4)
    assert "this model learnt what 2 other models expect on average of it" in block(found, "curve")["note"]


@pytest.mark.parametrize("init", ["gpt2", "zero"])
def test_an_untrained_model_leans_towards_the_character_that_it_has_just_read(bundled, init):
    corpus = corpus_from_text(bundled.model.tokenizer.chars * 20, "every character")
    model = new_model(corpus, Sizes(n_layer=6, n_head=4, n_embd=256, block_size=256), 1, init=init).eval()
    read = torch.randint(65, (1, 256), generator=torch.Generator().manual_seed(0))
    p = model(read)[0].softmax(-1)
    assert 2 / 65 < p.gather(-1, read[..., None]).mean() < 0.5
    loss = -p[0, :-1].gather(-1, read[0, 1:, None]).log().mean().item()
    assert math.log(65) < loss < math.log(65) + 0.6


def test_a_models_youth_is_what_its_snapshots_write(noise):
    assert block(shown(noise, "5", "To be", seed=4), "film")["prompt"] == "To be"
    pictures = payload.film([noise, *map(open_model, youth.refs())], "To be", 4)
    steps = [one["step"] for one in pictures]
    assert steps == sorted(steps)
    assert len(steps) == 12
    for i in (0, 6, 11):
        opened = open_model(f"film@step-{steps[i]}")
        wrote = opened.model.generate("To be", 48, seed=4)
        assert pictures[i]["text"] == wrote.removeprefix("To be")
        assert pictures[i]["loss"] == pytest.approx(opened.validation_loss, abs=6e-4)
        assert float(pictures[i]["among"]) == pytest.approx(math.exp(opened.validation_loss), rel=0.05)
    assert pictures[0]["loss"] > pictures[-1]["loss"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(shown(open_model("bundled"), "5", "To be", seed=4).python, {})
    assert [line.split(" ", 1)[1] for line in said.getvalue().splitlines()[-12:]] == [
        repr("To be" + one["text"]) for one in pictures
    ]


def test_a_record_that_is_odd_is_read_as_far_as_it_is_numbers(noise):
    odd = [
        {"step": 1, "train": 2.0},
        {"step": "x", "train": 1},
        7,
        {"step": 2, "train": None},
        {"step": True, "train": 1},
    ]
    assert evaluations(odd, "train") == [(1, 2.0)]
    assert evaluations({"step": 1}, "train") == evaluations(None, "train") == []
    assert teachers_note({}) == teachers_note({"teachers": "all"}) == teachers_note({"teachers": []}) == ""
    assert "what another model expects of it" in teachers_note({"teachers": [7]})
    assert "without a record" in block(shown(noise, "5"), "passage")["text"]


def test_the_notebooks_run_turns_where_the_readme_says():
    best = min(NOTEBOOK, key=lambda row: row[2])
    readme = (HERE.parents[4] / "README.md").read_text("utf-8")
    at_best, at_end = re.search(r"(\d\.\d+) at step 50, (\d\.\d+) at step 500", readme).groups()
    assert best[0] == 50
    assert best[2] == pytest.approx(float(at_best), abs=0.01)
    assert NOTEBOOK[-1][2] == pytest.approx(float(at_end), abs=0.01)
    assert [row[1] for row in NOTEBOOK] == sorted((row[1] for row in NOTEBOOK), reverse=True)


@pytest.mark.parametrize(("hot", "k"), [(1.0, 0), (0.5, 10), (1.3, 60), (2.0, 1), (0.0, 0)])
def test_temperature_and_top_k(bundled, hot, k):
    logits = logits_of(bundled)[18]
    kept = logits >= logits.sort(descending=True)[0][(k or 65) - 1]
    p = torch.zeros_like(logits)
    if hot:
        p[kept] = (logits[kept] / hot).exp()
        p /= p.sum()
    else:
        p[logits.argmax()] = 1
    found = shown(bundled, "6", at=18, temperature=hot, top_k=k)
    order = logits.argsort(descending=True)[:12]
    assert [row[2] for row in block(found, "bars")["rows"]] == pytest.approx(p[order].tolist(), rel=1e-3, abs=1e-5)
    assert [row[1] for row in block(found, "bars")["rows"]] == pytest.approx(
        logits.softmax(0)[order].tolist(), rel=1e-3
    )
    last = block(found, "table")["rows"][-1]
    assert int(last[3]) == int((p > 0).sum())
    assert says(last[5]) == pytest.approx(math.exp(-(p[p > 0] * p[p > 0].log()).sum()), rel=6e-3)


def test_the_playground_writes_what_python_writes(noise):
    found = block(shown(noise, "7", "be", temperature=0.8, top_k=5, seed=3, count=20), "written")
    assert "be" + found["text"] == noise.model.generate("be", 20, temperature=0.8, top_k=5, seed=3)
    p = logits_of(noise, ("be" + found["text"])[:-1]).log_softmax(-1)
    ids = noise.model.tokenizer.encode("be" + found["text"])
    assert found["nats"] == pytest.approx([-p[i - 1, ids[i]].item() for i in range(2, 22)], abs=1e-2)
    cold = [block(shown(noise, "7", "be", temperature=0, seed=seed), "written")["text"] for seed in (1, 2)]
    assert cold[0] == cold[1]


def test_the_map_and_its_purity(bundled):
    from sklearn.decomposition import PCA

    weight, found = bundled.model.tok.weight.detach().double().numpy(), shown(bundled, "8")
    theirs = PCA(2).fit(weight)
    points = block(found, "scatter")["points"]
    for i, column in enumerate((1, 2)):
        mine = torch.tensor([point[column] for point in points], dtype=torch.float64)
        other = torch.from_numpy(theirs.transform(weight)[:, i])
        assert min((mine - other).abs().max(), (mine + other).abs().max()) < 5e-3
    assert found.numbers["explained"] == share(theirs.explained_variance_ratio_.sum())
    # what the step says of the lower-case vowels: they lie near each other
    places = torch.tensor([point[1:3] for point in points])
    vowels = torch.tensor([point[1:3] for point in points if point[0] in "aeiou"])
    extent = (places.max(0).values - places.min(0).values).max().item()
    assert torch.cdist(vowels, vowels).max().item() < 0.25 * extent
