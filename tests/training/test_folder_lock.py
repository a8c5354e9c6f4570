"""One training at a time in a folder, and nothing half-written left there."""

import errno
import os
import signal
import subprocess
import sys

import pytest
from commands import ROOT, SMALL, run, start

from strivelm.config import Sizes
from strivelm.data.corpus import corpus_from_text
from strivelm.training import new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.events import Resumable
from strivelm.training.folder_lock import FolderTakenError, check_free, locked
from strivelm.training.run_folder import Run, check_folder, saved_state

HOLDER = """
import sys
from strivelm.training.folder_lock import locked
with locked(sys.argv[1]):
    print("here", flush=True)
    sys.stdin.read()
"""
FLAGS = [*SMALL, "--max-steps", 2, "--sample", 0, "--threads", 1, "--precision", "float32"]


@pytest.fixture
def held(tmp_path):
    """A folder in which another process trains, and that process."""
    folder = tmp_path / "run"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", HOLDER, folder], cwd=ROOT, text=True, **pipes)
    assert process.stdout.readline() == "here\n"
    yield folder, process
    process.kill()
    process.communicate()


def test_a_second_training_is_told_of_the_first(held):
    folder, process = held
    with pytest.raises(FolderTakenError, match=rf"another training \(process {process.pid}\) writes into .*run; wait"):
        check_free(folder)
    with pytest.raises(FolderTakenError), locked(folder):
        raise AssertionError
    before = sorted(folder.iterdir())
    for more in ([], ["--overwrite"], ["--dry-run"]):
        done = run("train.py", "--out", folder, *FLAGS, *more)
        assert done.returncode == 1
        assert f"another training (process {process.pid}) writes into {folder}" in done.stderr
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("end", ["killed", "by itself"])
def test_the_folder_is_free_when_the_first_has_ended(held, end):
    folder, process = held
    if end == "killed":
        process.kill()
    process.communicate("")
    assert folder.exists() == (end == "killed"), "an empty folder is taken away again"
    with locked(folder):
        (folder / "model").touch()
    assert [path.name for path in folder.iterdir()] == ["model"]


def test_what_a_killed_training_left_half_written_is_swept(tmp_path):
    """Killed while it writes a state: as when the power fails."""
    out = tmp_path / "run"
    running = start("train.py", "--out", out, *SMALL, "--max-steps", 100_000, "--eval-interval", 1, "--sample", 0)
    for line in running.stdout:
        if line.startswith("iter     3"):
            break
    running.send_signal(signal.SIGKILL)
    running.communicate()
    for name in (".model.safetensors.0123abcd", "resume/.state.safetensors.89abcdef"):
        (out / name).write_bytes(b"half")
    (out / ".mine.txt").write_text("a person's")
    config = TrainConfig(max_steps=3, batch_size=2)
    corpus = corpus_from_text("the cat sat on the mat. " * 40, "cats")
    with locked(out):
        Run(
            out,
            new_model(corpus, Sizes(n_layer=1, n_head=1, n_embd=4, block_size=8), 0),
            corpus,
            config,
            overwrite=True,
        )
    assert [path.name for path in out.rglob(".*")] == [".mine.txt"]


@pytest.mark.parametrize("place", ["under a file", "too long", "no folder of the system's", "a file"])
def test_a_folder_that_can_not_be_made_is_refused_before_anything_takes_time(tmp_path, place):
    (tmp_path / "file").touch()
    out = {
        "under a file": tmp_path / "file" / "run",
        "too long": tmp_path / ("x" * 300),
        "no folder of the system's": "/proc/run",
        "a file": tmp_path / "file",
    }[place]
    for more in ([], ["--dry-run"]):
        done = run("train.py", "--out", out, *FLAGS, *more)
        assert done.returncode == 1
        assert f"{out} " in done.stderr
        assert "another --out" in done.stderr or "not taken" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_check_leaves_nothing(tmp_path):
    check_folder(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_turns_read_only_names_the_reason(tmp_path, monkeypatch):
    corpus = corpus_from_text("the cat sat on the mat. " * 40, "cats")
    model = new_model(corpus, Sizes(n_layer=1, n_head=1, n_embd=4, block_size=8), 0)
    config = TrainConfig(max_steps=30, batch_size=2, eval_interval=10)
    keeper, states = Run(tmp_path / "run", model, corpus, config), 0

    def refused(*arguments, **_):
        raise OSError(errno.EROFS, "Read-only file system", str(arguments[0]))

    with pytest.raises(OSError, match=r"could not write .*/run/[\w./]+: Read-only file system") as caught:  # noqa: PT012
        for event in train(model, corpus, config):
            keeper.keep(event)
            states += isinstance(event, Resumable)
            if states == 2:  # from here on: what is staged can be neither renamed nor removed
                monkeypatch.setattr(os, "replace", refused)
                monkeypatch.setattr("pathlib.Path.unlink", refused)
    monkeypatch.undo()
    assert "/." not in str(caught.value), "no temporary file's name"
    assert saved_state(tmp_path / "run")["steps"] == 10
