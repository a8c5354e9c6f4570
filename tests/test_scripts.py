"""The commands, called as a user calls them: train, generate, import, and what they say when something is wrong."""

import json
import math
import os
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import ROOT, SMALL, run, run_alone, start

from strivelm import GPT, load_model, open_model
from strivelm.data.corpus import load_corpus
from strivelm.data.ngrams import ladder
from strivelm.training.evaluation import evaluate

LINE = r"iter {step:5d} \| train \d\.\d{{3}} \| val \d\.\d{{3}} \| \d+\.\ds"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that scripts/train.py made in 50 steps, and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "fables"
    done = run_alone(
        "train.py", "--out", out, *SMALL, "--max-steps", 50, "--eval-interval", 25, "--eval-characters", 4000
    )
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_training_prints_the_seeds_line_a_sample_and_the_verdict(trained):
    _, printed = trained
    for step in (0, 25, 50):
        assert re.search(LINE.format(step=step), printed), printed
    assert printed.count("--- sample") == 3
    assert re.search(r"The weights kept are those of step \d+, the best by validation loss", printed)


def test_training_leaves_a_model_folder_and_its_record(trained):
    out, printed = trained
    assert sorted(p.name for p in out.iterdir()) == [
        "README.md",
        "config.json",
        "generation_config.json",
        "loss.png",
        "model.safetensors",
        "ngrams.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
    ]
    record = json.loads((out / "training.json").read_text())
    corpus = load_corpus("bundled")
    assert record["finished"] is True
    assert [e["step"] for e in record["evaluations"]] == [0, 25, 50]
    assert record["corpus"]["sha256"] == corpus.sha256
    assert record["command"].startswith("python scripts/train.py --out")
    expected = ladder(corpus.train, corpus.validation, len(corpus.tokenizer))
    assert record["ngrams"] == pytest.approx(expected, abs=1e-9)
    assert f"uniform {math.log(58):.3f}, unigram" in printed
    assert f"5-gram {record['ngrams']['5-gram']:.3f}." in (out / "README.md").read_text()
    opened = open_model(out)
    assert opened.ngrams.names == ("uniform", "unigram", "bigram", "trigram", "4-gram", "5-gram")
    table = opened.ngrams.surprisal(corpus.validation)
    assert all(np.nanmean(table[name]) == pytest.approx(loss, abs=1e-9) for name, loss in record["ngrams"].items())
    assert opened.validation_loss == record["best"]["validation"] == min(e["validation"] for e in record["evaluations"])
    assert evaluate(opened.model, corpus.validation) == pytest.approx(opened.validation_loss, abs=1e-6), "exact"
    assert f"{opened.validation_loss:.3f} nats per character" in (out / "README.md").read_text()
    assert "More Information Needed" not in (out / "README.md").read_text()


def test_generating_continues_the_start_and_repeats_with_a_seed(trained):
    out, _ = trained
    flags = ["--model", out, "--start", "The goat", "--steps", 40, "--temp", 0.5, "--top_k", 10, "--top-p", 0.9]
    first, second = (script("generate.py", *flags, "--seed", 3) for script in (run, run_alone))
    assert first.returncode == 0
    assert first.stdout.startswith("The goat")
    assert len(first.stdout) == len("The goat") + 40 + 1
    assert first.stdout == second.stdout
    assert first.stdout == load_model(out).generate("The goat", 40, 0.5, 10, 0.9, seed=3) + "\n"
    seed = re.fullmatch(r"seed (\d+)\n", run("generate.py", *flags).stderr)[1]
    assert run("generate.py", *flags, "--seed", seed).stderr == f"seed {seed}\n"


def test_a_model_without_line_breaks_begins_with_what_it_has(tmp_path):
    GPT(vocab_size=3, block_size=4, n_layer=1, n_head=1, n_embd=4, chars="xyz").save_pretrained(tmp_path)
    done = run("generate.py", "--model", tmp_path, "--steps", 6, "--seed", 1)
    assert (done.returncode, len(done.stdout), done.stdout[0]) == (0, 1 + 6 + 1, "x")


