"""The model that comes along: small, what its record says it is, and readable by everyone."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from strivelm import CheckpointError, open_model
from strivelm.data.corpus import SHAKESPEARE_SHA256, load_corpus
from strivelm.loading import BUNDLED, COME_ALONG
from strivelm.training.config import TrainConfig
from strivelm.training.evaluation import evaluate
from strivelm.training.presets import PRESETS

SHAKESPEARE = Path(__file__).resolve().parents[2] / "shared" / "data" / "tinyshakespeare.txt"

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")

FILM = COME_ALONG["film"]

COMMON = """the and to of i you my a that in is not for with me it be your this his but he have as thou him so will what
by thy all her no shall if are we thee do on now our from they or at let good lord come"""


@pytest.fixture(scope="module")
def bundled():
    return open_model("bundled")


def test_it_is_small_and_sees_far_enough(bundled):
    assert (BUNDLED / "model.safetensors").stat().st_size <= 10_000_000
    assert bundled.model.block_size >= 128
    assert bundled.model.num_parameters() == bundled.model.config.num_parameters == bundled.training["parameters"]


def test_its_record_is_that_of_the_run_that_made_it(bundled):
    record = bundled.training
    assert record["finished"] is True
    assert "scripts/train.py --preset bundled --data shakespeare" in record["command"]
    said = README.replace("\\\n", "").split("wait; ")[1].splitlines()[0].split()
    assert record["command"].split()[: len(said)] == said, "the README tells how"
    assert [teacher["name"] for teacher in record["teachers"]] == ["runs/teacher-1", "runs/teacher-2"]
    assert record["ngrams"]["5-gram"] == pytest.approx(1.770, abs=5e-4)
    assert bundled.ngrams.names[-1] == "5-gram"
    assert bundled.ngrams.characters == record["corpus"]["train"]
    assert record["corpus"]["sha256"] == SHAKESPEARE_SHA256
    assert bundled.validation_loss == min(look["validation"] for look in record["evaluations"])
    assert f"**{bundled.validation_loss:.3f}**" in (BUNDLED / "README.md").read_text()


@pytest.mark.parametrize(
    ("folder", "digest"),
    [
        (BUNDLED, "c566fbd281c2831e3c1cd012464c38bcfc1304a5602679da521ffe59394e4e02"),
        (FILM, "b7509904e77ace63aab37d47d0e7da629427e04058628f777716cc20f0f3f451"),
        (FILM / "snapshots" / "step-12", "27db89c257667e7a93d8485b131ef457a658a9c925359708eb10b8ef928325b9"),
    ],
)
def test_its_numbers_are_those_that_were_trained(folder, digest):
    """Whatever the file is called or the tensors are ordered by: their names, types, shapes and bytes."""
    found, tensors = hashlib.sha256(), load_file(folder / "model.safetensors")
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}\n".encode())
        found.update(tensors[name].numpy().tobytes())
    assert found.hexdigest() == digest


@pytest.mark.parametrize("name", ["bundled", "film"])
def test_its_preset_makes_it_again(name):
    record, preset = open_model(name).training, PRESETS[name]
    assert record["sizes"] == vars(preset.sizes)
    ends = {end: record["training"][end] for end in ("max_steps", "minutes", "eval_characters")}  # change no weight
    assert TrainConfig(**record["training"]) == replace(preset.training, **ends)


def test_it_writes_words_of_its_text(bundled):
    """Most of what it writes between blanks are words; of a model that knows letters only, hardly any would be."""
    text = bundled.model.generate("ROMEO:\n", 400, temperature=0.5, seed=1)
    words = [word.strip(".,:;!?'-").lower() for word in text.split()]
    assert sum(word in COMMON.split() for word in words) > 0.3 * len(words)
    assert text == bundled.model.generate("ROMEO:\n", 400, temperature=0.5, seed=1)


def test_no_text_from_elsewhere_comes_along():
    """What lies in assets beside the model is our own: the corpus it learnt from is not among it."""
    for path in BUNDLED.parent.rglob("*"):
        if path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() != SHAKESPEARE_SHA256
    assert set(json.loads((BUNDLED / "training.json").read_text())["corpus"]) == {
        "name", "sha256", "characters", "train", "validation", "vocabulary"
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not SHAKESPEARE.is_file(), reason=f"{SHAKESPEARE} is not on this machine")
def test_its_validation_loss_is_what_it_says(bundled):
    corpus = load_corpus(str(SHAKESPEARE))
    assert evaluate(bundled.model, corpus.validation) == pytest.approx(bundled.validation_loss, abs=2e-4)


@pytest.mark.slow
@pytest.mark.skipif(not SHAKESPEARE.is_file(), reason=f"{SHAKESPEARE} is not on this machine")
def test_transformers_measures_the_same_loss(bundled, gpt2):
    """On the first windows of the validation text, its own loss against `evaluate`."""
    ids = load_corpus(str(SHAKESPEARE)).validation[: 20 * bundled.model.block_size + 1].long()
    windows = ids[:-1].view(20, -1)
    logits = gpt2(BUNDLED)(windows).logits.double()
    theirs = -logits.log_softmax(-1).gather(-1, ids[1:].view(20, -1, 1)).mean().item()
    assert evaluate(bundled.model, ids) == pytest.approx(theirs, abs=1e-5)


def test_the_film_shows_a_model_growing_up():
    steps = sorted(int(path.name.removeprefix("step-")) for path in (FILM / "snapshots").iterdir())
    assert (len(steps), steps[:2], steps[-1]) == (12, [0, 1], 3000)
    losses = [open_model(f"film@step-{step}").validation_loss for step in steps]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 4 > 1.6 > losses[-1] == open_model("film").validation_loss
    assert sum(path.stat().st_size for path in FILM.rglob("*") if path.is_file()) <= 12_000_000
    with pytest.raises(CheckpointError, match=r"film holds no snapshot 'step-4'; it has step-0, step-1, "):
        open_model("film@step-4")


@pytest.mark.slow
@pytest.mark.skipif(not SHAKESPEARE.is_file(), reason=f"{SHAKESPEARE} is not on this machine")
@pytest.mark.parametrize("step", [0, 55, 3000])
def test_a_snapshots_loss_is_what_it_says(step):
    opened = open_model(f"film@step-{step}")
    validation = load_corpus(str(SHAKESPEARE)).validation
    assert evaluate(opened.model, validation) == pytest.approx(opened.validation_loss, abs=1e-3)
