"""The command `train`: help, first words, dry runs, what a resume takes over, and what the card says of it all."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from commands import ROOT, SMALL, run, run_alone, start

from strivelm.cli.commands import command
from strivelm.cli.training_flags import parse
from strivelm.training.run_folder import BEFORE, RESUME, complete_command, saved_state

EXACT = ["--threads", "1", "--precision", "float32", "--sample", "0"]
FLAGS = [*SMALL, *EXACT, "--max-steps", "4"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of four steps on a text of its own, with a preset, as a person starts it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "my text.txt").write_text("the cat sat on the mat; the dog sat on the log. " * 40)
    flags = ["--data", folder / "my text.txt", "--preset", "seed", "--n-embd", 16, "--max-steps", 4, "--beta2", 0.9]
    done = run("train.py", *flags, *EXACT, "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


def test_help_has_groups_and_examples_one_a_line_that_can_be_copied():
    printed = run("train.py", "--help").stdout
    for group in ("text", "folder", "sizes", "training", "hardware", "sharing"):
        assert f"{group} options" in printed
    examples = re.search(r"examples:\n((?:    .+\n)+)", printed)[1].splitlines()
    assert len(examples) == 7
    for example in examples:
        words = shlex.split(example)
        assert words[1] == "scripts/train.py"
        parse(words[2:])


def test_flags_are_read_and_answered_before_torch_is_loaded():
    script = """
import sys
from strivelm.cli import train
assert "torch" not in sys.modules
def loaded(*_):
    print("torch" in sys.modules)
train.parse = lambda args: (print("parsed", "torch" in sys.modules), parse(args))[1]
from strivelm.cli.training_flags import parse
sys.argv = ["train.py", "--n-layer", "two"]
train.main()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "parsed False\n"
    assert done.returncode == 2
    assert "n-layer" in done.stderr


def test_the_first_line_comes_before_torch_is_loaded(tmp_path):
    """With a torch that takes for ever."""
    (tmp_path / "torch.py").write_text("import time; time.sleep(600)")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "train.py", "--out", tmp_path / "run"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout.readline() == f"StriveLM begins; the model goes to {tmp_path / 'run'}\n"
    finally:
        running.kill()
        running.communicate()


