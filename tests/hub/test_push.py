"""A run to the Hub, with the client that users have: what is sent, what is not, and what a second push still does."""

import pytest
import torch
import yaml
from hub.store import FILES, File

from strivelm.hub.client import HubError


def metadata(readme):
    return yaml.safe_load(readme.decode().split("---\n")[1])


def sent(hub):
    """The requests since the log was cleared that send a file or change something."""
    return [line for line in hub.breakable.log if line.startswith("PUT") or "/commit/" in line or "/branch/" in line]


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_a_first_push_is_one_commit_of_what_belongs_to_a_model_and_nothing_else(hub, push, run_folder, files, commits):
    assert push() == f"{hub.url}/alice/one"
    assert commits() == 2
    repo = hub.store.repos["models", "alice/one"]
    assert repo.resolve("main").title == "Step 40, validation loss 2.1250"
    assert not repo.private
    assert set(repo.branches) == {"main"}
    assert files().keys() == FILES
    for name in FILES - {".gitattributes", "README.md"}:
        assert files()[name] == (run_folder / name).read_bytes()


def test_what_was_pushed_opens_to_the_same_model(hub, push, client, run_folder, tmp_path):
    push()
    there = client("opened", "alice/one", cache_dir=tmp_path / "cache")
    assert there["model"] == client("opened", str(run_folder))["model"]
    assert there["validation_loss"] == 2.125
    assert there["commit"] == hub.store.repos["models", "alice/one"].branches["main"]


def test_the_card_names_its_place_and_says_in_metadata_what_the_run_reached(push, files):
    push()
    readme = files()["README.md"]
    assert b"owner/name" not in readme
    assert readme.count(b'from_pretrained("alice/one")') == 3
    told = metadata(readme)
    assert told["library_name"] == "strivelm"
    assert told["pipeline_tag"] == "text-generation"
    assert "license" not in told, "nobody said under which one the text is"
    assert {"gpt2", "character-level", "strivelm"} <= set(told["tags"])
    (index,) = told["model-index"]
    assert index["name"] == "one"
    (result,) = index["results"]
    assert result["task"] == {"type": "text-generation"}
    assert result["dataset"] == {"name": "a text", "type": "text", "split": "validation"}
    assert result["metrics"] == [{"type": "loss", "value": 2.125, "name": "validation loss, nats per character"}]


def test_a_repo_is_private_where_that_is_asked_for(hub, push):
    push(private=True)
    assert hub.store.repos["models", "alice/one"].private


@pytest.mark.parametrize("token", ["hf_alice", "hf_fine"])
def test_a_token_that_may_write_is_enough(push, token, commits):
    push(token=token)
    assert commits() == 2


def test_an_organisation_that_one_belongs_to_can_be_pushed_to(hub, push, files):
    assert push(repo="choir/song") == f"{hub.url}/choir/song"
    assert b'from_pretrained("choir/song")' in files(repo="choir/song")["README.md"]


def test_another_branch_is_made_and_named_in_the_card(hub, push, client, tmp_path, run_folder, files):
    assert push(revision="louder") == f"{hub.url}/alice/one/tree/louder"
    assert files().keys() == {".gitattributes"}
    assert b'from_pretrained("alice/one", revision="louder")' in files("louder")["README.md"]
    there = client("opened", "alice/one@louder", cache_dir=tmp_path / "cache")
    assert there["model"] == client("opened", str(run_folder))["model"]


def test_the_license_that_is_asked_for_is_named(push, files):
    push(license="cc0-1.0")
    assert metadata(files()["README.md"])["license"] == "cc0-1.0"


def test_a_model_pushes_itself(hub, client, model, folder, files):
    assert client("push_itself", folder, "alice/one", token="hf_alice") == f"{hub.url}/alice/one"
    assert files().keys() == FILES - {"loss.png", "training.json"}
    assert files()["model.safetensors"] == (folder / "model.safetensors").read_bytes()


def test_transformers_opens_what_was_pushed_to_the_same_logits(push, client):
    push(private=True)
    ours, theirs, text = client("in_two_worlds", "alice/one", "ABC abc", "hf_alice")
    assert torch.equal(torch.tensor(ours), torch.tensor(theirs))
    assert text == "ABC abc"


# -- again -------------------------------------------------------------------------------------------------------------


def test_a_second_push_of_the_same_sends_nothing_and_makes_no_commit(hub, push, commits):
    push(snapshots=True)
    before = {branch: commits(branch) for branch in ("main", "step-0", "step-10")}
    hub.breakable.log.clear()
    push(snapshots=True)
    assert sent(hub) == []
    assert before == {branch: commits(branch) for branch in before}


def test_of_a_changed_run_only_what_changed_is_sent(hub, push, run_folder, files, commits):
    push()
    (run_folder / "loss.png").write_bytes(b"\x89PNG\r\n\x1a\n\0 another picture")
    hub.breakable.log.clear()
    push()
    assert len([line for line in sent(hub) if line.startswith("PUT")]) == 1
    assert commits() == 3
    assert files()["loss.png"] == (run_folder / "loss.png").read_bytes()


def test_what_the_model_before_had_and_this_one_has_not_goes(push, run_folder, files):
    push()
    (run_folder / "training.json").unlink()
    (run_folder / "loss.png").unlink()
    push()
    assert files().keys() == FILES - {"loss.png", "training.json"}


def test_what_somebody_else_put_there_stays(hub, push, files):
    push()
    hub.store.repos["models", "alice/one"].commit("main", {"LICENSE": File(b"mine"), "demo.wav": File(b"a")}, "more")
    push()
    assert files().keys() == FILES | {"LICENSE", "demo.wav"}


# -- snapshots ---------------------------------------------------------------------------------------------------------


def test_snapshots_are_revisions_that_hold_that_model_alone(hub, push, client, run_folder, tmp_path, files, commits):
    heard = client("pushed_aloud", run_folder, "alice/one", token="hf_alice", snapshots=True)
    assert heard == [(0, 3, "main"), (1, 3, "step-0"), (2, 3, "step-10"), (3, 3, "")]
    seen = set()
    for step in (0, 10):
        revision = f"step-{step}"
        assert files(revision).keys() == FILES - {"loss.png"}
        assert commits(revision) == 2
        assert f'from_pretrained("alice/one", revision="{revision}")' in files(revision)["README.md"].decode()
        there = client("opened", f"alice/one@{revision}", cache_dir=tmp_path / "cache")
        assert there["model"] == client("opened", str(run_folder / "snapshots" / revision))["model"]
        seen.add(there["model"])
    assert len(seen) == 2
    assert len(hub.store.repos["models", "alice/one"].history("main")) == 2


def test_a_run_without_snapshots_says_so(hub, push, folder):
    with pytest.raises(HubError, match=r"holds no snapshots; train with --snapshots N to keep some"):
        push(folder, snapshots=True)
    assert hub.breakable.log == []


def test_a_tag_of_a_snapshots_name_is_in_the_way(hub, push):
    push()
    repo = hub.store.repos["models", "alice/one"]
    repo.tags["step-0"] = repo.branches["main"]
    with pytest.raises(HubError, match="alice/one has a tag step-0, which can't be pushed to; delete it, or name"):
        push(snapshots=True)
