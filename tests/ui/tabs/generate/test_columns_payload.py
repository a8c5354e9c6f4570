"""Texts side by side: each equal to the same text written alone, and where they part."""

import json

import pytest

from strivelm import OpenModel, SamplingConfig
from strivelm.generation import generate, uniforms
from strivelm.inspection import generate_without
from strivelm.inspection.parts import parse_parts
from strivelm.ui import limits
from strivelm.ui.tabs.generate import columns, columns_payload, compare
from strivelm.ui.tabs.generate.asked import Asked

OWN = (1.1, 7, 0.8, 0.0, 0, 1.0)
HOSTILE = "<script>alert(1)</script>${alert(2)}{{alert(3)}}"


def put_together(pieces):
    """The value that a view makes of an answer's pieces."""
    head, *rest = json.loads(json.dumps(list(pieces)))
    value = head | {"numbers": [], "partings": []}
    columns = [column | {"text": "", "nats": [], "drawn": []} for column in head["columns"]]
    for piece in rest:
        for name in ("numbers", "partings"):
            value[name] += piece[name]
        for column, new in zip(columns, piece["columns"], strict=True):
            for name in ("text", "nats", "drawn"):
                column[name] += new[name]
    return value | {"columns": columns, "ended": rest[-1]["ended"]}


def together(opened, prompt="Ab", count=40, seed="5", chosen=columns_payload.CHOICES, own=OWN):
    return put_together(columns_payload.compare(opened, prompt, count, seed, list(chosen), own[:3], own[3:]))


def cut(opened, off, prompt="Ab", count=24, setting=(0.9, 20, 0.95), seed="5"):
    return put_together(columns_payload.without(opened, prompt, Asked(count, *setting, seed), off))


@pytest.mark.parametrize("prompt", ["A", "The old fox said. " * 3])
def test_every_column_is_what_its_setting_writes_alone(noise, prompt):
    value = together(noise, prompt, count=60)  # beyond the context of 32
    assert (value["seed"], value["notes"] == []) == (5, prompt == "A")
    settings = (*columns_payload.PRESETS.values(), OWN[:3], OWN[3:])
    assert [column["name"] for column in value["columns"]] == ["Conservative", "Balanced", "Creative", "A", "B"]
    for column, (temperature, k, p) in zip(value["columns"], settings, strict=True):
        alone = noise.model.generate(prompt, 60, temperature, k, p, seed=5)
        assert column["text"] == alone[len(prompt) :]
        config = SamplingConfig(60, temperature, k, p, seed=5)
        steps = list(generate(noise.model, noise.model.tokenizer.encode(prompt), config))
        assert column["nats"] == pytest.approx([step.surprisal for step in steps], abs=1e-3)
        assert column["drawn"] == pytest.approx([step.sampled_probability for step in steps], abs=1e-4)
    stream = uniforms(5)
    assert value["numbers"] == pytest.approx([next(stream) for _ in range(60)], abs=1e-6)
    assert value["ended"] == "complete"


def test_pieces_bring_only_what_is_new(noise, monkeypatch):
    monkeypatch.setattr(limits, "CLOCK", 0.0)
    head, *rest = columns_payload.compare(noise, "Ab", 20, "5", ["A", "B"], OWN[:3], OWN[3:])
    assert [column["name"] for column in head["columns"]] == ["A", "B"]
    assert sum(len(piece["numbers"]) for piece in rest) == 20
    assert ["ended" in piece for piece in rest] == [False] * (len(rest) - 1) + [True]
    for piece in rest:
        new = len(piece["numbers"])
        assert all(len(column["text"]) == len(column["nats"]) == new for column in piece["columns"])
    told = [parting for piece in rest for parting in piece["partings"]]
    texts = ["".join(piece["columns"][i]["text"] for piece in rest) for i in (0, 1)]
    assert told == columns_payload.partings(texts)


def test_an_empty_seed_is_drawn_and_brings_the_texts_back(noise):
    value = together(noise, seed="")
    assert value["columns"] == together(noise, seed=value["seed"])["columns"]


def test_the_length_has_a_bound_that_is_said(noise, monkeypatch):
    monkeypatch.setattr(limits, "TOGETHER", 30)
    value = together(noise, count=200)
    assert len(value["numbers"]) == 30
    assert value["notes"] == ["Side by side at most 30 characters are written."]
    value = cut(noise, "0.0", count=200)
    assert len(value["numbers"]) == 30
    assert value["notes"] == ["Side by side at most 30 characters are written."]


def test_it_ends_when_its_time_is_over(noise, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.0)
    value = together(noise, count=200)
    assert value["ended"] == "time"
    assert 1 <= len(value["numbers"]) < 200


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], []),
        (["abc"], []),
        (["abc", "abc"], []),
        (["", ""], []),
        (["abc", "abd"], [(2, [[0], [1]])]),
        (["xbc", "abc", "abd"], [(0, [[0], [1, 2]]), (2, [[1], [2]])]),
        (["aa", "ba", "ab", "bb"], [(0, [[0, 2], [1, 3]]), (1, [[0], [2]]), (1, [[1], [3]])]),
        (["😀a", "😀b"], [(1, [[0], [1]])]),
    ],
)
def test_where_texts_part(texts, found):
    assert [(one["at"], one["groups"]) for one in columns_payload.partings(texts)] == found


