"""What the Embeddings tab is given, decoded and set against inspection, scikit-learn and NumPy."""

import base64
import io
import json
import math
from contextlib import redirect_stdout

import numpy as np
import pytest
from sklearn.decomposition import PCA

from strivelm import inspection, open_model
from strivelm.data.ngrams import count_ngrams
from strivelm.ui.core.models import facts_of
from strivelm.ui.tabs.embeddings import payload, tab, views

COSINE = 0.5 / 32767 + 1e-9
"""How far the coding may round a cosine."""


@pytest.fixture(scope="module")
def bundled():
    return open_model("bundled")


@pytest.fixture(scope="module")
def shown(bundled):
    """The value of each view of the bundled model."""
    text = payload.sentence(facts_of(bundled))
    return {work: json.loads(work(bundled, *([text] if work is payload.states else []))) for *_, work in tab.VIEWS}


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
    value, found = shown[payload.places], inspection.positions(bundled.model)
    assert value["context"] == 256
    np.testing.assert_allclose(decoded(value["cosine"], "i2", 256, 256), found.cosine, atol=COSINE)
    for name in ("norms", "from_mean", "by_distance"):
        np.testing.assert_allclose(decoded(value[name]), getattr(found, name), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(decoded(value["path"], "f4", 256, 3), found.path, rtol=1e-5, atol=1e-6)
    for name in ("participation", "components_95", "dimensions", "common", "token_norm", "by_chance"):
        assert value[name] == pytest.approx(getattr(found, name))


def test_states_are_inspections(bundled, shown):
    value = shown[payload.states]
    found = inspection.state_maps(bundled.model, payload.SENTENCE)
    np.testing.assert_allclose(
        decoded(value["coordinates"], "f4", *found.coordinates.shape), found.coordinates, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(decoded(value["explained"], "f4", *found.explained.shape), found.explained, rtol=1e-5)
    assert value["same_next"] == pytest.approx(found.same_next.tolist())
    assert value["chance_character"] == pytest.approx(found.chance_character)
    assert (value["chars"], value["note"], len(value["depths"])) == (payload.SENTENCE, "", 13)


def test_the_table_is_inspections(bundled, shown):
    value, found = shown[payload.table], inspection.bigrams(bundled.model, bundled.ngrams)
    for name, expected in (("counted", found.counted), ("modelled", found.model), ("direct", found.direct)):
        np.testing.assert_allclose(decoded(value[name], "f4", *expected.shape), expected, rtol=1e-4, atol=1e-7)
    assert value["itself"] == pytest.approx(np.trace(found.direct.numpy()) / len(found.chars))
    for name in ("entropy", "mean_model_kl", "mean_direct_kl", "mean_unigram_kl"):
        assert value[name] == pytest.approx(getattr(found, name))


def test_the_python_lines_run_and_say_the_same(shown):
    def run(lines):
        names = {}
        with redirect_stdout(io.StringIO()):
            exec(lines, names)
        return names

    value = shown[payload.tokens]
    names = run(value["python"].replace("{char}", '"e"').replace("{order}", "clusters"))
    first = decoded(value["near"], "u2", 65, payload.NEIGHBOURS)[value["chars"].index("e")]
    assert names["near"].chars == tuple(value["chars"][i] for i in first)
    assert names["table"].order.tolist() == decoded(value["by_cluster"], "u2").tolist()
    lines = value["python_analogy"].replace("{start}", '"A"').replace("{minus}", '"a"').replace("{plus}", '"b"')
    names = run(lines)
    assert names["found"].ranking.chars[0] == "B"
    assert names["every"].accuracy == pytest.approx(value["case"]["accuracy"])
    assert names["kinds"].purity == pytest.approx(
        next(one for one in value["purity"] if (one["by"], one["same_letter"]) == ("class", False))["purity"]
    )
    assert run(shown[payload.places]["python"])["found"].participation == shown[payload.places]["participation"]
    found = run(shown[payload.table]["python"])["found"]
    assert found.mean_model_kl == pytest.approx(shown[payload.table]["mean_model_kl"])
    found = run(shown[payload.states]["python"].replace("{depth}", "3"))["found"]
    assert found.same_next.tolist() == pytest.approx(shown[payload.states]["same_next"])


def test_a_model_without_counts_shows_its_own_words_only(make_open):
    opened = make_open(chars="ab \n")
    assert opened.ngrams is None
    value = json.loads(payload.table(opened))
    assert value["counted"] is None
    said, _ = inspection.after_one(opened.model)
    np.testing.assert_allclose(decoded(value["modelled"], "f4", 4, 4), said.exp(), rtol=1e-5)
    assert "after_one(model)" in value["python"]
    assert json.loads(payload.tokens(opened))["share"] is None


class Counted:
    """An open model with counts of a text."""

    def __init__(self, opened, ids):
        self.ref, self.model = opened.ref, opened.model
        self.ngrams = count_ngrams(ids, opened.model.vocab_size)


def test_of_a_large_vocabulary_the_most_frequent_are_in_the_matrices(make_open):
    chars = "".join(chr(0x4E00 + i) for i in range(5000))
    opened = make_open(chars=chars)
    often = [4000 + i for i in range(300)]
    text = [i for n, i in enumerate(often) for _ in range(1 + n % 7)] + often
    counted = Counted(opened, text)
    value, table = json.loads(payload.tokens(counted)), json.loads(payload.table(counted))
    some = decoded(value["some"], "u2").tolist()
    assert len(some) == payload.MOST_ROWS
    counts = np.bincount(text, minlength=5000)
    assert counts[some].min() >= np.sort(counts)[-payload.MOST_ROWS]
    assert len(decoded(value["coordinates"])) == 3 * 5000
    assert table["chars"] == "".join(chars[i] for i in some)
    assert len(decoded(table["counted"])) == payload.MOST_ROWS**2
    assert len(payload.tokens(counted)) < 1_000_000


@pytest.mark.parametrize(
    ("chars", "sizes"),
    [("ab", {}), ("ab", {"block_size": 1, "n_embd": 2}), ("a", {"n_head": 1, "n_embd": 1}), ("\n\0\u202e{}", {})],
)
def test_the_smallest_models_have_something_to_show(make_open, chars, sizes):
    opened = make_open(chars=chars, **sizes)
    text = payload.sentence(facts_of(opened))
    assert 0 < len(text) <= opened.model.block_size
    for *_, work in tab.VIEWS:
        value = json.loads(work(opened, *([text] if work is payload.states else [])), parse_constant=pytest.fail)
        assert value["model"] == "noise"


def test_what_can_not_be_read_is_said(make_open):
    opened = make_open(chars="ab")
    assert "left out" in json.loads(payload.states(opened, "ab<script>"))["note"]
    for text, said in [
        ("", "The text is empty"),
        ("x" * 33, "33 characters, and this model sees at most 32"),
        ("é", "none of"),
    ]:
        with pytest.raises(ValueError, match=said):
            payload.states(opened, text)
        values = tab.reader(lambda ref, text: payload.states(opened, text))("noise", text)
        assert said.split(" and ")[-1] in values[1]
    works = {work: (lambda ref, *a, work=work: work(opened, *a)) for *_, work in tab.VIEWS}
    *_, last = tab.looker(works)("noise", "")
    assert "The text is empty" in last[-2]


def test_a_file_of_its_own_holds_no_markup_of_the_text(make_open):
    opened = make_open(chars="<script>/&${}'`")
    value = json.loads(payload.states(opened, "<script<script"))
    page = views.STATES.html(value)
    assert "<script<script" not in page
    assert page.count("<script>") == 1
    assert all(view.html(None).count("<canvas") >= 1 for view in (views.MAP, views.COSINES, views.POSITIONS))


def test_numbers_that_json_has_no_word_for_become_none():
    assert payload._number(math.nan) is None
    assert payload._number(0.25) == 0.25
