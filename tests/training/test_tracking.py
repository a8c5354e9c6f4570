"""What --track sends: to a stand-in that keeps it, to one that fails, and to trackio itself where it is installed."""

import os
import subprocess
import sys
import textwrap
import types
import warnings
from pathlib import Path

import pytest

from strivelm.cli import tracking
from strivelm.cli.tracking import Tracker, configuration
from strivelm.training.events import Evaluation, Finished, Progress, Resumable, Snapshot

ROOT = Path(__file__).parents[2]
FIRST, SECOND = Evaluation(0, 4.1, 4.2, 0.5, True), Evaluation(50, 2.1, 2.9, 9.5, True)
RECORD = {
    "command": "python scripts/train.py",
    "sizes": {"n_layer": 2, "dropout": 0.0},
    "ngrams": {"4-gram": 1.784},
    "evaluations": [],
    "best": None,
    "finished": False,
}


class StandIn(types.ModuleType):
    """A trackio that remembers its calls; `runs` are the names it knows, `fails` the call that raises."""

    def __init__(self, runs=(), fails=None):
        super().__init__("trackio")
        self.runs, self.fails, self.calls = list(runs), fails, []

    def _called(self, call, /, **told):
        self.calls.append((call, told))
        if call == self.fails:
            raise OSError("the disk is full")

    def init(self, project, name, config, resume="never"):
        self._called("init", project=project, name=name, config=config, resume=resume)
        if resume == "must" and name not in self.runs:
            raise ValueError(f"Run '{name}' does not exist in project '{project}'")
        print("* a greeting")

    def log(self, metrics, step):
        self._called("log", step=step, **metrics)

    def finish(self):
        self._called("finish")

    def of(self, name):
        return [told for called, told in self.calls if called == name]


@pytest.fixture
def trackio(monkeypatch):
    """The function that puts a StandIn where trackio is imported from."""

    def put(**settings):
        stand_in = StandIn(**settings)
        monkeypatch.setitem(sys.modules, "trackio", stand_in)
        return stand_in

    return put


def seen(*evaluations):
    """The record of a run that has these evaluations behind it."""
    entries = [{k: v for k, v in vars(e).items() if k != "best"} for e in evaluations]
    return RECORD | {"evaluations": entries, "best": entries[-1]}


def test_a_run_is_sent_as_it_goes(trackio):
    stand_in = trackio()
    with Tracker(RECORD, "runs/mine") as tracker:
        tracker.keep(FIRST)
        tracker.keep(Progress(7, 3.5, 0.003, 12_000.0, 0.1, 1.0))
        tracker.keep(SECOND)
        tracker.keep(Snapshot(SECOND))
        tracker.keep(Resumable(50, dict))
        tracker.keep(Finished(60, 12.0, SECOND, (FIRST, SECOND)))
    config = {"command": "python scripts/train.py", "sizes.n_layer": 2, "sizes.dropout": 0.0, "ngrams.4-gram": 1.784}
    assert stand_in.calls == [
        ("init", {"project": "strivelm", "name": "runs/mine", "config": config, "resume": "never"}),
        ("log", {"step": 0, "loss/train": 4.1, "loss/validation": 4.2, "seconds": 0.5}),
        ("log", {"step": 7, "loss/batch": 3.5, "learning_rate": 0.003, "characters_per_second": 12_000.0}),
        ("log", {"step": 50, "loss/train": 2.1, "loss/validation": 2.9, "seconds": 9.5}),
        ("log", {"step": 60, "best/step": 50, "best/train": 2.1, "best/validation": 2.9}),
        ("finish", {}),
    ]


def test_the_configuration_is_the_record_without_its_outcome():
    told = configuration(seen(FIRST) | {"corpus": {"name": "fables"}, "parameters": 7, "finished": True})
    assert told["corpus.name"] == "fables"
    assert told["parameters"] == 7
    assert not any(name.startswith(("evaluations", "best", "finished")) for name in told)


def test_progress_is_sent_every_two_seconds_of_the_run(trackio):
    stand_in = trackio()
    with Tracker(RECORD, "mine") as tracker:
        for tick in range(51):  # five a second, from second 100 on
            tracker.keep(Progress(tick, 1.0, 0.1, 1.0, 0.5, 100 + tick / 5))
    assert [told["step"] for told in stand_in.of("log")] == [0, 10, 20, 30, 40, 50]


