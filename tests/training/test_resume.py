"""Never lose a run: stopped, killed or out of disk, it goes on to the same weights, or says why it can't."""

import dataclasses
import errno
import json
import os
import signal
import subprocess

import pytest
import torch
from commands import ROOT, SMALL, run, run_alone, start
from safetensors.torch import load_file

from strivelm import load_model
from strivelm.config import Sizes
from strivelm.data.corpus import corpus_from_text, load_corpus
from strivelm.training import ResumeError, new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.events import Evaluation, Finished, Resumable
from strivelm.training.hardware import PLAIN
from strivelm.training.presets import PRESETS
from strivelm.training.run_folder import BEFORE, RESUME, Run, saved_state
from strivelm.training.state_file import from_bytes, to_bytes

SIZES = Sizes(n_layer=1, n_head=2, n_embd=16, block_size=12, dropout=0.2)
CONFIG = TrainConfig(max_steps=30, batch_size=4, eval_interval=10, warmup_steps=3, noise=0.1)
TEXT = "the cat sat on the mat; the dog sat on the log. " * 12
FLAGS = [
    *SMALL,
    "--max-steps",
    "600",
    "--eval-interval",
    "100",
    "--eval-characters",
    "1500",
    "--sample",
    "0",
    "--dropout",
    "0.1",
    "--noise",
    "0.1",
    "--threads",  # left to be measured, they need not be the same in two runs
    "1",
    "--precision",
    "float32",
]


@pytest.fixture
def corpus():
    return corpus_from_text(TEXT, "cats and dogs")


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def through_a_file(state: dict) -> dict:
    """The state as it comes back from disk."""
    return from_bytes(to_bytes(state))


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("stop_at", [1, 10, 17, 29])
def test_a_stopped_run_goes_on_to_the_same_weights(corpus, optimizer, stop_at):
    config = dataclasses.replace(CONFIG, optimizer=optimizer)
    whole = new_model(corpus, SIZES, 0)
    *_, expected = train(whole, corpus, config)

    asked = []
    stopped = new_model(corpus, SIZES, 0)
    for event in train(stopped, corpus, config, stop=lambda: asked.append(1) or len(asked) >= stop_at):
        if isinstance(event, Resumable):
            last, state = event, through_a_file(event.state())
    assert last.step == state["steps"] == stop_at

    torch.manual_seed(99)  # another process, another random state
    resumed = new_model(corpus, SIZES, 5)
    *_, finished = train(resumed, corpus, config, resume=state)
    assert isinstance(finished, Finished)
    assert torch.equal(weights(resumed), weights(whole))
    losses = [[(e.step, e.train, e.validation, e.best) for e in f.evaluations] for f in (finished, expected)]
    assert losses[0] == losses[1]


def test_another_configuration_or_text_is_named(corpus):
    state = next(e for e in train(new_model(corpus, SIZES, 0), corpus, CONFIG) if isinstance(e, Resumable)).state()
    with pytest.raises(ResumeError, match=r"other settings \(batch_size: 4 then, 8 now\); resume it with the same"):
        train(new_model(corpus, SIZES, 0), corpus, dataclasses.replace(CONFIG, batch_size=8), resume=state)
    with pytest.raises(ResumeError, match="n_embd: 16 then, 32 now"):
        train(new_model(corpus, dataclasses.replace(SIZES, n_embd=32), 0), corpus, CONFIG, resume=state)
    other = corpus_from_text(TEXT + "the end.", "another text")
    with pytest.raises(ResumeError, match=r"other settings \(the text: sha256 \w{12}… then, \w{12}… now\)"):
        train(new_model(other, SIZES, 0), other, CONFIG, resume=state)
    for part in state.keys() - {"machine", "plan"}:  # a run may go on with another one
        lacking = {name: value for name, value in state.items() if name != part}
        with pytest.raises(ResumeError, match="not a whole one"):
            train(new_model(corpus, SIZES, 0), corpus, CONFIG, resume=lacking)


def test_a_state_from_before_a_setting_existed_goes_on_with_its_default(corpus):
    config = dataclasses.replace(CONFIG, noise=0.0)
    state = next(e for e in train(new_model(corpus, SIZES, 0), corpus, config) if isinstance(e, Resumable)).state()
    for setting in ("noise", "init", "teachers"):
        del state["made_with"][setting]
    train(new_model(corpus, SIZES, 0), corpus, config, resume=state)
    with pytest.raises(ResumeError, match=r"noise: 0.0 then, 0.1 now"):
        train(new_model(corpus, SIZES, 0), corpus, CONFIG, resume=state)


def test_a_damaged_state_is_refused_and_no_code_in_it_is_run(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "pwned"),))

    assert saved_state(tmp_path) is None
    (tmp_path / RESUME).parent.mkdir()
    for place in (BEFORE, RESUME):
        torch.save({"steps": Hostile()}, tmp_path / place)
        with pytest.raises(
            ResumeError,
            match=rf"{place.name} is damaged, or no state of a run; .* Start anew in another --out, or with --over",
        ):
            saved_state(tmp_path)
        assert not (tmp_path / "pwned").exists()
    (tmp_path / RESUME).write_bytes(b"half a fi")
    with pytest.raises(ResumeError, match="is damaged"):
        saved_state(tmp_path)


