"""What the Embeddings tab is given, decoded and set against inspection, scikit-learn and NumPy."""

import base64
import io
import json
from contextlib import redirect_stdout

import numpy as np
import pytest
from sklearn.decomposition import PCA

from strivelm import OpenModel, inspection, open_model
from strivelm.data.ngrams import count_ngrams
from strivelm.ui import limits
from strivelm.ui.core import prompts
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Models, facts_of
from strivelm.ui.core.python_lines import load_line
from strivelm.ui.core.questions import QUESTIONS
from strivelm.ui.tabs.embeddings import payload, views

COSINE = 0.5 / 32767 + 1e-9
"""How far the coding may round a cosine."""

SENTENCE = prompts.SENTENCES[0][0]


@pytest.fixture(scope="module")
def bundled():
    return open_model("bundled")


def answers(opened):
    """What the tab asks of a model, by the function that answers."""
    text = prompts.sentence(facts_of(opened))
    found = {ask: ask(opened) for ask in (payload.tokens, payload.positions, payload.table)}
    return found | {payload.states: payload.states(opened, text)}


@pytest.fixture(scope="module")
def shown(bundled):
    """The answers about the bundled model."""
    return answers(bundled)


def decoded(text, kind="f4", *shape):
    found = np.frombuffer(base64.b64decode(text), f"<{kind}")
    found = found / 32767 if kind == "i2" else found
    return found.reshape(shape) if shape else found


def test_the_map_is_scikit_learns_but_for_signs(bundled, shown):
    value = shown[payload.tokens]
    vectors = bundled.model.tok.weight.detach().double().numpy()
    expected = PCA(3).fit(vectors)
    coordinates = decoded(value["coordinates"], "f4", len(vectors), 3)
    np.testing.assert_allclose(np.abs(coordinates), np.abs(expected.transform(vectors)), atol=1e-5)
    _, scales, _ = np.linalg.svd(vectors - vectors.mean(0))
    assert value["explained"] == pytest.approx((scales**2 / (scales**2).sum())[:3])
    assert value["chars"] == bundled.model.tokenizer.chars
    x = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(decoded(value["cosine"], "i2", *(x @ x.T).shape), x @ x.T, atol=COSINE)
    near = decoded(value["near"], "u2", len(x), payload.NEIGHBOURS)
    assert near[:, 0].tolist() == (x @ x.T - 2 * np.eye(len(x))).argmax(1).tolist()
    assert sorted(decoded(value["by_cluster"], "u2").tolist()) == list(range(len(x)))


def test_frequencies_are_the_counts(bundled, shown):
    share = decoded(shown[payload.tokens]["share"])
    assert share.sum() == pytest.approx(1)
    ids, counts = bundled.ngrams.table(1)
    e = bundled.model.tokenizer.encode("e")[0]
    assert share[e] == pytest.approx(counts[ids[:, 0] == e][0] / bundled.ngrams.characters)
    assert share.argmax() == bundled.model.tokenizer.encode(" ")[0]