def test_what_was_not_measured_is_left_out(trackio):
    stand_in = trackio()
    with Tracker(RECORD, "mine") as tracker:
        tracker.keep(Evaluation(0, 4.1, None, 0.5, True))
    assert stand_in.of("log") == [{"step": 0, "loss/train": 4.1, "seconds": 0.5}]


def test_a_run_that_goes_on_goes_on_in_its_trackio_run(trackio):
    stand_in = trackio(runs=["mine"])
    with Tracker(seen(FIRST), "mine") as tracker:
        tracker.keep(SECOND)
    assert [told["resume"] for told in stand_in.of("init")] == ["must"]
    assert [told["step"] for told in stand_in.of("log")] == [50]


def test_a_run_that_was_not_tracked_before_begins_with_what_was_seen(trackio):
    stand_in = trackio(runs=["another"])
    with Tracker(seen(FIRST), "mine") as tracker:
        tracker.keep(SECOND)
    assert [told["resume"] for told in stand_in.of("init")] == ["must", "never"]
    assert [told["step"] for told in stand_in.of("log")] == [0, 50]


@pytest.mark.parametrize(("fails", "calls"), [("init", 1), ("log", 2), ("finish", 4)])
def test_a_tracker_that_fails_warns_once_and_lets_the_training_go_on(trackio, fails, calls):
    stand_in = trackio(fails=fails)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with Tracker(RECORD, "mine") as tracker:
            tracker.keep(FIRST)
            tracker.keep(SECOND)
    assert [str(w.message) for w in warned] == ["tracking stopped, the training goes on: the disk is full"]
    assert len(stand_in.calls) == calls


def test_an_error_of_the_training_is_not_hidden_and_the_run_is_closed(trackio):
    stand_in = trackio()
    with pytest.raises(KeyError), Tracker(RECORD, "mine"):
        raise KeyError
    assert stand_in.calls[-1] == ("finish", {})


def test_standard_output_stays_the_runs_own(trackio, capsys):
    trackio()
    with Tracker(RECORD, "mine"):
        print("iter 0")
    assert capsys.readouterr() == ("iter 0\n", "* a greeting\n")


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "trackio", None)  # which makes its import fail
    for ask in (tracking.library, lambda: Tracker(RECORD, "mine")):
        with pytest.raises(ValueError, match=r'--track needs the package trackio, .*pip install "\.\[track\]"'):
            ask()


def test_trackio_itself_keeps_a_run_and_goes_on_with_it(tmp_path):
    pytest.importorskip("trackio")
    script = """
        import sys
        from strivelm.cli.tracking import Tracker
        from strivelm.training.events import Evaluation, Finished, Progress
        record = {"sizes": {"n_layer": 2}, "evaluations": [], "best": None, "finished": False}
        with Tracker(record, "runs/mine") as tracker:
            tracker.keep(Evaluation(0, 4.1, None, 0.5, True))
        record["evaluations"] = [{"step": 0, "train": 4.1, "validation": None, "seconds": 0.5}]
        with Tracker(record, "runs/mine") as tracker:
            tracker.keep(Progress(7, 3.5, 0.003, 12000.0, 0.1, 1.0))
            tracker.keep(Evaluation(50, 2.1, 2.9, 9.5, True))
        import trackio
        (run,) = trackio.Api().runs("strivelm")
        from trackio.sqlite_storage import SQLiteStorage
        logs = SQLiteStorage.get_logs("strivelm", run.name)
        print(run.name, run.config["sizes.n_layer"])
        for log in logs:
            print(log["step"], *sorted(set(log) - {"step", "timestamp"}))
    """
    outside = {"TRACKIO_SERVER_URL", "TRACKIO_SPACE_ID", "TRACKIO_BUCKET_ID", "TRACKIO_WEBHOOK_URL", "HF_TOKEN"}
    own = {name: value for name, value in os.environ.items() if name not in outside}
    own |= {"TRACKIO_DIR": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, env=own, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "runs/mine 2",
        "0 loss/train seconds",
        "7 characters_per_second learning_rate loss/batch",
        "50 loss/train loss/validation seconds",
    ], done.stderr
    assert "warning" not in done.stderr.lower()