def test_partings_are_the_first_differences_of_every_pair(noise):
    value = together(noise, count=60)
    texts = [column["text"] for column in value["columns"]]
    for i, one in enumerate(texts):
        for j, other in enumerate(texts[:i]):
            first = next((at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), None)
            told = [
                parting["at"]
                for parting in value["partings"]
                if len([group for group in parting["groups"] if {i, j} & set(group)]) == 2
            ]
            assert told == ([] if first is None else [first])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"chosen": []}, "No setting is chosen"),
        ({"own": (1.0, 0)}, "In A: 2 settings; expected temperature, top-k and top-p"),
        ({"own": (9.0, *OWN[1:])}, "In A: The temperature is 9.0"),
        ({"own": (*OWN[:5], 0.0)}, "In B: The setting top_p is 0.0"),
        ({"seed": "x"}, "The setting seed is 'x'"),
        ({"count": 0}, "The number of characters to write is 0"),
        ({"prompt": "x" * 3000}, "The prompt has 3,000 characters"),
    ],
)
def test_what_can_not_be_done_is_a_sentence(noise, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        together(noise, **change)


# -- without parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["A", "x" * 40])
@pytest.mark.parametrize("off", ["0.1", "0.0,0.1", "0.m", "0.1,0.m", ""])
def test_without_is_what_inspection_writes_without(noise, off, prompt):
    value = cut(noise, off, prompt, count=50)
    heads, mlps = parse_parts(off, noise.model.config)
    found = generate_without(noise.model, prompt, SamplingConfig(50, 0.9, 20, 0.95, seed=5), heads, mlps)
    whole, without = value["columns"]
    assert (whole["text"], without["text"]) == (found.before, found.after)
    assert whole["nats"] == pytest.approx(found.surprisal_before.tolist(), abs=1e-3)
    assert without["nats"] == pytest.approx(found.surprisal_after.tolist(), abs=1e-3)
    first = found.first_difference
    assert [one["at"] for one in value["partings"]] == ([] if first is None else [first])
    assert (first is None) == (off == "")


def test_parts_are_named_in_words_and_unknown_ones_refused(noise):
    assert columns_payload.off_of(["0.1", "0.0"], [0]) == "heads 0.1, 0.0 and MLP 0"
    assert columns_payload.off_of([], []) == "nothing"
    for wrong in ("0.2", "m0", "none", "<b>"):
        with pytest.raises(ValueError, match=r"expected heads from 0\.0 to 0\.1 and MLPs from 0\.m to 0\.m"):
            cut(noise, wrong)


# -- any model, any text -----------------------------------------------------------------------------------------------

TINY = {
    "two characters": {"chars": "ab", "block_size": 4, "n_head": 1},
    "no letters": {"chars": "\n .0123", "block_size": 1, "n_head": 1, "n_embd": 8},
    "many": {"chars": "".join(map(chr, range(0x4E00, 0x4E00 + 5000))), "block_size": 8},
}


@pytest.mark.parametrize("sizes", TINY.values(), ids=TINY.keys())
@pytest.mark.parametrize("prompt", ["", HOSTILE])
def test_small_and_odd_models(make_open, sizes, prompt):
    opened = make_open(**sizes)
    opened = OpenModel(opened.ref, opened.model, {})  # no record of a training
    value = together(opened, prompt, count=20)
    assert [len(column["text"]) for column in value["columns"]] == [20] * 5
    assert value["notes"]
    assert value["loss"] is None
    value = cut(opened, "0.0", prompt, count=20)
    assert [len(column["text"]) for column in value["columns"]] == [20, 20]


def test_the_python_lines_write_the_same(noise, capsys, monkeypatch):
    monkeypatch.setattr("strivelm.load_model", lambda ref: {"noise": noise.model}[ref])
    value = together(noise)
    exec(value["python"], {})
    expected = "".join(f"--- {column['name']}\n{column['text']}\n" for column in value["columns"])
    assert capsys.readouterr().out == expected
    value = cut(noise, "0.1,0.m")
    exec(value["python"], {})
    (parting,) = value["partings"]
    whole, without = (column["text"] for column in value["columns"])
    assert capsys.readouterr().out == f"{whole}\n{without}\n{parting['at']}\n"


def test_the_view_as_a_file_holds_no_raw_text(make_open):
    chars = "".join(dict.fromkeys(HOSTILE))
    value = together(make_open(chars=chars), HOSTILE, count=20)
    page = columns.VIEW.html(value)
    assert value["prompt"] == HOSTILE
    assert "<script>alert" not in page
    assert "src=" not in page


def test_an_address_may_choose_columns():
    assert compare._chosen("A,Balanced") == ["A", "Balanced"]
    for wrong in ("x", "Daring", "A,,B"):
        with pytest.raises(ValueError, match=wrong):
            compare._chosen(wrong)
