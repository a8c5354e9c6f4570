"""The Learn tab on every model, its diagram and its words."""

import contextlib
import io
import json
import math
import re
import shutil
import subprocess

import pytest
import torch
from lesson_figures import TEXT, block, logits_of, says, shown

from strivelm.loading import open_model
from strivelm.ui.core import codec, prompts
from strivelm.ui.core.questions import QUESTIONS
from strivelm.ui.tabs.learn import diagram as diagram_view
from strivelm.ui.tabs.learn import lesson as lesson_view
from strivelm.ui.tabs.learn import payload
from strivelm.ui.tabs.learn.lessons import HERE, IDS, STEPS, prose, words
from strivelm.ui.tabs.learn.lessons.blocks import number
from strivelm.ui.tabs.learn.lessons.drawing import BOXES, lines_of, source
from strivelm.ui.tabs.learn.lessons.openings import read
from strivelm.ui.tabs.learn.lessons.reading import Chosen

# -- every step, on every model ----------------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script> ${x} {{y}} שלום 😀"


@pytest.mark.parametrize("step", IDS)
@pytest.mark.parametrize(
    ("chars", "sizes", "text"),
    [
        ("ab", {"n_head": 1, "n_embd": 2, "block_size": 1}, "a"),
        ("a", {"n_head": 1, "n_embd": 1, "block_size": 2}, "aa"),
        ("0123456789", {"n_layer": 2, "block_size": 4}, "0123456789"),
        ("".join(dict.fromkeys(HOSTILE)), {}, HOSTILE),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 5000))), {}, ""),
    ],
)
def test_every_step_is_there_for_every_model(make_open, step, chars, sizes, text):
    opened = make_open(chars=chars, **sizes)
    found = payload.step(opened, text, Chosen(step))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["step"] == step
    assert (found["diagram"] is not None) == (step == "4")
    assert codec.dumps(found).count("<") == 0


@pytest.mark.parametrize("step", IDS)
def test_prose_asks_for_no_number_that_is_not_given_and_none_is_given_in_vain(noise, step):
    assert set(shown(noise, step, "be").numbers) == prose(step).names()


def test_a_longer_text_is_read_at_its_end_and_what_is_unknown_is_said(noise):
    found = payload.step(noise, "x" * 40 + "end\u20ac", Chosen("2"))
    assert "".join(found["chars"]) == ("x" * 40 + "end")[-32:]
    assert "not in the model's vocabulary" in found["notes"][0]
    assert "it reads only the end" in found["notes"][1]
    with pytest.raises(ValueError, match="at most 2,000"):
        payload.step(noise, "x" * 2001)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("step", "9", "expected one of 1, 2, 3.1"),
        ("half", "mlp", "expected one of attention, MLP"),
        ("at", -1, "expected a number from 0 to 2,000"),
        ("temperature", 2.5, "expected a number from 0 to 2"),
        ("top_k", 10**400, "expected a number from 0 to 100"),
        ("dropout", 1.0, "expected a number from 0 to 0.9"),
        ("count", 0, "expected a number from 1 to 500"),
        ("seed", -1, "expected a number from 0"),
    ],
)
def test_a_setting_that_is_none_is_a_sentence(noise, name, value, expected):
    with pytest.raises(ValueError, match=rf"^The {name} is .*{expected}"):
        payload.step(noise, "be", Chosen(**{name: value}))


def test_what_an_address_may_say_is_what_the_question_takes(noise):
    """The browser leaves out what means nothing, by these bounds; the usual values are the question's defaults."""
    usual = {name: default for name, default, *_ in lesson_view.settings()}
    assert usual == {one.name: one.default for one in QUESTIONS["learn.step"].arguments if one.name != "text"}
    for name, _, *allowed in lesson_view.settings():
        values = allowed[0] if isinstance(allowed[0], list) else allowed[:2]
        for value in values:
            assert payload.step(noise, "be", Chosen(**{name: value}))["model"] == "noise"


def test_settings_beyond_the_model_are_brought_into_it(noise):
    found = read(noise, "abc", Chosen(at=99, layer=7, head=7, half="MLP", dropout=0.25))
    assert (found.at, found.layer, found.head, found.chosen.half, found.chosen.dropout) == (2, 0, 1, "MLP", 0.25)


# -- the diagram and the words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.id)
def test_the_program_has_a_line_for_every_box(box):
    lines = dict(source())
    for code in box.code:
        assert any(code in text for text in lines.values()), code
    found = lines_of(box, source())
    assert found
    model = (HERE.parents[3] / "model.py").read_text("utf-8").splitlines()
    assert all(model[n - 1] == lines[n] for n in found)


