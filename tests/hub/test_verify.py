"""Whether snapshots are what they are said to be: swapped, missing, doubled, cut, another's; on the Hub and here."""

import json
import shutil

import pytest
from commands import SMALL, run
from hub.store import File

from strivelm import manifest
from strivelm.checkpoint import CheckpointError
from strivelm.hub.client import UnreachableError
from strivelm.loading import COME_ALONG
from strivelm.verification import verify

STEPS = ("step-0", "step-1", "step-6", "step-30")
RIGHT = dict.fromkeys(STEPS, ())
TEXT = "the cat sat on the mat; the dog sat on the log. " * 400
FLAGS = [*SMALL, "--max-steps", "30", "--snapshots", "4", "--sample", "0", "--threads", "1", "--precision", "float32"]
FLAGS += ["--eval-characters", "500"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A file with a text."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def _trained(tmp_path_factory, text):
    out = tmp_path_factory.mktemp("trained") / "run"
    done = run("train.py", "--data", text, "--out", out, *FLAGS)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def trained(_trained, tmp_path):
    """The folder of a run with four snapshots."""
    return shutil.copytree(_trained, tmp_path / "trained")


@pytest.fixture
def there(hub, client, trained):
    """The repo that the run was pushed to, in the loopback Hub's store."""
    client("pushed", trained, "alice/one", token="hf_alice", snapshots=True)
    return hub.store.repos["models", "alice/one"]


@pytest.fixture
def verified(client, tmp_path):
    """The function that says what is wrong with each snapshot of alice/one."""

    def call(data=None, ref="alice/one"):
        return client("verified", str(ref), data and str(data), cache_dir=tmp_path / "cache")[0]

    return call


def put(repo, branch, **files):
    """Changes files of a branch, as another program would; None removes one."""
    named = {name.replace("__", "."): content for name, content in files.items()}
    kept = {n: None if c is None else File.of(c, n.endswith(".safetensors")) for n, c in named.items()}
    repo.commit(branch, kept, "changed")


def model_of(repo, branch):
    return repo.resolve(branch).files["model.safetensors"].content


def test_what_training_and_push_wrote_is_right(there, verified, trained, text, client, tmp_path):
    assert verified() == RIGHT
    assert verified(text) == RIGHT
    assert client("verified", str(trained), str(text)) == (RIGHT, True)


def test_the_manifest_says_what_the_files_are(trained):
    listed = manifest.read(trained)
    assert listed.corpus["sha256"] == json.loads((trained / "training.json").read_text())["corpus"]["sha256"]
    assert tuple(listed.snapshots) == STEPS
    for name, entry in listed.snapshots.items():
        record = json.loads((trained / "snapshots" / name / "training.json").read_text())
        assert entry.validation == record["best"]["validation"]
        assert entry.bytes == (trained / "snapshots" / name / "model.safetensors").stat().st_size
    assert [entry.characters for entry in listed.snapshots.values()] == [500, 500, 500, None]
    assert manifest.of_folder(trained) == listed, "it can be made anew from the folder"


def swap(repo):
    one, other = (dict(repo.resolve(name).files) for name in ("step-1", "step-6"))
    repo.commit("step-1", other, "swapped"), repo.commit("step-6", one, "swapped")


def swap_weights(repo):
    one, other = model_of(repo, "step-1"), model_of(repo, "step-6")
    put(repo, "step-1", model__safetensors=other), put(repo, "step-6", model__safetensors=one)


def final_everywhere(repo):
    for name in STEPS[:3]:
        put(repo, name, model__safetensors=model_of(repo, "step-30"))


def remove(repo):
    del repo.branches["step-6"]


def cut(repo):
    put(repo, "step-6", model__safetensors=model_of(repo, "step-6")[:-100])


def emptied(repo):
    put(repo, "step-6", model__safetensors=None)


def zeroed(repo):
    content = bytearray(model_of(repo, "step-6"))
    content[-400:] = bytes(400)
    put(repo, "step-6", model__safetensors=bytes(content))


def add(repo):
    repo.branches["step-7"] = repo.branches["step-6"]


WRONG = {
    "two whole snapshots are swapped": (
        swap,
        {
            "step-1": ["its own record says step 6", "it holds the weights of step-6"],
            "step-6": ["its own record says step 1", "it holds the weights of step-1"],
        },
    ),
    "the weights of two are swapped": (
        swap_weights,
        {"step-1": ["it holds the weights of step-6"], "step-6": ["it holds the weights of step-1"]},
    ),
    "the last weights stand under every step": (
        final_everywhere,
        {
            "step-0": ["it holds the weights of step-30", "the same bytes as step-1, step-6, step-30", "final model"],
            "step-1": ["it holds the weights of step-30", "the same bytes as step-0, step-6, step-30", "final model"],
            "step-6": ["it holds the weights of step-30", "the same bytes as step-0, step-1, step-30", "final model"],
            "step-30": ["the same bytes as step-0, step-1, step-6"],
        },
    ),
    "one is missing": (remove, {"step-6": ["missing"]}),
    "one is cut short": (cut, {"step-6": ["damaged: "]}),
    "one has no weights": (emptied, {"step-6": ["damaged: alice/one holds no model.safetensors"]}),
    "some weights are zero": (zeroed, {"step-6": ["other weights than were recorded"]}),
    "one is there that nobody listed": (
        add,
        {
            "step-6": ["the same bytes as step-7"],
            "step-7": ["snapshots.json does not list it", "its own record says step 6", "the same bytes as step-6"],
        },
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_it_is_found_on_the_hub_that(there, verified, case):
    spoil, expected = WRONG[case]
    spoil(there)
    found = verified()
    assert {name for name, wrong in found.items() if wrong} == expected.keys()
    for name, words in expected.items():
        assert len(found[name]) == len(words), found[name]
        assert all(word in wrong for word, wrong in zip(words, found[name], strict=True)), found[name]


def test_without_a_manifest_doubles_and_own_records_are_compared(there, verified, client, tmp_path):
    put(there, "main", snapshots__json=None)
    assert client("verified", "alice/one", cache_dir=tmp_path / "cache") == (RIGHT, False)
    final_everywhere(there)
    found = verified()
    assert all("the same bytes as" in " ".join(found[name]) for name in STEPS)


def test_a_loss_that_is_another_than_recorded_is_found(there, verified, text):
    listed = json.loads(there.resolve("main").files["snapshots.json"].content)
    listed["snapshots"]["step-6"]["validation"] -= 0.5
    put(there, "main", snapshots__json=json.dumps(listed).encode())
    assert verified() == RIGHT, "no text, no loss"
    found = verified(text)
    assert {name for name, wrong in found.items() if wrong} == {"step-6"}
    assert "its loss is" in found["step-6"][0]
    assert "was recorded" in found["step-6"][0]


def test_another_text_is_refused(there, verified, tmp_path):
    (tmp_path / "other.txt").write_text(TEXT + "!")
    with pytest.raises(CheckpointError, match=r"alice/one was trained on another text \(text\.txt, sha256 \w{12}…\)"):
        verified(tmp_path / "other.txt")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"corpus": {}, "snapshots": {"../x": {}}}', b"[" * 99_999])
def test_a_spoilt_manifest_is_a_sentence(there, verified, content):
    put(there, "main", snapshots__json=content)
    with pytest.raises(CheckpointError, match=r"alice/one/snapshots\.json is no list of snapshots"):
        verified()


def test_a_network_that_breaks_at_one_snapshot_is_said_of_that_one(hub, there, verified):
    hub.breakable.fail("GET /alice/one/resolve/.*/config.json", "drop", times=2)
    found = verified()
    assert [name for name, wrong in found.items() if wrong] == ["step-0"]
    assert found["step-0"][0].startswith("could not be read: the Hub can't be reached")
    assert verified() == RIGHT


def test_a_hub_that_is_down_is_an_error(hub, there, verified):
    hub.breakable.fail("GET /api/models/alice/one/refs", "status", times=99, status=503)
    with pytest.raises(UnreachableError, match="it answers 503"):
        verified()


def test_what_has_no_snapshots_says_so(verified, publish, folder, client):
    publish(folder)
    with pytest.raises(CheckpointError, match="alice/one has no snapshots to look at"):
        verified()
    with pytest.raises(CheckpointError, match="leave @step-55 out"):
        verify("film@step-55")


def test_a_run_that_is_still_under_way_is_compared_with_its_own_list(hub, there, verified):
    listed = there.resolve("main").files["snapshots.json"].content
    there.branches["resume"] = there.branches["main"]
    put(there, "main", snapshots__json=None)
    put(there, "resume", snapshots__json=listed)
    assert verified() == RIGHT
    cut(there)
    assert verified()["step-6"]


def test_the_film_that_comes_along_is_whole():
    report = verify("film")
    assert report.snapshots[0].name == "step-0"
    assert len(report.snapshots) == len(list(COME_ALONG["film"].glob("snapshots/step-*"))) == 12
    assert report.wrong == 0
    assert len({one.sha256 for one in report.snapshots}) == 12


# -- pushing -----------------------------------------------------------------------------------------------------------


def test_a_folder_whose_snapshots_are_not_what_training_wrote_is_not_pushed(hub, client, trained):
    shutil.copyfile(
        trained / "snapshots" / "step-30" / "model.safetensors", trained / "snapshots" / "step-1" / "model.safetensors"
    )
    with pytest.raises(CheckpointError, match=r"step-1 is not what training wrote \(see snapshots\.json\)"):
        client("pushed", trained, "alice/one", token="hf_alice", snapshots=True)
    shutil.rmtree(trained / "snapshots" / "step-1")
    with pytest.raises(CheckpointError, match="step-1 is missing"):
        client("pushed", trained, "alice/one", token="hf_alice", snapshots=True)
    assert hub.store.repos == {}


def test_the_card_shows_the_table_and_keeps_it(there, client, trained, files):
    readme = files()["README.md"].decode()
    rows = [line for line in readme.splitlines() if line.startswith("| step-")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(STEPS)
    for row, (name, entry) in zip(rows, manifest.read(trained).snapshots.items(), strict=True):
        assert row == f"| {name} | {entry.validation:.3f} | `{entry.sha256}` |"
    assert readme.index("## Snapshots") < readme.index("## Limits")
    assert "`strivelm verify alice/one`" in readme
    assert "measured on a sample" in readme
    assert "## Snapshots" not in files("step-6")["README.md"].decode()
    client("pushed", trained, "alice/one", token="hf_alice")  # the model alone
    assert files()["README.md"].decode() == readme
    assert files()["snapshots.json"] == (trained / "snapshots.json").read_bytes()


def test_a_card_that_a_person_edited_gets_its_table_anew(there, client, trained, files):
    edited = files()["README.md"].decode().replace("## Limits", "## My words\n\nFor Ada.\n\n## Limits")
    put(there, "main", README__md=edited.replace("| step-6 |", "| step-4 |").encode())
    (trained / "loss.png").write_bytes(b"\x89PNG\r\n\x1a\n\0 another")
    client("pushed", trained, "alice/one", token="hf_alice", snapshots=True)
    readme = files()["README.md"].decode()
    assert "For Ada." in readme
    assert readme.count("| step-6 |") == 1
    assert "| step-4 |" not in readme


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_prints_a_line_a_snapshot_and_ends_with_1_where_something_is_wrong(trained, text):
    done = run("verify.py", trained, "--data", text)
    assert (done.returncode, done.stderr) == (0, "")
    lines, listed = done.stdout.splitlines()[-5:], manifest.read(trained)
    assert lines[-1] == "4 snapshots: nothing wrong was found"
    for line, (name, entry) in zip(lines, listed.snapshots.items(), strict=False):
        assert line.split() == [name, entry.sha256[:12], "loss", f"{entry.validation:.3f}", "as", "recorded"]
    (trained / "snapshots" / "step-6" / "model.safetensors").write_bytes(b"half")
    done = run("verify.py", trained)
    assert (done.returncode, done.stderr) == (1, "")
    assert "1 of 4 snapshots wrong" in done.stdout
    assert "damaged: step-6" in done.stdout.splitlines()[-3]


def test_the_command_says_where_there_is_nothing_to_compare_with(hub, there, client, tmp_path):
    put(there, "main", snapshots__json=None)
    code, out, err = client("script", "verify.py", "alice/one")
    assert (code, err) == (0, "")
    assert "There is no snapshots.json to compare with" in out
    code, out, err = client("script", "verify.py", "alice/none")
    assert code == 1
    assert err.startswith("error: there is no model alice/none on the Hub")
