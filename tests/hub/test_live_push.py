"""A training that pushes while it goes on: what goes when, and what a lost network, Ctrl-C or an error change."""

import json
import os
import re
import shlex
import signal
import threading

import pytest
from commands import SMALL, start

from strivelm import manifest
from strivelm.hub.run_state import PLACES

STEPS = ["step-0", "step-1", "step-6", "step-30"]
FLAGS = [*SMALL, "--max-steps", "30", "--eval-interval", "10", "--snapshots", "4", "--sample", "0"]
FLAGS += ["--threads", "1", "--precision", "float32", "--dropout", "0.1"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A file with a text."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("the cat sat on the mat; the dog sat on the log. " * 40)
    return path


@pytest.fixture
def train(hub, client, variables, tmp_path, text):
    """The function that trains in a folder of this test, and pushes as alice does."""

    def call(*more, out="run", patience=0.0, **how):
        with variables(HF_TOKEN="hf_alice"):
            flags = ["--data", str(text), "--out", str(tmp_path / out), *FLAGS, "--push", "alice/one", *map(str, more)]
            found = client("trained", *flags, **how)
        assert client("pushes_in_threads", patience) == []
        assert not list(tmp_path.rglob(".pushing-*"))
        assert "Traceback" not in found[2]
        return found

    return call


@pytest.fixture
def branches(hub):
    """The function that says which branches alice/one has."""
    return lambda: set(hub.store.repos["models", "alice/one"].branches)


def test_snapshots_go_when_they_are_made(hub, train, branches, files, tmp_path):
    """The end's own push fails, so what is there came before."""
    hub.breakable.fail("POST /api/models/alice/one/commit/main", "status", times=10**6, status=403)
    code, printed, errors = train(seconds=0.05)
    assert code == 1
    assert {*STEPS[:3], "resume"} <= branches()
    for name in STEPS[:3]:
        for file in ("model.safetensors", "config.json", "training.json"):
            assert files(name)[file] == (tmp_path / "run" / "snapshots" / name / file).read_bytes()
    assert "model.safetensors" not in files("main"), "the model itself comes at the end"
    assert "push     alice/one on the Hub: its snapshots as revisions step-N when they are made" in printed
    assert len(files("resume")["state.safetensors"]) > 10_000
    assert re.search(r"with each snapshot, and when .* stopped, its state to resume from \(up to \d\.\d MB\)", printed)
    assert re.search(r"error: this token may not write .*The model is safe in", errors)


def test_at_the_end_all_is_there_and_the_state_is_gone(hub, train, branches, files, tmp_path):
    code, printed, errors = train()
    assert (code, errors) == (0, "")
    assert branches() == {"main", *STEPS}
    run = tmp_path / "run"
    assert files("main")["snapshots.json"] == (run / "snapshots.json").read_bytes()
    assert files("main")["model.safetensors"] == (run / "model.safetensors").read_bytes()
    listed = manifest.read(run)
    assert [*listed.snapshots] == STEPS
    for name, entry in listed.snapshots.items():
        assert files(name)["model.safetensors"] == (run / "snapshots" / name / "model.safetensors").read_bytes()
        assert f"| {name} | {entry.validation:.3f} | `{entry.sha256}` |" in files()["README.md"].decode()
    assert f"It is on the Hub: {hub.url}/alice/one" in printed
    record = json.loads((run / "training.json").read_text())
    assert listed.snapshots["step-0"].validation == record["evaluations"][0]["validation"]


def test_a_network_that_is_lost_all_the_time_changes_nothing_but_the_end(
    hub, train, client, variables, files, tmp_path
):
    assert train(out="whole")[0] == 0
    hub.store.repos.clear()
    hub.breakable.fail("POST /api/repos/create", "drop", times=10**6)
    code, printed, errors = train()
    assert code == 1
    assert printed.count("note     not pushed now") == 1, "it is said once"
    model = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert model == (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert json.loads((tmp_path / "run" / "training.json").read_text())["finished"]
    again = shlex.split(re.search(r"The model is safe in .*?: (.*)", errors)[1])
    hub.breakable.reset()
    with variables(HF_TOKEN="hf_alice"):
        code, _, errors = client("script", "push.py", *again[2:])
    assert (code, errors) == (0, "")
    assert files()["model.safetensors"] == model
    assert all(files(name) for name in STEPS)


def test_a_network_that_comes_back_is_made_up_for_while_it_trains(hub, train, branches, files):
    hub.breakable.fail("POST /api/models/alice/one/commit/step-0", "drop", times=8)
    hub.breakable.fail("POST /api/models/alice/one/commit/main", "status", times=10**6, status=403)
    _, printed, _ = train(seconds=0.1)
    assert printed.count("note     not pushed now") == 1
    assert "it is made up for later" in printed
    assert "model.safetensors" in files("step-0")
    assert "model.safetensors" in files("step-1")


def test_a_token_that_is_taken_away_stops_the_pushing_and_not_the_training(hub, train, tmp_path):
    hub.breakable.fail("POST /api/models/alice/one/commit/step", "status", times=10**6, status=403)
    code, printed, errors = train(seconds=0.02)
    assert code == 1
    assert printed.count("note     not pushed now: this token may not write") == 1
    assert "the rest waits for the end" in printed
    assert json.loads((tmp_path / "run" / "training.json").read_text())["finished"]
    assert "The model is safe in" in errors


def test_after_ctrl_c_what_is_new_goes_and_the_words_say_how_to_go_on(hub, train, branches, files, tmp_path):
    code, printed, errors = train(stop_at=17)
    assert (code, errors) == (0, "")
    assert branches() == {"main", *STEPS[:3], "resume"}
    for name, place in PLACES.items():
        assert files("resume")[name] == (tmp_path / "run" / place).read_bytes()
    lines = printed.splitlines()
    assert "pushing what is new to alice/one; Ctrl-C leaves that out" in lines
    assert "Stopped at step 17" in printed
    assert re.search(r"train\.py --resume alice/one    # on another machine$", lines[-2])
    assert lines[-1].endswith(f"--resume --out {tmp_path / 'run'}")


def test_after_ctrl_c_without_a_network_a_line_says_what_is_left_and_how(
    hub, train, client, variables, files, tmp_path
):
    hub.breakable.fail("POST /api/repos/create", "drop", times=10**6)
    code, printed, errors = train(stop_at=17)
    assert (code, errors) == (0, "")
    (line,) = [line for line in printed.splitlines() if line.startswith("Not on the Hub: ")]
    assert line.startswith("Not on the Hub: step-0, step-1, step-6, the state to resume from. To push it: ")
    hub.breakable.reset()
    with variables(HF_TOKEN="hf_alice"):
        code, _, errors = client("script", "push.py", *shlex.split(line.partition("To push it: ")[2])[2:])
    assert (code, errors) == (0, "")
    assert files("resume")["state.safetensors"] == (tmp_path / "run" / PLACES["state.safetensors"]).read_bytes()
    assert "model.safetensors" in files("step-6")


def test_an_error_that_ends_the_training_is_not_held_up(hub, train, tmp_path):
    hub.breakable.fail("/commit/step-0", "stall", times=1)
    code, printed, errors = train(break_at=8, patience=5.0)
    assert code == 1
    assert errors.splitlines()[-1] == "error: the power failed"
    assert "Not on the Hub: step-0, step-1, step-6, the state to resume from" in printed


def test_a_run_without_snapshots_pushes_its_state_when_it_is_stopped(hub, train, branches, files):
    code, _, errors = train("--snapshots", 0, stop_at=17)
    assert (code, errors) == (0, "")
    assert branches() == {"main", "resume"}
    assert files("resume").keys() == {".gitattributes", "state.safetensors", "training.json"}


def test_a_resumed_run_pushes_what_the_one_before_could_not(hub, train, branches, files, client, variables, tmp_path):
    hub.breakable.fail("POST /api/repos/create", "drop", times=10**6)
    train(stop_at=17)
    hub.breakable.reset()
    hub.breakable.fail("POST /api/models/alice/one/commit/main", "status", times=10**6, status=403)
    with variables(HF_TOKEN="hf_alice"):
        client("trained", "--resume", "--out", str(tmp_path / "run"), seconds=0.1)
    assert {*STEPS[:3], "resume"} <= branches()


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_in_a_process_of_its_own(hub, text, tmp_path, presses, monkeypatch):
    """Once: all that is new goes. Twice, while the Hub is silent: the process ends, and says what is left."""
    for name, value in {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_alice", "HF_HUB_DISABLE_XET": "1"}.items():
        monkeypatch.setenv(name, value)
    if presses == 2:
        hub.breakable.fail("POST /api/models/alice/one/commit/", "stall", times=10**6)
    flags = ["--data", text, "--out", tmp_path / "run", *FLAGS, "--max-steps", 10**6, "--push", "alice/one"]
    running = start("train.py", *flags)
    lines = []
    for line in running.stdout:
        lines.append(line)
        if line.startswith("iter    10"):
            running.send_signal(signal.SIGINT)
        if line.startswith("pushing what is new") and presses == 2:
            threading.Timer(1.5, lambda: os.kill(running.pid, signal.SIGINT)).start()
    running.wait(30)
    printed, errors = "".join(lines), running.stderr.read()
    assert "Traceback" not in errors
    if presses == 1:
        assert running.returncode == 0, errors
        assert "state.safetensors" in hub.store.repos["models", "alice/one"].resolve("resume").files
    else:
        assert running.returncode == 130, errors
        assert "Not on the Hub: the last things. To push it: " in printed
    assert not list(tmp_path.rglob(".pushing-*"))