def test_a_full_disk_keeps_the_last_good_state(corpus, tmp_path, monkeypatch):
    model = new_model(corpus, SIZES, 0)
    keeper = Run(tmp_path, model, corpus, CONFIG)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    events = train(model, corpus, CONFIG)
    looks = 0
    with pytest.raises(OSError, match=r"could not write .*No space left on device; what was there before is unharmed"):  # noqa: PT012
        for event in events:
            looks += isinstance(event, Evaluation)
            if looks == 2:
                monkeypatch.setattr(os, "fsync", full)
            keeper.keep(event)
    monkeypatch.undo()
    assert saved_state(tmp_path)["steps"] == 0
    load_model(tmp_path)
    assert not [p.name for p in tmp_path.rglob("*") if p.name.startswith(".")], "no half-written file is left"

    resumed = new_model(corpus, SIZES, 0)
    keeper = Run(tmp_path, resumed, corpus, CONFIG, resume=saved_state(tmp_path))
    for event in train(resumed, corpus, CONFIG, resume=saved_state(tmp_path)):
        keeper.keep(event)
    assert torch.equal(weights(load_model(tmp_path)), weights(resumed))
    assert [entry["step"] for entry in keeper.record["evaluations"]] == [0, 10, 20, 30]
    assert not (tmp_path / RESUME).exists()


def wait_for(running, text: str) -> None:
    """Reads a process's output up to a line that begins with a text."""
    for line in running.stdout:
        if line.startswith(text):
            return
    raise AssertionError(f"{text!r} never came: {running.stderr.read()}")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The weights of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run_alone("train.py", "--out", out, *FLAGS).returncode == 0
    return load_file(out / "model.safetensors")


def same(out, expected) -> bool:
    found = load_file(out / "model.safetensors")
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_killed_run_goes_on_to_the_same_weights(uninterrupted, tmp_path):
    out = tmp_path / "run"
    running = start("train.py", "--out", out, *FLAGS)
    wait_for(running, "iter   200")
    running.kill()
    running.communicate()
    assert running.returncode == -signal.SIGKILL

    refused = run("train.py", "--out", out, *FLAGS)
    assert refused.returncode == 1
    assert "not finished; pass --resume to go on with it, --overwrite to begin anew" in refused.stderr
    changed = run("train.py", "--out", out, *FLAGS, "--lr", "0.5", "--resume")
    assert "lr: 0.01 then, 0.5 now" in changed.stderr

    done = run_alone("train.py", "--out", out, *FLAGS, "--resume")
    assert done.returncode == 0, done.stderr
    assert "resuming at step" in done.stdout
    assert "iter     0" not in done.stdout
    assert same(out, uninterrupted)
    assert "is finished: there is nothing to resume" in run("train.py", "--out", out, *FLAGS, "--resume").stdout


def test_ctrl_c_saves_and_says_how_to_go_on(uninterrupted, tmp_path):
    out = tmp_path / "run"
    running = start("train.py", "--out", out, *FLAGS)
    wait_for(running, "iter   100")
    running.send_signal(signal.SIGINT)
    printed, errors = running.communicate()
    assert running.returncode == 0, errors
    assert "finishing the step and saving" in errors
    assert "To resume:" in printed
    load_model(out)
    going_on = printed.splitlines()[-1].strip()
    assert going_on.endswith(f"--resume --out {out}")
    done = subprocess.run(going_on, shell=True, cwd=ROOT, capture_output=True, text=True)  # as it is printed
    assert done.returncode == 0, done.stderr
    assert same(out, uninterrupted)


def test_resuming_a_run_that_was_killed_before_it_saved_anything(tmp_path):
    flags = ["--out", tmp_path, *SMALL, "--max-steps", "2", "--eval-characters", "500", "--sample", "0"]
    assert run("train.py", *flags).returncode == 0
    record = json.loads((tmp_path / "training.json").read_text())
    (tmp_path / "training.json").write_text(json.dumps(record | {"finished": False}))
    done = run("train.py", *flags, "--resume")
    assert done.returncode == 0, done.stderr
    assert "Nothing was saved in" in done.stdout
    assert "--resume" not in json.loads((tmp_path / "training.json").read_text())["command"]


@pytest.mark.parametrize("there", ["nothing", "a folder", "a model"])
def test_resuming_where_no_run_is_is_refused(tmp_path, there):
    out = tmp_path / "new"
    if there != "nothing":
        out.mkdir()
    if there == "a model":
        new_model(corpus_from_text(TEXT, "cats"), SIZES, 0).save_pretrained(out)
    before = sorted(tmp_path.rglob("*"))
    done = run("train.py", "--out", out, *SMALL, "--teachers", "bundled", "--resume")
    assert done.returncode == 1
    assert f"{out} holds no run to resume; leave --resume out to start one" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_goes_on_with_the_arithmetic_it_began_with(corpus, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    flags = ["--data", text, "--out", tmp_path / "run", *SMALL, "--max-steps", "4", "--sample", "0", "--threads", "1"]
    model = new_model(load_corpus(str(text)), Sizes(n_layer=1, n_head=2, n_embd=16, block_size=16, dropout=0.05), 1337)
    config = dataclasses.replace(PRESETS["small"].training, max_steps=4, batch_size=4)
    machine = dataclasses.replace(PLAIN, threads=1, precision="bfloat16")
    keeper = Run(tmp_path / "run", model, load_corpus(str(text)), config, hardware=machine)
    for event in train(model, load_corpus(str(text)), config, hardware=machine):
        keeper.keep(event)
        if isinstance(event, Resumable):
            break
    done = run("train.py", *flags, "--resume")
    assert done.returncode == 0, done.stderr
    assert "machine  cpu, 1 thread, bfloat16" in done.stdout
    assert "resuming at step 0" in done.stdout