def test_positions_are_inspections(bundled, shown):
    value, found = shown[payload.positions], inspection.positions(bundled.model)
    assert value["context"] == 256
    np.testing.assert_allclose(decoded(value["cosine"], "i2", 256, 256), found.cosine, atol=COSINE)
    for name in ("norms", "from_mean", "by_distance"):
        np.testing.assert_allclose(decoded(value[name]), getattr(found, name), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(decoded(value["path"], "f4", 256, 3), found.path, rtol=1e-5, atol=1e-6)
    for name in ("participation", "components_95", "dimensions", "common", "token_norm", "by_chance"):
        assert value[name] == pytest.approx(getattr(found, name))


def test_states_are_inspections(bundled, shown):
    value = shown[payload.states]
    found = inspection.state_maps(bundled.model, SENTENCE)
    np.testing.assert_allclose(
        decoded(value["coordinates"], "f4", *found.coordinates.shape), found.coordinates, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(decoded(value["explained"], "f4", *found.explained.shape), found.explained, rtol=1e-5)
    assert value["same_next"] == pytest.approx(found.same_next.tolist())
    assert value["chance_character"] == pytest.approx(found.chance_character)
    assert (value["chars"], value["note"], len(value["depths"])) == (SENTENCE, "", 13)


def test_the_table_is_inspections(bundled, shown):
    value, found = shown[payload.table], inspection.bigrams(bundled.model, bundled.ngrams)
    for name, expected in (("counted", found.counted), ("modelled", found.model), ("direct", found.direct)):
        np.testing.assert_allclose(decoded(value[name], "f4", *expected.shape), expected, rtol=1e-4, atol=1e-7)
    assert value["itself"] == pytest.approx(np.trace(found.direct.numpy()) / len(found.chars))
    for name in ("entropy", "mean_model_kl", "mean_direct_kl", "mean_unigram_kl"):
        assert value[name] == pytest.approx(getattr(found, name))


def run(lines, names=None, **chosen):
    """The names that Python lines leave behind; they begin with `names`."""
    for name, value in chosen.items():
        lines = lines.replace(f"{{{name}}}", value)
    names = names or {}
    with redirect_stdout(io.StringIO()):
        exec(lines, names)
    return names


def test_the_python_lines_run_and_say_the_same(shown):
    value = shown[payload.tokens]
    names = run(value["python"]["map"], char='"e"', dimensions="2")
    np.testing.assert_allclose(names["found"].coordinates.flatten(), decoded(value["coordinates"]), rtol=1e-6)
    first = decoded(value["near"], "u2", 65, payload.NEIGHBOURS)[value["chars"].index("e")]
    assert names["near"].chars == tuple(value["chars"][i] for i in first)
    table = run(value["python"]["similarity"], order="clusters")["table"]
    assert table.order.tolist() == decoded(value["by_cluster"], "u2").tolist()
    analogy = {"start": '"A"', "minus": '"a"', "plus": '"b"'}
    names = run(value["python"]["neighbours"], char='"e"', by="class", same="False", **analogy)
    assert names["found"].ranking.chars[0] == "B"
    assert names["every"].accuracy == pytest.approx(value["case"]["accuracy"])
    assert names["kinds"].purity == pytest.approx(
        next(one for one in value["purity"] if (one["by"], one["same_letter"]) == ("class", False))["purity"]
    )
    found = run(shown[payload.positions]["python"], dimensions="3")["found"]
    assert found.participation == shown[payload.positions]["participation"]
    value = shown[payload.table]
    for second, sent in (("model", "modelled"), ("direct", "direct")):
        names = run(value["python"], rows="[4, 7, 50]", row="7", second=second)
        assert names["found"].mean_model_kl == pytest.approx(value["mean_model_kl"])
        for name, of in (("counted", "counted"), ("second", sent)):
            expected = decoded(value[of], "f4", 65, 65)[[4, 7, 50]][:, [4, 7, 50]]
            np.testing.assert_allclose(names[name], expected, rtol=1e-4, atol=1e-7)
    found = run(shown[payload.states]["python"])["found"]
    assert found.same_next.tolist() == pytest.approx(shown[payload.states]["same_next"])


def test_a_model_without_counts_shows_its_own_words_only(make_open):
    opened = make_open(chars="ab \n")
    assert opened.ngrams is None
    value = payload.table(opened)
    assert value["counted"] is None
    said, _ = inspection.after_one(opened.model)
    np.testing.assert_allclose(decoded(value["modelled"], "f4", 4, 4), said.exp(), rtol=1e-5)
    assert "after_one(model)" in value["python"]
    assert payload.tokens(opened)["share"] is None


def counted_from(opened, ids):
    """The same open model, which came with the counts of a text."""
    vars(opened)["ngrams"] = count_ngrams(ids, opened.model.vocab_size)
    return opened


def test_of_a_large_vocabulary_the_most_frequent_are_in_the_matrices(make_open):
    chars = "".join(chr(0x4E00 + i) for i in range(5000))
    opened = make_open(chars=chars)
    often = [4000 + i for i in range(300)]
    text = [i for n, i in enumerate(often) for _ in range(1 + n % 7)] + often
    counted = counted_from(opened, text)
    value, table = payload.tokens(counted), payload.table(counted)
    some = [chars.index(value["chars"][i]) for i in decoded(value["some"], "u2")]
    assert len(some) == payload.MOST_ROWS
    assert (len(value["chars"]), value["vocabulary"]) == (limits.CHARACTERS, 5000)
    counts = np.bincount(text, minlength=5000)
    assert counts[some].min() >= np.sort(counts)[-payload.MOST_ROWS]
    assert len(decoded(value["coordinates"])) == 3 * limits.CHARACTERS
    assert table["chars"] == "".join(chars[i] for i in some)
    assert len(decoded(table["counted"])) == payload.MOST_ROWS**2
    assert len(json.dumps(value)) < 1_000_000
    lines = value["python"]["similarity"].replace("from strivelm import load_model\n", "")
    found = run(lines, {"load_model": lambda ref: opened.model}, order="given")["table"]
    assert "".join(found.chars) == table["chars"]
    lines = table["python"].replace("from strivelm import open_model\n", "")
    names = run(lines, {"open_model": lambda ref: counted}, rows="[0, 2]", row="2", second="model")
    expected = decoded(table["counted"], "f4", payload.MOST_ROWS, payload.MOST_ROWS)[[0, 2]][:, [0, 2]]
    np.testing.assert_allclose(names["counted"], expected, rtol=1e-5)
    np.testing.assert_allclose(found.cosine.flatten(), decoded(value["cosine"], "i2"), atol=COSINE)


@pytest.mark.parametrize(
    ("chars", "sizes"),
    [("ab", {}), ("ab", {"block_size": 1, "n_embd": 2}), ("a", {"n_head": 1, "n_embd": 1}), ("\n\0\u202e{}", {})],
)
def test_the_smallest_models_have_something_to_show(make_open, chars, sizes):
    opened = make_open(chars=chars, **sizes)
    assert 0 < len(prompts.sentence(facts_of(opened))) <= opened.model.block_size
    for value in answers(opened).values():
        assert json.loads(json.dumps(value), parse_constant=pytest.fail)["model"] == "noise"


def test_what_can_not_be_read_is_said(make_open):
    opened = make_open(chars="ab")
    assert "left out" in payload.states(opened, "ab<script>")["note"]
    for text, said in [
        ("", "The text is empty"),
        ("é", "none of"),
    ]:
        with pytest.raises(ValueError, match=said):
            payload.states(opened, text)


def test_of_a_long_text_the_end_is_read_and_that_is_said(make_open):
    found = payload.states(make_open(chars="ab"), "ab" * 20 + "b")
    assert found["chars"] == ("ab" * 20 + "b")[-32:]
    assert "41 characters, and this model sees at most 32" in found["note"]


def test_a_file_of_its_own_holds_no_markup_of_the_text(make_open):
    opened = make_open(chars="<script>/&${}'`")
    value = payload.states(opened, "<script<script")
    page = views.STATES.html(value)
    assert "<script<script" not in page
    assert page.count("<script>") == 1
    assert all(view.html(None).count("<canvas") >= 1 for view in (views.MAP, views.SIMILARITY, views.POSITIONS))


def test_what_is_the_same_for_all_visitors_is_answered_once(make_open, monkeypatch):
    asked, token_space = [], inspection.token_space
    monkeypatch.setattr(inspection, "token_space", lambda model, of: asked.append(model) or token_space(model, of))
    dispatcher = Dispatcher(Models(make_open()))
    first = dispatcher.ask("embeddings.tokens", ["noise"], {})
    assert dispatcher.ask("embeddings.tokens", ["noise"], {}) is first
    assert len(asked) == 1
    assert {name for name in QUESTIONS if name.startswith("embeddings.") and QUESTIONS[name].cached} == {
        "embeddings.tokens",
        "embeddings.positions",
        "embeddings.table",
        "embeddings.beside",
        "embeddings.training",
        "embeddings.positions_training",
    }


def test_python_lines_open_what_everybody_can_open(make_open, tmp_path, monkeypatch):
    opened = make_open(chars="ab \n")
    opened.model.save_pretrained(tmp_path / "my model")
    local = OpenModel(str(tmp_path / "my model"), opened.model, {})
    assert str(tmp_path) not in load_line(local)
    assert load_line(open_model("film@step-55")) == "model = load_model('film@step-55')"
    snapshot = OpenModel(f"{tmp_path / 'my model'}@step-5", opened.model, {})
    assert load_line(snapshot).startswith("model = load_model('./my model@step-5')")
    monkeypatch.chdir(tmp_path)
    names = run(payload.table(local)["python"], rows="[1, 3]", row="1", second="model")
    expected = decoded(payload.table(local)["modelled"], "f4", 4, 4)
    np.testing.assert_allclose(names["log_model"].exp(), expected, rtol=1e-5)
    np.testing.assert_allclose(names["shown"], expected, rtol=1e-5)
