"""Data parallel training: several processes take the steps that one alone would take."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
import torch
from commands import ROOT, SMALL, Done, run
from safetensors.torch import load_file

from strivelm.config import Sizes
from strivelm.data.corpus import corpus_from_text
from strivelm.training import Trainer, new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.distributed import ALONE, FROM_TORCHRUN, ProcessGroup, check_environment
from strivelm.training.run_folder import saved_state

TEXT = "the cat sat on the mat; the dog sat on the log. " * 12
EXACT = ["--threads", "1", "--precision", "float32"]
FLAGS = [
    *SMALL,
    *EXACT,
    *[
        "--max-steps",
        "40",
        "--eval-interval",
        "20",
        "--eval-characters",
        "1500",
        "--sample",
        "0",
        "--lr",
        "3e-3",
        "--dropout",
        "0",
    ],
]


def started(out, *flags):
    """A run by two processes on this machine, under way, in a process group of its own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.Popen(
        [*command, ROOT / "scripts" / "train.py", "--out", out, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        start_new_session=True,
    )


def together(out, *flags):
    """A run by two processes, to its end."""
    running = started(out, *flags)
    printed, errors = running.communicate()
    return Done(running.returncode, printed, errors)


@pytest.mark.parametrize(
    ("optimizer", "extra", "tolerance"),
    [
        ("adamw", ["--grad-accumulation", "2", "--noise", "0.1"], 1e-5),
        ("muon", [], 1e-3),
        ("adamw", ["--teachers"], 1e-5),
    ],
)
def test_two_processes_train_the_model_that_one_trains(tmp_path, optimizer, extra, tolerance):
    flags = [*FLAGS, "--optimizer", optimizer, *extra]
    if "--teachers" in extra:
        teacher = tmp_path / "teacher"
        assert run("train.py", "--out", teacher, *FLAGS, "--seed", "1", "--dropout", "0.1").returncode == 0
        flags += [teacher, "--distillation", "0.7"]
    done = together(tmp_path / "two", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("iter    20") == 1, "one of them speaks"
    assert "2 processes" in done.stdout
    alone = run("train.py", "--out", tmp_path / "one", *flags)
    assert alone.returncode == 0, alone.stderr
    records = [json.loads((tmp_path / name / "training.json").read_text()) for name in ("one", "two")]
    assert records[1]["command"].startswith("torchrun --nproc-per-node=2 scripts/train.py")
    for one, two in zip(*(record["evaluations"] for record in records), strict=True):
        assert two["validation"] == pytest.approx(one["validation"], abs=tolerance)
        assert two["train"] == pytest.approx(one["train"], abs=tolerance)
    assert records[0]["evaluations"][-1]["train"] < records[0]["evaluations"][0]["train"] - 0.5
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=30 * tolerance) for name in one)


def test_together_they_stop_at_an_error_and_resume_what_one_began(tmp_path):
    out = tmp_path / "run"
    assert together(out, *FLAGS).returncode == 0
    refused = together(out, *FLAGS)
    assert refused.returncode != 0
    assert "already holds a model; pass --overwrite to replace it" in refused.stderr
    finished = together(out, *FLAGS, "--resume")
    assert finished.returncode == 0
    assert "is finished: there is nothing to resume" in finished.stdout


FAILING = """
import sys
from contextlib import nullcontext
from strivelm.cli import train, training_run
from strivelm.training import distributed

def run(*_):
    raise ValueError("no such thing")

rank = int(sys.argv.pop())
training_run.run = run
distributed.process_group = lambda device: nullcontext(distributed.ProcessGroup(rank, 2))
train.time.sleep = lambda seconds: print("waited", seconds, file=sys.stderr)
train.console.guarded(train.main)
"""


