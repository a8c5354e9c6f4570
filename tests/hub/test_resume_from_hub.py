"""A run that goes on on another machine from what the Hub has, to the losses and the weights of one never stopped."""

import json
import shutil

import pytest
from commands import SMALL
from hub.store import File

from strivelm.hub.client import HubError, UnreachableError

FLAGS = [*SMALL, "--max-steps", "30", "--eval-interval", "10", "--snapshots", "4", "--sample", "0"]
FLAGS += ["--threads", "1", "--precision", "float32", "--dropout", "0.1", "--noise", "0.1"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A file with a text."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("the cat sat on the mat; the dog sat on the log. " * 40)
    return path


@pytest.fixture
def train(hub, client, variables):
    """The function that calls train as alice does: the exit code, what was printed, the errors."""

    def call(*flags, **how):
        with variables(HF_TOKEN="hf_alice"):
            return client("trained", *map(str, flags), **how)

    return call


@pytest.fixture
def uninterrupted(train, text, tmp_path):
    """The folder of a run that nobody disturbed."""
    code, _, errors = train("--data", text, "--out", tmp_path / "whole", *FLAGS)
    assert (code, errors) == (0, "")
    return tmp_path / "whole"


@pytest.fixture
def stopped(train, text, tmp_path):
    """A run that was stopped after 17 steps, and whose folder is gone."""
    out = tmp_path / "first"
    code, _, errors = train("--data", text, "--out", out, *FLAGS, "--push", "alice/one", stop_at=17)
    assert (code, errors) == (0, "")
    shutil.rmtree(out)
    return "alice/one"


def losses(folder):
    record = json.loads((folder / "training.json").read_text())
    return [(entry["step"], entry["train"], entry["validation"]) for entry in record["evaluations"]]


def weights(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("model.safetensors"))}


def test_it_goes_on_to_the_same_losses_and_weights(stopped, train, text, uninterrupted, files, client, tmp_path):
    out = tmp_path / "elsewhere"
    code, printed, errors = train("--resume", stopped, "--data", text, "--out", out)
    assert (code, errors) == (0, "")
    assert "resuming at step 17" in printed
    size = len(files("step-0")["model.safetensors"])
    assert f"fetched  {stopped}: " in printed
    assert losses(out) == losses(uninterrupted)
    assert weights(out) == weights(uninterrupted)
    assert len(weights(out)) == 5
    assert (out / "snapshots.json").read_bytes() == (uninterrupted / "snapshots.json").read_bytes()
    assert (out / "ngrams.safetensors").read_bytes() == (uninterrupted / "ngrams.safetensors").read_bytes()
    assert not (out / "resume").exists()
    assert len(files()["model.safetensors"]) == size
    found, listed = client("verified", "alice/one", str(text), cache_dir=tmp_path / "cache")
    assert listed
    assert found == dict.fromkeys(("step-0", "step-1", "step-6", "step-30"), ())


def test_it_goes_on_from_the_last_snapshot_after_a_power_failure(train, text, uninterrupted, files, tmp_path):
    out = tmp_path / "first"
    code, _, _ = train("--data", text, "--out", out, *FLAGS, "--push", "alice/one", break_at=16, seconds=0.1)
    assert code == 1
    shutil.rmtree(out)
    code, printed, errors = train("--resume=alice/one", "--data", text, "--out", tmp_path / "elsewhere")
    assert (code, errors) == (0, "")
    assert "resuming at step 6" in printed
    assert losses(tmp_path / "elsewhere") == losses(uninterrupted)
    assert weights(tmp_path / "elsewhere") == weights(uninterrupted)


def test_its_folder_is_named_after_the_repo(stopped, train, client, text, tmp_path):
    before = client("work_in", tmp_path)
    try:
        code, printed, errors = train("--resume", stopped, "--data", text, stop_at=1)
        assert (code, errors) == (0, "")
        assert printed.startswith("StriveLM resumes the run of alice/one in runs/one\n")
        assert (tmp_path / "runs" / "one" / "resume" / "state.safetensors").is_file()
        assert (tmp_path / "runs" / "one" / "model.safetensors").is_file(), "the best so far, from the state"
        code, _, errors = train("--resume", "runs/one", "--data", text)
        assert (code, errors) == (0, ""), "a folder of that name comes first"
        assert json.loads((tmp_path / "runs" / "one" / "training.json").read_text())["finished"]
    finally:
        client("work_in", before)


def test_a_dry_run_writes_nothing(stopped, train, text, tmp_path):
    before = sorted(tmp_path.iterdir())
    code, printed, errors = train("--resume", stopped, "--data", text, "--out", tmp_path / "new", "--dry-run")
    assert (code, errors) == (0, "")
    assert "Nothing was trained, written or sent" in printed
    assert sorted(tmp_path.iterdir()) == before