def test_the_diagram_says_what_flows(bundled):
    found = shown(bundled, "4", at=3, layer=1, head=2).diagram
    boxes = {one["id"]: one for one in found["boxes"]}
    with torch.no_grad():
        ids = torch.tensor([bundled.model.tokenizer.encode(TEXT)])
        x = bundled.model.tok(ids) + bundled.model.pos.weight[: len(TEXT)]
        for layer, one in enumerate(bundled.model.blocks):
            x = one(x)
            flow = boxes["add2"]["flows"][layer][0]
            assert flow["values"] == pytest.approx(x[0, 3, :8].tolist(), rel=1e-3, abs=1e-4)
            assert says(flow["norm"]) == pytest.approx(x[0, 3].norm().item(), rel=6e-3)
    p = logits_of(bundled)[3].softmax(-1)
    assert boxes["softmax"]["flows"][0][0]["values"] == pytest.approx(p[:8].tolist(), rel=1e-2, abs=1e-7)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(found["python"], {})
    assert "tensor" in said.getvalue()
    assert boxes["heads"]["sizes"] == "(4, 19, 64)"
    assert boxes["qkv"]["learnt"] == "196,608 = 3C²"
    assert boxes["head"]["learnt"] == "none"


def test_every_step_has_all_its_parts_and_no_file_is_left_over():
    assert {path.stem for path in HERE.glob("*.md")} == {one.file for one in STEPS}
    for one in STEPS:
        found = prose(one.id)
        assert all(vars(found).values()), one
        assert "$$" in found.body, "a formula"
        assert 2 <= len([part for part in found.body.split("\n\n") if not part.startswith(("#", "$$"))]) <= 4, one
        assert found.question.endswith("?")


TERMS = [
    "softmax",
    "GPT",
    "ids",
    "logits",
    "MLP",
    "GELU",
    "perceptron",
    "ChatGPT",
    "nat",
    "nats",
    "overfitting",
    "LayerNorm",
    "dropout",
    "normalised",
    "logit",
]
"""What a dictionary does not know."""


@pytest.mark.skipif(not shutil.which("hunspell"), reason="apt-get install hunspell hunspell-en-gb checks the spelling")
@pytest.mark.parametrize("step", IDS)
def test_the_prose_is_spelt_right(step):
    words = "\n".join(vars(prose(step)).values())
    for not_prose in (r"\$\$.*?\$\$", r"\$.*?\$", r"\[\[.*?\]\]", r"`.*?`", r"\(term:.*?\)", r"\*"):
        words = re.sub(not_prose, "", words, flags=re.S)
    done = subprocess.run(["hunspell", "-d", "en_GB", "-l"], input=words, capture_output=True, text=True, check=True)
    assert {word.lower() for word in done.stdout.split()} <= {term.lower() for term in TERMS}


def test_the_notebooks_mistakes_are_not_made_again():
    assert "afterwards nothing is dropped and nothing is scaled" in prose("3.7").body
    assert r"\varepsilon" in prose("3.4").body
    assert "never sees the ones after it" in prose("3.3").body
    assert "the width of one head" in prose("3.3").body
    assert "A GPT need not" in prose("2").body
    assert "overfitting" in prose("5").body


@pytest.mark.parametrize("step", IDS)
def test_the_lines_of_python_run_and_say_the_same(bundled, step):
    found = shown(bundled, step, at=3, layer=1, temperature=0.9, top_k=5, count=20)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(found.python, {})
    said = said.getvalue()
    assert said.strip()
    if step == "4":
        assert said.split() == ["4815104"] * 3
    if step == "7":
        assert said == TEXT + block(found, "written")["text"] + "\n"


def test_a_file_of_its_own_holds_no_raw_text(make_open):
    opened = make_open(chars="".join(dict.fromkeys(HOSTILE)))
    found = payload.step(opened, HOSTILE, Chosen("4"))
    for view, value in ((lesson_view.VIEW, found), (diagram_view.VIEW, found["diagram"])):
        page = view.html(value)
        assert "<script>alert" not in page
        assert page.count("<script>") == 1


def test_where_a_folder_lies_is_not_told(make_open, tmp_path):
    opened = make_open(ref=str(tmp_path))
    for step in IDS:
        assert str(tmp_path.parent) not in json.dumps(payload.step(opened, "be", Chosen(step)))


def test_of_a_folder_the_lines_run_where_it_lies(noise, tmp_path, monkeypatch):
    folder = tmp_path / "a 'model'"
    noise.model.save_pretrained(folder)
    found = payload.step(open_model(str(folder)), "be", Chosen("7", count=20))
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(found["python"], {})
    assert said.getvalue() == "be" + next(one for one in found["blocks"] if one["kind"] == "written")["text"] + "\n"


@pytest.mark.parametrize("part", ["body", "attempt", "question"])
def test_the_words_of_every_step_stand_in_the_page_and_its_numbers_outside_of_formulas(part):
    found = words(part)
    assert re.findall(r'<section data-step="([^"]+)" hidden>\n\n', found) == list(IDS)
    assert "[[" not in found
    for formula in re.findall(r"\$\$.*?\$\$|\$[^$]+\$", found, re.S):
        assert "<" not in formula
    every = {name for step in IDS for name in prose(step).names()}
    named = set(re.findall(r'<span data-number="(\w+)">', found))
    assert named <= every
    assert named


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (1.0, "1.00"),
        (-0.5, "−0.500"),
        (123456.0, "1.23e+05"),
        (1e-5, "1.00e-05"),
        (math.nan, "–"),
        (46.31, "46.3"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def test_a_default_text_is_one_line_that_the_model_knows(noise):
    from strivelm.ui.core.models import facts_of

    text = prompts.line(facts_of(noise))
    assert "\n" not in text
    assert set(text) <= set(noise.model.tokenizer.chars)
