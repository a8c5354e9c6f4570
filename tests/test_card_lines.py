"""The lines that a model card prints run on the model that it describes, whatever its alphabet and its context."""

import json
import re

import pytest
import torch

from strivelm import GPT, CharTokenizer
from strivelm.loading import BUNDLED, COME_ALONG

MODELS = {
    "cyrillic": (64, "\n !,.абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗ"),
    "digits": (16, "\n 0123456789"),
    "two characters": (16, "01"),
    "3,000 characters": (256, "".join(map(chr, range(0x4E00, 0x4E00 + 3_000)))),
    "latin": (256, "\n TABCabcdefghijklmno"),
    "quotes": (16, "\"'\\`"),
    "a line break": (16, "\n"),
    "a context of one": (1, "\nTo"),
    "a context of two": (2, "\nTo"),
}
FOLDERS = [folder for film in COME_ALONG.values() for folder in (film, *sorted(film.glob("snapshots/step-*")))]


@pytest.fixture(scope="module", params=MODELS)
def saved(request, tmp_path_factory, make_model):
    """A model and the folder in which it is saved."""
    block_size, chars = MODELS[request.param]
    model = make_model(n_layer=1, n_embd=16, block_size=block_size, chars=chars)
    folder = tmp_path_factory.mktemp("card")
    model.save_pretrained(folder)
    return model, folder


def python_of(folder):
    """The Python of a folder's card, block by block, asking for this folder."""
    card = (folder / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", card, re.M | re.S)
    return [code.replace('"owner/name"', repr(str(folder))) for code in blocks]


def printed_by(code, capsys):
    capsys.readouterr()
    exec(compile(code, "the card", "exec"), {"__name__": "card"})
    return capsys.readouterr().out.removesuffix("\n")


def test_the_card_s_own_lines_write_a_text(saved, capsys, transformers):
    model, folder = saved
    ours, theirs = python_of(folder)
    prompt = model.tokenizer.example[: max(1, model.block_size - 1)]
    assert printed_by(ours, capsys) == model.generate(prompt, 200, seed=1)
    text = printed_by(theirs, capsys)
    assert text.startswith(prompt)
    assert set(text) <= set(model.tokenizer.chars)
    assert len(text) == max(model.block_size, 2)


def test_a_bare_pipeline_writes_to_the_context_s_end(saved, transformers):
    model, folder = saved
    if model.block_size == 1:
        pytest.skip("a context of one character is full with the prompt")
    write = transformers.pipeline("text-generation", model=str(folder), tokenizer=str(folder))
    prompt = model.tokenizer.example[:1]
    text = write(prompt)[0]["generated_text"]
    assert text.startswith(prompt)
    assert len(text) == model.block_size


def test_the_lines_of_a_model_that_knows_ids_only_run(tmp_path, make_model, capsys, transformers):
    model = make_model(chars=None, vocab_size=7)
    model.save_pretrained(tmp_path)
    ours, theirs = python_of(tmp_path)
    assert printed_by(ours, capsys) == str(model.generate([0], 200, seed=1))
    assert len(re.findall(r"\d+", printed_by(theirs, capsys))) == model.block_size


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_models_that_come_along_say_where_their_context_ends(folder, tmp_path):
    """As the code writes it, and with the lines that the code prints."""
    model = GPT.from_pretrained(folder)
    model.save_pretrained(tmp_path)
    name = "generation_config.json"
    assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()
    assert json.loads((folder / name).read_text()) == {"max_length": model.block_size}
    use = [(place / "README.md").read_text("utf-8").split("## Use it")[1] for place in (folder, tmp_path)]
    assert use[0] == use[1]


def test_the_first_lines_that_anybody_types(transformers):
    text = transformers.pipeline("text-generation", model=str(BUNDLED))("To be")[0]["generated_text"]
    assert text.startswith("To be")
    assert len(text) == GPT.from_pretrained(BUNDLED).block_size


def test_logits_and_greedy_tokens_are_those_without_the_file(saved, gpt2):
    model, folder = saved
    ids = torch.tensor([model.tokenizer.encode(model.tokenizer.example[:1])])
    new = model.block_size - 1
    if new:
        theirs = gpt2(folder).generate(ids, do_sample=False, attention_mask=torch.ones_like(ids))
        assert theirs.tolist()[0] == model.generate(ids[0].tolist(), new, temperature=0)


@pytest.mark.parametrize(
    ("chars", "example"),
    [
        ("\nTo", "To"),
        ("\n Zab", "Z"),
        ("\n abz", "a"),
        ("\n01", "0"),
        ("\n ", "\n"),
        (" ", " "),
        ("\n жЖ", "Ж"),
        ("\n\u0301é", "é"),
    ],
)
def test_an_example_is_of_the_vocabulary(chars, example):
    assert CharTokenizer(chars).example == example