def test_other_settings_and_another_text_are_named(stopped, train, text, tmp_path):
    _, _, errors = train("--resume", stopped, "--data", text, "--out", tmp_path / "a", "--lr", "0.5")
    assert "lr: 0.01 then, 0.5 now" in errors
    _, _, errors = train("--resume", stopped, "--data", "bundled", "--out", tmp_path / "b")
    assert "the text: sha256" in errors


def test_a_folder_that_is_taken_is_left_alone(stopped, train, text, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    code, _, errors = train("--resume", stopped, "--data", text, "--out", tmp_path / "taken", "--overwrite")
    assert code == 1
    assert "is taken; to go on with a run that is there leave alice/one out, or name another --out" in errors
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["mine.txt"]


def test_what_is_no_unfinished_run_is_named(hub, train, push, tmp_path, publish, folder):
    for repo, words in (
        ("alice/none", "there is no model alice/none on the Hub"),
        ("no-name", "'no-name' is no name of a Hub repo; expected owner/name"),
    ):
        code, _, errors = train("--resume", repo, "--out", tmp_path / "new")
        assert (code, words in errors) == (1, True), errors
    push()
    code, _, errors = train("--resume", "alice/one", "--out", tmp_path / "new")
    assert "the run in alice/one is finished: there is nothing to resume" in errors
    publish(folder, "alice/two")
    code, _, errors = train("--resume", "alice/two", "--out", tmp_path / "new")
    assert "alice/two holds no run to resume: it has no branch resume" in errors
    assert not (tmp_path / "new").exists()


def test_a_private_run_is_read_with_a_token_alone(hub, stopped, client, tmp_path):
    hub.store.repos["models", "alice/one"].private = True
    with pytest.raises(HubError, match="there is no model alice/one on the Hub, or it is private"):
        client("fetched_run", "alice/one", tmp_path / "new")
    assert client("fetched_run", "alice/one", tmp_path / "new", token="hf_alice") == []


@pytest.mark.parametrize("kind", ["missing", "another", "short"])
def test_a_snapshot_that_the_hub_lacks_is_named_and_left_out(hub, stopped, client, tmp_path, kind):
    repo = hub.store.repos["models", "alice/one"]
    if kind == "missing":
        del repo.branches["step-1"]
    else:
        content = repo.resolve("step-0" if kind == "another" else "step-1").files["model.safetensors"].content
        wrong = File.of(content if kind == "another" else content[:-7], large=True)
        repo.commit("step-1", {"model.safetensors": wrong}, "spoilt")
    notes = client("fetched_run", "alice/one", tmp_path / "new")
    assert notes == ["step-1 is not on the Hub as training wrote it, and is missing here"]
    assert {path.name for path in (tmp_path / "new" / "snapshots").iterdir()} == {"step-0", "step-6"}
    assert [*json.loads((tmp_path / "new" / "snapshots.json").read_text())["snapshots"]] == ["step-0", "step-6"]


def test_a_hostile_state_is_refused(hub, stopped, train, text, tmp_path):
    pickle = File.of(b"\x80\x04cos\nmkdir\n(S'pwned'\ntR.", large=True)
    hub.store.repos["models", "alice/one"].commit("resume", {"state.safetensors": pickle}, "spoilt")
    code, _, errors = train("--resume", stopped, "--data", text, "--out", tmp_path / "new")
    assert code == 1
    assert "is damaged, or no state of a run" in errors


@pytest.mark.parametrize("fault", ["drop", "cut", "short", "flip"])
def test_a_download_that_breaks_once_is_made_up_for(hub, stopped, client, tmp_path, fault):
    hub.breakable.fail("GET /cdn/", fault, times=1, after=200)
    assert client("fetched_run", "alice/one", tmp_path / "new") == []
    assert (tmp_path / "new" / "snapshots" / "step-6" / "model.safetensors").is_file()


def test_a_download_that_breaks_for_good_leaves_nothing(hub, stopped, client, tmp_path):
    before = sorted(tmp_path.iterdir())
    hub.breakable.fail("GET /cdn/", "drop", times=10**6)
    with pytest.raises(UnreachableError):
        client("fetched_run", "alice/one", tmp_path / "new")
    hub.breakable.reset()
    hub.breakable.fail("GET /cdn/", "flip", times=10**6, after=200)
    with pytest.raises(HubError, match=r"alice/one is damaged at .* received twice with other bytes"):
        client("fetched_run", "alice/one", tmp_path / "new")
    assert sorted(tmp_path.iterdir()) == before