def test_a_dry_run_says_all_that_will_be(tmp_path):
    flags = ["--minutes", "2", "--snapshots", "5", "--license", "cc0-1.0"]
    done = run("train.py", "--out", tmp_path / "run", *SMALL, *EXACT, *flags, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "5 snapshots, evenly in log(step)" in done.stdout
    assert "time     2:00, of it at most 0:12 for evaluations and snapshots" in done.stdout
    by_steps = run("train.py", "--out", tmp_path / "run", *FLAGS, "--dry-run")
    assert re.search(r"time     about \d:\d\d, [\d.]+ s a step", by_steps.stdout)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--push", "nonsense"], "'nonsense' is no name of a Hub repo; expected owner/name"),
        (["--n-embd", "100", "--n-head", "3"], "n_embd=100 is not divisible by n_head=3"),
        (["--grad-accumulation", "9"], "a batch of 4 windows can't be cut into 9 parts"),
        (["--license", "as you like"], "license is 'as you like'; expected an identifier"),
        (["--teachers", "nobody/at/all"], "the teacher nobody/at/all can't be opened"),
        (["--encoding", "klingon", "--data", "README.md"], "there is no encoding called 'klingon'"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_flags_are_looked_at_before_a_taken_folder(trained, flags, message, dry):
    out, _ = trained
    done = run("train.py", "--out", out, *FLAGS, *flags, *(["--dry-run"] if dry else []))
    assert done.returncode != 0
    if dry or flags[0] not in ("--teachers", "--encoding"):
        assert message in " ".join(done.stderr.replace("│", " ").split())  # in a box, where tyro says it
    else:  # what takes time comes after the folder
        assert "already holds a model" in done.stderr


def test_a_dry_run_tells_of_a_taken_folder_at_the_end(trained):
    out, _ = trained
    done = run("train.py", "--out", out, *FLAGS, "--dry-run")
    assert done.returncode == 1
    assert "time     about" in done.stdout
    assert f"{out} already holds a model; pass --overwrite" in done.stderr


def test_compile_without_a_compiler_is_a_sentence(tmp_path):
    environment = os.environ | {"CXX": "/no/compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    flags = [*FLAGS, "--compile", "on", "--out", tmp_path / "run"]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "train.py", *map(str, flags)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: --compile on needs a C++ compiler" in done.stderr
    assert "--compile off" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_model_that_comes_along_can_teach(tmp_path):
    text = load = tmp_path / "text.txt"
    load.write_text("To be, or not to be: that is the question. " * 9)
    done = run("train.py", "--data", text, *FLAGS, "--teachers", "bundled", "--out", tmp_path / "run", "--dry-run")
    assert "teacher 1 knows other characters than the text's" in done.stderr, "it was found and opened"
    teacher = run("train.py", "--data", text, *FLAGS, "--out", tmp_path / "teacher")
    assert teacher.returncode == 0, teacher.stderr


# -- going on ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path):
    """A run that was killed after its first evaluations."""
    (tmp_path / "text.txt").write_text("the cat sat on the mat; the dog sat on the log. " * 40)
    out, flags = tmp_path / "run", ["--data", "text.txt", *SMALL, *EXACT, "--eval-interval", "5", "--lr", "0.02"]
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    running = start("train.py", "--out", out, "--data", tmp_path / "text.txt", *flags[2:], "--max-steps", 200_000)
    for line in running.stdout:
        if line.startswith("iter    10"):
            break
    running.kill()
    running.communicate()
    record = json.loads((out / "training.json").read_text())
    assert record["training"]["lr"] == 0.02
    return out


def test_a_bare_resume_takes_its_flags_from_the_run(stopped):
    dry = run("train.py", "--resume", "--out", stopped, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "1 layer, 2 heads, 16 wide, context 16" in dry.stdout
    assert "training 200,000 steps, 4 x 16 characters a step" in dry.stdout
    assert "text.txt: 1,920 characters" in dry.stdout
    running = start("train.py", "--resume", "--out", stopped)
    lines = [line for line in (running.stdout.readline() for _ in range(20)) if line.startswith(("resuming", "iter"))]
    running.kill()
    running.communicate()
    begun = int(re.fullmatch(r"resuming at step (\d+)\n", lines[0])[1])
    assert int(lines[1].split()[1]) == begun + 5


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--lr", "0.5", "--n-embd", "32"], "n_embd: 16 then, 32 now; lr: 0.02 then, 0.5 now"),
        (["--preset", "film"], "preset: 'small' then, 'film' now"),
        (["--minutes", "3"], "minutes: None then, 3.0 now"),
        (["--data", "bundled"], "the text: sha256 [0-9a-f]{12}… then, [0-9a-f]{12}… now"),
        (["--teachers", "strivelm/assets/film", "--lr", "0.3"], "lr: 0.02 then, 0.3 now"),
        (["--teachers", "bundled"], "teacher 1 knows other characters"),
    ],
)
def test_what_contradicts_the_run_is_named(stopped, flags, named):
    before = (stopped / RESUME).read_bytes()
    done = run("train.py", "--resume", "--out", stopped, *flags)
    assert done.returncode == 1
    assert re.search(named, done.stderr), done.stderr
    assert "chars" not in done.stderr
    assert "vocab_size" not in done.stderr
    assert (stopped / RESUME).read_bytes() == before


def test_a_run_of_before_goes_on(stopped):
    """Its record and its state lack what was not there yet, its command has flags of then."""
    import torch

    record = json.loads((stopped / "training.json").read_text())
    record["training"] |= {"eval_characters": 131_072}
    record["command"] = record["command"].replace("--eval-interval", "--a-flag-that-is-gone 3 --eval-interval")
    (stopped / "training.json").write_text(json.dumps(record))
    state = saved_state(stopped)
    (stopped / RESUME).unlink()
    del state["plan"]
    state["made_with"]["eval_characters"] = 131_072
    for evaluation in state["evaluations"]:
        del evaluation["exact"], evaluation["characters"]
    torch.save(state, stopped / BEFORE)
    text = stopped.parent / "text.txt"
    running = start("train.py", "--resume", "--out", stopped, "--data", text, *EXACT)
    lines = [line for line in (running.stdout.readline() for _ in range(16)) if line.startswith(("resuming", "iter"))]
    running.kill()
    assert lines, running.communicate()[1]
    running.communicate()
    assert lines[0] == f"resuming at step {state['steps']}\n"


# -- what is printed and written --------------------------------------------------------------------------------------


def test_the_card_holds_every_setting_so_that_the_run_can_be_repeated(trained):
    out, _ = trained
    card, record = (out / "README.md").read_text(), json.loads((out / "training.json").read_text())
    block = re.search(r"```sh\n(.*?)\n```", card, re.DOTALL)[1]
    assert block == complete_command(record)
    words = shlex.split(block.replace("\\\n", " "))
    assert words[:2] == ["python", "scripts/train.py"]
    flags = parse(words[2:])
    assert vars(flags.training) == record["training"]
    assert vars(flags.sizes) == record["sizes"]
    for name in ("n-layer", "lr", "schedule", "warmup-steps", "seed", "dropout", "beta2", "threads", "precision"):
        assert f"--{name} " in block
    again = run("train.py", *words[2:], "--out", out.parent / "again")
    assert again.returncode == 0, again.stderr
    assert (out.parent / "again" / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("flags", "license"), [([], None), (["--license", "cc0-1.0"], "cc0-1.0"), (["--data", "bundled"], "mit")]
)
def test_the_license_is_the_one_that_is_asked_for(tmp_path, flags, license):
    (tmp_path / "text.txt").write_text("the cat sat on the mat. " * 40)
    done = run("train.py", "--data", tmp_path / "text.txt", *FLAGS, *flags, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    head = (tmp_path / "run" / "README.md").read_text().split("---\n")[1]
    found = re.search(r"^license: (.*)$", head, re.MULTILINE)
    assert (found and found[1]) == license


def test_what_is_printed_runs_when_it_is_copied(trained):
    _, printed = trained
    line = re.search(r"To generate text: (.*)", printed)[1]
    done = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 100


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        (str(ROOT / "scripts" / "train.py"), r"\S*python\S* scripts/generate.py --model 'a b'"),
        ("strivelm train", r"(strivelm|\S*python\S* -m strivelm) generate --model 'a b'"),
    ],
)
def test_commands_have_the_form_in_which_this_one_was_started(monkeypatch, tmp_path, started, expected):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", [started])
    assert re.fullmatch(expected, command("generate", "--model", "a b"))
    monkeypatch.chdir(tmp_path)
    if started.endswith(".py"):
        assert str(ROOT / "scripts" / "generate.py") in command("generate")


def test_without_a_terminal_there_is_a_line_now_and_then(tmp_path):
    """Between two evaluations, of which there are few."""
    running = start("train.py", "--out", tmp_path / "run", *SMALL, *EXACT, "--minutes", "0.5", "--eval-interval", 10**6)
    for line in running.stdout:
        if re.match(r"     step \d+ \| loss \d\.\d{3} \| [\d,]+ characters/s \| \d:\d\d left", line):
            break
    else:
        raise AssertionError(running.stderr.read())
    running.kill()
    running.communicate()


def test_a_first_line_and_the_time_before_it_starts(tmp_path):
    done = run_alone("train.py", "--out", tmp_path / "run", *FLAGS)
    lines = done.stdout.splitlines()
    assert lines[0] == f"StriveLM begins; the model goes to {tmp_path / 'run'}"
    assert next(i for i, line in enumerate(lines) if line.startswith("time ")) < next(
        i for i, line in enumerate(lines) if line.startswith("iter")
    )
    assert re.search(r"begins   after [\d.]+ s \(loading [\d.]+", done.stdout)
