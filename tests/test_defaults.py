"""One set of defaults and names for how a character is chosen: Python, the command line, the page, its endpoints."""

import inspect
import re
from dataclasses import asdict, fields

import pytest
import tyro
from commands import run

from strivelm import GPT, SamplingConfig, UnknownCharacterError, open_model
from strivelm.cli.generate import Flags
from strivelm.generation import DEFAULTS, HELP, UNTOUCHED, distribution

NAMES = [field.name for field in fields(SamplingConfig)]


def test_the_settings_are_those_of_the_seed_s_notebook():
    assert asdict(DEFAULTS) == {"max_new_tokens": 200, "temperature": 0.9, "top_k": 40, "top_p": 1.0, "seed": None}
    assert HELP.keys() == set(NAMES)


def test_python_and_the_command_line_have_the_same_names_and_defaults():
    expected = asdict(DEFAULTS)
    of_generate = {
        name: p.default for name, p in inspect.signature(GPT.generate).parameters.items() if name in expected
    }
    of_flags = {field.name: field.default for field in fields(Flags) if field.name in expected}
    assert of_generate == of_flags == expected


def test_the_page_begins_with_them():
    from strivelm.ui import build

    page = build(open_model("bundled"))
    by_id = {block.elem_id: block for block in page.blocks.values() if getattr(block, "elem_id", None)}
    shown = {"temperature": "temperature", "top_k": "top-k", "top_p": "top-p", "max_new_tokens": "count"}
    assert {name: by_id[id].value for name, id in shown.items()} == {name: getattr(DEFAULTS, name) for name in shown}
    assert by_id["seed"].value in (None, "")
    for name in ("temperature", "top_k", "top_p", "seed"):
        assert by_id[name.replace("_", "-")].info == HELP[name]


def test_the_untouched_settings_draw_from_the_model_s_own_distribution(model, random_ids):
    logits = model(random_ids(model, 1, 5))[0][0].detach()
    assert (distribution(logits, UNTOUCHED) - logits.softmax(-1)).abs().max() < 1e-7
    assert (distribution(logits, DEFAULTS) - logits.softmax(-1)).abs().max() > 1e-3


@pytest.mark.parametrize(
    "flags",
    [
        ["--start", "To", "--steps", "30", "--temp", "0.5", "--top_k", "10"],
        ["--prompt", "To", "--max-new-tokens", "30", "--temperature", "0.5", "--top-k", "10"],
    ],
    ids=["the seed's", "ours"],
)
def test_the_seed_s_flags_and_ours_mean_the_same(flags):
    assert tyro.cli(Flags, args=flags) == Flags(prompt="To", max_new_tokens=30, temperature=0.5, top_k=10)


def test_the_help_says_what_the_page_says():
    printed = " ".join(re.sub("[│╭╮╰╯─]", " ", run("generate.py", "--help").stdout).split())
    for name in NAMES:
        assert HELP[name] in printed


def test_a_program_is_refused_unknown_characters_and_a_person_is_told(folder, model):
    with pytest.raises(UnknownCharacterError, match="'Z' at 2"):
        model.generate("abZ")
    done = run("generate.py", "--model", folder, "--prompt", "abZ", "--seed", 1)
    assert "'Z' at 2" in done.stderr
    assert done.stdout == model.generate("ab", seed=1) + "\n"