@pytest.mark.parametrize(("start", "note"), [("", ""), ("§§", "the model knows no character of the prompt")])
def test_a_start_of_nothing_begins_after_a_line_break(trained, start, note):
    done = run("generate.py", "--model", trained[0], "--start", start, "--steps", 5, "--seed", 1)
    assert (done.returncode, done.stdout[0], len(done.stdout)) == (0, "\n", 1 + 5 + 1)
    assert note in done.stderr


def test_generating_says_what_it_left_out(trained):
    out, _ = trained
    done = run("generate.py", "--model", out, "--start", "café 7", "--steps", 5, "--seed", 1)
    assert done.stdout.startswith("caf ")
    assert "'é' (U+00E9) at 3" in done.stderr
    assert "They were left out" in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--temp", "-1"], "temperature is -1.0; expected a number, at least 0"),
        (["--temp", "nan"], "temperature is nan"),
        (["--top_p", "0"], "top_p is 0.0; expected a number above 0"),
        (["--steps", "-5"], "max_new_tokens is -5"),
        (
            ["--model", "no/where/at/all"],
            "is no model: expected 'bundled', 'film'",
        ),
    ],
)
def test_generating_with_impossible_settings(trained, flags, message):
    done = run("generate.py", "--model", trained[0], *flags)
    assert done.returncode == 1
    assert message in done.stderr
    assert "error: " in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "nowhere.txt"], "there is no file nowhere.txt; --data takes 'bundled'"),
        (["--n-embd", "100", "--n-head", "3"], "n_embd=100 is not divisible by n_head=3; pick n_embd=99 or n_head=2"),
        (["--device", "abacus"], "there is no device called 'abacus'"),
        (["--batch-size", "0"], "batch_size is 0; expected a whole number, at least 1"),
        (["--minutes", "-1"], "minutes is -1.0; expected a number above 0"),
        (["--lr", "nan"], "lr is nan"),
        (["--sample", "-1"], "sample is -1; expected a whole number, at least 0"),
        (["--threads", "-3"], "threads is -3; expected a whole number, at least 0"),
        (["--out", ""], "out is the current folder; expected a folder of the run's own"),
        (["--data", "http://foo bar/x"], "http://foo bar/x can't be downloaded"),
    ],
)
def test_training_with_impossible_settings(tmp_path, flags, message):
    done = run("train.py", "--out", tmp_path / "out", *flags)
    assert done.returncode != 0
    assert message in " ".join(done.stderr.replace("│", " ").split())  # in a box, where tyro says it
    assert not (tmp_path / "out").exists()