@pytest.mark.parametrize(("rank", "waited"), [(0, []), (1, ["waited 10.0"])])
def test_a_process_that_fails_leaves_the_word_to_the_first(rank, waited):
    """As torchrun ends them all when one has ended, the first would else be killed before it says what is wrong."""
    failing = [sys.executable, "-c", FAILING, str(rank)]
    done = subprocess.run(failing, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines() == [*waited, "error: no such thing"]
    assert done.returncode == 1


def test_ctrl_c_stops_a_team_which_goes_on_later(tmp_path):
    flags = [*FLAGS, "--max-steps", "3000", "--optimizer", "adamw"]
    running = started(tmp_path / "run", *flags)
    for line in running.stdout:
        if line.startswith("iter    20 "):
            break
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to torchrun, which hands it on, and to the processes
    printed, errors = running.communicate()
    assert "To resume:" in printed, errors
    assert re.search(r"^    torchrun --nproc-per-node=2 scripts/train.py --resume --out ", printed, re.MULTILINE)
    assert errors.count("finishing the step and saving") == 1
    assert "KeyboardInterrupt" not in errors.replace("SignalException", "")
    state = saved_state(tmp_path / "run")
    shorter = together(tmp_path / "run", *flags, "--resume", "--max-steps", "40")
    assert "max_steps: 3000 then, 40 now" in shorter.stderr
    going_on = started(tmp_path / "run", *flags, "--resume")
    lines = (line for line in going_on.stdout if line.startswith(("resuming", "iter")))
    seen = [next(lines), next(lines)]
    os.killpg(going_on.pid, signal.SIGINT)
    going_on.communicate()
    assert seen[0] == f"resuming at step {state['steps']}\n"
    assert int(seen[1].split()[1]) == state["steps"] // 20 * 20 + 20


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(parts):
    corpus = corpus_from_text(TEXT, "cats and dogs")
    sizes = Sizes(n_layer=1, n_head=2, n_embd=16, block_size=12)
    gradients = []
    for count in (1, parts):
        model = new_model(corpus, sizes, 0).double()
        trainer = Trainer(model, corpus, TrainConfig(batch_size=4, grad_accumulation=count))
        loss = trainer._gradient()
        gradients.append(torch.cat([loss[None], *(p.grad.flatten() for p in model.parameters())]))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=1e-7)


def test_shares_are_all_of_it_and_each_thing_once():
    things = torch.arange(11)
    for size in (1, 2, 3, 11, 20):
        shares = [ProcessGroup(rank, size).share(things) for rank in range(size)]
        assert torch.equal(torch.cat(shares), things)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"LOCAL_RANK": None, "LOCAL_WORLD_SIZE": None}, "LOCAL_RANK, LOCAL_WORLD_SIZE are not set"),
        ({"MASTER_PORT": None}, "MASTER_PORT is not set"),
        ({"RANK": "first"}, "RANK='first': that is wrong"),
    ],
)
def test_an_environment_of_another_scheduler_is_named(change, said):
    whole = dict.fromkeys(FROM_TORCHRUN, "0") | {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}
    check_environment(whole)
    check_environment({"RANK": "0", "WORLD_SIZE": "1"})
    with pytest.raises(ValueError, match=f"the environment says WORLD_SIZE='2', but .*{said}; start several"):
        check_environment({name: value for name, value in (whole | change).items() if value is not None})


def test_one_alone_hears_itself():
    numbers = [torch.tensor([1.0, 2.0])]
    ALONE.sum(numbers)
    assert numbers[0].tolist() == [1.0, 2.0]
    assert ALONE.broadcast("a word") == "a word"


def test_a_batch_that_cannot_be_cut_is_refused():
    corpus = corpus_from_text(TEXT, "cats and dogs")
    model = new_model(corpus, Sizes(n_layer=1, n_head=2, n_embd=16, block_size=12), 0)
    with pytest.raises(ValueError, match=r"a batch of 4 windows can't be cut into 6 parts \(2 processes x"):
        train(model, corpus, TrainConfig(batch_size=4, grad_accumulation=3), group=ProcessGroup(0, 2))
