"""The lives of the page's models: named as the page names them, opened by visitors, and cheap to hold open."""

import json
import shutil
import subprocess
import sys

import pytest

from strivelm import open_model
from strivelm.ui.components import header
from strivelm.ui.components.timeline.timeline import life
from strivelm.ui.core.life import lived
from strivelm.ui.core.models import Models, facts_of

STEPS = [0, 1, 3, 5, 12, 25, 55, 122, 272, 605, 1348, 3000]


@pytest.fixture
def run(tmp_path):
    """A copy of the film in a folder of the page's machine."""
    return shutil.copytree(open_model("film").folder, tmp_path / "mine" / "run")


def test_a_stop_says_what_the_header_would_say_of_the_open_model():
    found = life(open_model("film@step-12"))
    assert [step for _, step, *_ in found["stops"]] == STEPS
    for ref, step, loss, shown in found["stops"]:
        opened = open_model(ref)
        assert (step, loss) == (opened.training["best"]["step"], opened.validation_loss)
        assert shown == header.shown(facts_of(opened))


def test_the_ladder_is_the_record_s():
    found = life(open_model("film"))
    record = json.loads((open_model("film").folder / "training.json").read_text())["ngrams"]
    assert dict(map(tuple, found["ladder"])) == {
        "guessing": pytest.approx(record["uniform"]),
        **{name: nats for name, nats in record.items() if name != "uniform"},
    }


def test_bundled_offers_the_film_and_others_offer_nothing(make_open):
    assert life(open_model("bundled"))["offer"] == "film@step-0"
    assert life(make_open()) is None


def test_visitors_open_the_snapshots_of_the_page_s_own_run(run):
    models = Models(open_model(run))
    assert models.own == "run"
    found = lived(models.get("run"))
    assert [one.name for one in found.stops] == [f"run@step-{step}" for step in STEPS]
    assert models.is_local("run@step-55")
    opened = models.get("run@step-55")
    assert facts_of(opened).name == "run@step-55"
    assert opened.folder == run / "snapshots" / "step-55"
    assert lived(opened) == found


@pytest.mark.parametrize("ref", ["run@step-56", "run@../..", "run@", "run/snapshots/step-5", "mine/run@step-5"])
def test_nothing_else_of_that_folder_is_opened(run, ref):
    with pytest.raises(ValueError, match="can't be opened") as caught:
        Models(open_model(run)).get(ref)
    assert str(run.parent) not in str(caught.value)


def test_a_broken_snapshot_is_a_sentence_without_the_page_s_paths(run):
    (run / "snapshots/step-55/model.safetensors").write_bytes(b"broken")
    models = Models(open_model(run))
    with pytest.raises(ValueError, match="The model can't be opened: ") as caught:
        models.get("run@step-55")
    assert str(run.parent) not in str(caught.value)
    assert models.get("run@step-25") is models.get("run@step-25")


def test_a_run_opened_by_its_snapshot_shows_no_path(run):
    assert Models(open_model(f"{run}@step-55")).own == "run@step-55"


def test_the_picker_says_what_has_a_life(run):
    labels = dict(map(reversed, Models(open_model(run), ("choir/one",)).choices()))
    assert labels == {
        "run": "run · 12 steps",
        "bundled": "bundled",
        "film": "film · 12 steps",
        "choir/one": "choir/one",
    }


MEMORY = """
import os, resource, time
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import torch
torch.set_num_threads(1)
from pathlib import Path
from strivelm import open_model, scheduler
from strivelm.ui.core.models import Models
from strivelm.ui.tabs.attention.payload import whole
from strivelm.ui.tabs.generate.asked import Asked
from strivelm.ui.tabs.generate.payload import write

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

def used(ref):
    opened = models.get(ref)
    whole(opened, "The king is dead; the queen is not. " * 3)
    list(write(opened, "To be", Asked(60, 0.8, 20, 1.0, 1)))

scheduler.IDLE = 0.2
models = Models(open_model("film"))
used("film@step-0")
time.sleep(1)
one = held()
for step in (0, 1, 3, 5, 12, 25, 55, 122, 272, 605, 1348, 3000):
    used(f"film@step-{step}")
time.sleep(1)  # until those who wrote have given their room back
print(held() - one)
"""


def test_all_twelve_open_and_used_take_at_most_60_mb_more_than_one():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 60
