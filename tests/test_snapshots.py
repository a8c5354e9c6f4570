"""The life of a model: which snapshots there are, with the losses that their own records have."""

import json
import shutil
from itertools import pairwise

import pytest

from strivelm import open_model
from strivelm.loading import COME_ALONG
from strivelm.snapshots import MOST, life_of, run_folder, steps_in

STEPS = [0, 1, 3, 5, 12, 25, 55, 122, 272, 605, 1348, 3000]


@pytest.fixture
def run(folder, tmp_path):
    """A run's folder with snapshots of steps 0, 5 and 10, whose best model is of step 8."""
    root = tmp_path / "run"
    shutil.copytree(folder, root)
    losses = {0: 4.0, 5: 3.0, 8: 2.0, 10: 2.5}
    evaluations = [{"step": step, "train": 1.0, "validation": loss} for step, loss in losses.items()]
    (root / "training.json").write_text(json.dumps({"best": evaluations[2], "evaluations": evaluations}))
    for step in (10, 0, 5):
        shutil.copytree(folder, root / "snapshots" / f"step-{step}")
    return root


@pytest.mark.parametrize("ref", ["film", "film@step-0", "film@step-55", "film@step-3000"])
def test_the_film_has_twelve_snapshots_whichever_is_open(ref):
    found = life_of(open_model(ref))
    assert found.of == "film"
    assert [one.step for one in found.snapshots] == STEPS
    assert [one.ref for one in found.snapshots] == [f"film@step-{step}" for step in STEPS]
    own = [json.loads((COME_ALONG["film"] / f"snapshots/step-{step}/training.json").read_text()) for step in STEPS]
    assert [one.validation_loss for one in found.snapshots] == [record["best"]["validation"] for record in own]


def test_every_evaluation_of_the_run_is_there_in_order():
    found = life_of(open_model("film@step-5")).losses
    record = json.loads((COME_ALONG["film"] / "training.json").read_text())
    assert dict(found) == {one["step"]: one["validation"] for one in record["evaluations"]}
    assert all(a[0] < b[0] for a, b in pairwise(found))


def test_a_model_without_snapshots_has_no_life(folder):
    assert life_of(open_model("bundled")) is None
    assert life_of(open_model(folder)) is None
    assert run_folder(open_model(folder)) is None


def test_a_snapshot_can_be_opened_by_what_its_life_calls_it(run):
    for one in life_of(open_model(run)).snapshots:
        opened = open_model(one.ref)
        place = run if one.step == 8 else run / "snapshots" / f"step-{one.step}"
        assert opened.folder == place


def test_the_best_model_is_a_snapshot_more_where_none_was_kept_of_its_step(run):
    found = life_of(open_model(run)).snapshots
    assert [(one.step, one.validation_loss) for one in found] == [(0, 4.0), (5, 3.0), (8, 2.0), (10, 2.5)]
    assert found[2].ref == str(run)


@pytest.mark.parametrize("how", ["{run}@step-5", "{run}/snapshots/step-5"])
def test_a_snapshot_knows_the_run_that_it_is_of(run, how):
    found = life_of(open_model(how.format(run=run)))
    assert found.of == str(run)
    assert [one.step for one in found.snapshots] == [0, 5, 8, 10]
    assert run_folder(open_model(how.format(run=run))) == run


def test_what_is_no_snapshot_is_not_listed(run):
    (run / "snapshots" / "step-7").write_text("a file")
    for name in ("step-07", "step-x", "step-", "final", "step-1.tmp"):
        (run / "snapshots" / name).mkdir()
    assert steps_in(run) == {0, 5, 10}


@pytest.mark.parametrize("content", ["", "[]", '{"evaluations": 3}', '{"evaluations": [3, {"step": "a"}], "best": []}'])
def test_a_damaged_record_leaves_steps_without_losses(run, content):
    opened = open_model(run)
    (run / "training.json").write_text(content)
    vars(opened)["training"] = {}
    found = life_of(opened)
    assert [(one.step, one.validation_loss) for one in found.snapshots] == [(0, None), (5, None), (10, None)]
    assert found.losses == ()


def test_a_snapshot_s_own_loss_goes_before_the_run_s(run):
    (run / "snapshots/step-5/training.json").write_text(json.dumps({"best": {"step": 5, "validation": 2.75}}))
    assert life_of(open_model(run)).snapshots[1].validation_loss == 2.75


def test_of_very_many_snapshots_the_ends_and_an_even_spread_are_listed(run):
    for step in range(11, 400):
        (run / "snapshots" / f"step-{step}").mkdir()
    steps = [one.step for one in life_of(open_model(run)).snapshots if one.step != 8]
    assert len(steps) == MOST == len(set(steps))
    assert (steps[0], steps[-1]) == (0, 399)
    ratios = [(b + 1) / (a + 1) for a, b in pairwise(steps) if a > 60]
    assert max(ratios) < 1.2