def test_a_missing_device_is_a_warning(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has the device that the test asks for")
    done = run("train.py", "--out", tmp_path, *SMALL, "--max-steps", 0, "--device", "cuda", "--eval-characters", 500)
    assert done.returncode == 0
    assert "warning: this machine has no cuda; going on with" in done.stderr


def test_training_does_not_overwrite_a_model_unasked(trained):
    out, _ = trained
    before = (out / "model.safetensors").read_bytes()
    done = run("train.py", "--out", out, *SMALL, "--max-steps", 1)
    assert done.returncode == 1
    assert "already holds a model; pass --overwrite" in done.stderr
    assert (out / "model.safetensors").read_bytes() == before


def test_training_leaves_other_peoples_files_alone(tmp_path):
    (tmp_path / "resume").mkdir()
    for name in ("README.md", "resume/cv.txt"):
        (tmp_path / name).write_text("mine")
    done = run("train.py", "--out", tmp_path, *SMALL, "--max-steps", 1)
    assert done.returncode == 1
    assert "is not empty; pass another --out" in done.stderr
    assert (tmp_path / "README.md").read_text() == "mine"
    flags = [*SMALL, "--max-steps", 1, "--eval-characters", 500, "--overwrite"]
    assert run("train.py", "--out", tmp_path, *flags).returncode == 0
    assert (tmp_path / "resume" / "cv.txt").read_text() == "mine"


def test_a_bad_flag_with_overwrite_harms_nothing(trained):
    out, _ = trained
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run("train.py", "--out", out, "--overwrite", "--sample", -1).returncode != 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_minutes_alone_decide(tmp_path):
    flags = [*SMALL, "--minutes", 0.02, "--eval-characters", 500, "--sample", 0]
    done = run("train.py", "--out", tmp_path / "a", *flags)
    assert "training 0.02 minutes, 4 x 16 characters" in done.stdout
    record = json.loads((tmp_path / "a" / "training.json").read_text())
    assert record["training"]["max_steps"] is None
    assert record["evaluations"][-1]["step"] > 0
    done = run("train.py", "--out", tmp_path / "b", *flags, "--max-steps", 3)
    assert "training 3 steps or 0.02 minutes" in done.stdout


def test_no_terminal_and_no_pipe_ends_a_run(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("naïve café — 😀 " * 40, "utf-8")
    flags = ["--data", text, *SMALL, "--max-steps", 40, "--eval-interval", 10]
    running = start("train.py", "--out", tmp_path / "m", *flags, encoding="ascii")
    running.stdout.readline()
    running.stdout.close()  # as `head -1` does
    errors = running.stderr.read()
    assert running.wait() == 0, errors
    assert json.loads((tmp_path / "m" / "training.json").read_text())["finished"] is True
    written = start("generate.py", "--model", tmp_path / "m", "--start", "café 😀", "--seed", 1, encoding="ascii")
    out, errors = written.communicate()
    assert written.returncode == 0, errors
    assert out.startswith(r"caf\xe9 \U0001f600")


def test_generating_into_a_pipe_that_closes_is_silent(trained):
    running = start("generate.py", "--model", trained[0], "--steps", 3000, "--seed", 1)
    running.stdout.read(20)
    running.stdout.close()
    assert running.stderr.read() == ""
    assert running.wait() == 1


def test_presets_give_what_the_flags_leave_open(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("to be, or not to be. " * 30)
    done = run("train.py", "--preset", "seed", "--data", text, "--max-steps", 2, "--sample", 0, "--out", tmp_path / "m")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "m" / "training.json").read_text())
    assert record["sizes"] == {"n_layer": 2, "n_head": 2, "n_embd": 128, "block_size": 64, "dropout": 0.0}
    expected = {"max_steps": 2, "batch_size": 32, "lr": 3e-4, "optimizer": "adamw", "schedule": "constant"}
    assert record["training"] | expected == record["training"]
    assert "validation text has 63 characters, less than one context of 64" in done.stdout
    assert "32 x 64 characters a step" in done.stdout


def test_a_preset_that_counts_on_teachers_says_so_where_there_are_none(tmp_path):
    alone = run("train.py", "--preset", "bundled", "--dry-run", "--out", tmp_path / "m")
    assert alone.returncode == 0, alone.stderr
    assert "this preset is meant for --teachers" in alone.stdout
    assert "counts on" not in run("train.py", "--preset", "teacher", "--dry-run", "--out", tmp_path / "m").stdout


def test_help_names_every_flag():
    done = run("train.py", "--help")
    flags = set(re.findall(r"--[a-z-]+", done.stdout))
    assert flags >= {"--data", "--preset", "--out", "--overwrite", "--device", "--seed", "--eval-interval", "--lr"}
    assert flags >= {"--n-layer", "--n-head", "--n-embd", "--block-size", "--dropout", "--max-steps", "--minutes"}
    assert "how many characters the model sees at most" in " ".join(done.stdout.replace("│", " ").split())


def seed_checkpoint(model: GPT, path: Path, **meta) -> None:
    """A checkpoint as the seed project's train.py wrote it."""
    config = model.config
    sizes = {name: getattr(config, name) for name in ("block_size", "n_layer", "n_head", "n_embd")}
    torch.save({"model": model.state_dict(), "meta": {"vocab": config.chars, **sizes, **meta}}, path)


@pytest.fixture
def seed_model():
    torch.manual_seed(0)
    return GPT(vocab_size=10, block_size=16, n_layer=2, n_head=2, n_embd=32, chars="abcdefghi\n").eval()


def test_importing_a_seed_checkpoint_keeps_the_logits(seed_model, tmp_path):
    seed_checkpoint(seed_model, tmp_path / "out.pt")
    done = run_alone("import_checkpoint.py", tmp_path / "out.pt", tmp_path / "imported")
    assert done.returncode == 0, done.stderr
    assert "2 layers, 2 heads, 32 wide, context 16" in done.stdout
    ids = torch.randint(10, (2, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        difference = seed_model(ids)[0] - load_model(tmp_path / "imported")(ids)[0]
    assert difference.abs().max() < 1e-5
    (tmp_path / "imported" / "training.json").write_text('{"best": {"validation": 0.1}}')
    over = run("import_checkpoint.py", tmp_path / "out.pt", tmp_path / "imported", "--overwrite")
    assert over.returncode == 0, over.stderr
    assert open_model(tmp_path / "imported").validation_loss is None, "another model's record is gone"
    again = run("import_checkpoint.py", tmp_path / "out.pt", tmp_path / "imported")
    assert "already holds a model; pass --overwrite" in again.stderr


class Hostile:
    """Runs code when it is unpickled without care."""

    def __reduce__(self):
        return (os.mkdir, ("pwned",))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: Hostile(), "or no checkpoint of tensors and plain values alone, so it is not read"),
        (lambda content: [1, 2], "is not a seed project's checkpoint"),
        (lambda content: content["model"]["tok.weight"], "is not a seed project's checkpoint"),
        (lambda content: {"model": content["model"]}, "is not a seed project's checkpoint ('meta')"),
        (lambda content: content | {"meta": content["meta"] | {"vocab": "aabcdefghi"}}, "holds 'a' twice"),
        (lambda content: content | {"meta": content["meta"] | {"n_head": "2"}}, "n_head is '2'; expected a whole"),
        (lambda content: content | {"meta": content["meta"] | {"block_size": 8}}, "pos.weight has shape (16, 32)"),
        (lambda content: content | {"meta": content["meta"] | {"n_layer": 3}}, "is another architecture"),
        (
            lambda content: content | {"model": content["model"] | {"head.weight": torch.zeros(10, 32)}},
            "head.weight differs from tok.weight",
        ),
        (
            lambda content: content | {"model": content["model"] | {"lnf.bias": torch.full((32,), torch.nan)}},
            "lnf.bias holds NaN",
        ),
    ],
)
def test_importing_something_else(seed_model, tmp_path, monkeypatch, spoil, message):
    path = tmp_path / "out.pt"
    seed_checkpoint(seed_model, path)
    torch.save(spoil(torch.load(path)), path)
    monkeypatch.chdir(tmp_path)
    done = run("import_checkpoint.py", path, tmp_path / "imported")
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "imported").exists()
    assert not (tmp_path / "pwned").exists()


def test_importing_what_is_no_file_or_no_checkpoint(tmp_path):
    assert "there is no file" in run("import_checkpoint.py", tmp_path / "no.pt", tmp_path / "out").stderr
    (tmp_path / "text.pt").write_text("not a checkpoint")
    assert "so it is not read" in run("import_checkpoint.py", tmp_path / "text.pt", tmp_path / "out").stderr


@pytest.mark.slow
def test_the_benchmark_measures_and_writes_its_figures(tmp_path):
    done = run_alone("benchmark.py", "generate", "--rounds", 1, "--out", tmp_path / "generate.json")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "generate.json").read_text())["rows"]
    assert [row["parameters"] for row in rows] == [*[4_815_104] * 2, 420_480, *[832_384] * 2, *[10_761_600] * 2]
    for row in rows:
        assert min(row[f"times_{peer}_inside_cpu"] for peer in ("torch", "transformers")) > 0
        assert row["transformers_characters_per_second_wall"] > 0
        assert f"{row['times_transformers_inside_cpu']:.1f}x transformers" in done.stdout


def test_the_header_for_hf_jobs_names_what_training_needs():
    header = re.match(r"# /// script\n((?:#.*\n)+?)# ///\n", (ROOT / "scripts" / "train.py").read_text())
    stated = tomllib.loads(re.sub(r"^# ?", "", header[1], flags=re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(stated["dependencies"]) == {*project["dependencies"], *project["optional-dependencies"]["train"]}
    assert stated["requires-python"] == project["requires-python"]


def test_a_dry_run_says_what_would_be_and_writes_nothing(tmp_path):
    done = run("train.py", "--out", tmp_path / "run", *SMALL, "--dry-run", "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert "model    1 layer, 2 heads, 16 wide, context 16" in done.stdout
    assert re.search(r"machine  cpu, 1 thread, (float32|bfloat16)\n", done.stdout)
    assert done.stdout.endswith("Nothing was trained, written or sent: --dry-run.\n")
    assert not (tmp_path / "run").exists()
