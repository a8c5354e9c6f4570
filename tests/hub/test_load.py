"""A model from the Hub, with the client that users have: what comes, what is asked for, what a cache is good for."""

import shutil
import time
from contextlib import contextmanager, nullcontext

import pytest
from hub.client_process import fingerprint

from strivelm import CheckpointError
from strivelm.hub.client import HubError, UnreachableError

GONE = {"pattern": "", "kind": "drop", "times": 99}
CDN = "GET /cdn"
PUBLIC = {"public": True, "disk": 1 << 20}


def asked(hub):
    """The requests since the log was cleared, without hashes and without whoever counts agents."""
    plain = [" ".join(part for part in line.split("/") if len(part) < 40) for line in hub.breakable.log]
    return [line for line in plain if "harnesses" not in line]


def blob(cache, name):
    """The place of a file's bytes in the cache."""
    (link,) = cache.glob(f"models--alice--one/snapshots/*/{name}")
    return link.resolve()


@contextmanager
def working_in(client, folder):
    """A block in which the client's process works in a folder."""
    before = client("work_in", folder)
    try:
        yield
    finally:
        client("work_in", before)


# -- what comes --------------------------------------------------------------------------------------------------------


def test_what_comes_is_the_model_pinned_to_a_commit_with_its_record(hub, one, load):
    found = load()
    assert found["model"] == one
    assert found["commit"] == hub.store.repos["models", "alice/one"].branches["main"]
    assert found["validation_loss"] == 2.25
    assert found["warnings"] == []


def test_only_the_files_of_a_model_are_asked_for_each_by_its_commit(hub, one, load):
    commit = load()["commit"]
    assert asked(hub) == [
        "GET  api models alice one revision main",
        "POST  api models alice one paths-info",
        "GET  alice one resolve config.json",
        "GET  alice one resolve training.json",
        "GET  alice one resolve model.safetensors",
        "GET  cdn",
    ]
    assert all(commit in line for line in hub.breakable.log if "resolve" in line or "paths-info" in line)


def test_the_bytes_are_heard_of_as_they_come(one, load, folder):
    heard = load()["heard"]
    total = sum((folder / name).stat().st_size for name in ("config.json", "training.json", "model.safetensors"))
    tokenizer = (folder / "tokenizer.json").stat().st_size  # not known to be needless before config.json is here
    assert heard[0][1] == total + tokenizer
    assert heard[-1] == (total, total)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_gpt_from_pretrained_opens_it_as_well(one, client, cache):
    assert client("from_pretrained", "alice/one", cache_dir=cache) == one


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub, publish, one, load, make_model, tmp_path):
    other = make_model(seed=7)
    other.save_pretrained(tmp_path / "other")
    repo = hub.store.repos["models", "alice/one"]
    repo.tags["v1"] = publish(tmp_path / "other", branch="step-500")
    publish(tmp_path / "other", branch="wild/idea")
    for revision in ("step-500", "v1", repo.tags["v1"], "wild/idea"):
        assert load(f"alice/one@{revision}")["model"] == fingerprint(other)
    assert load()["model"] == one


def test_a_repo_that_moves_on_is_seen_and_the_old_commit_still_opens(publish, one, load, make_model, tmp_path):
    first = load()["commit"]
    other = make_model(seed=7)
    other.save_pretrained(tmp_path / "other")
    publish(tmp_path / "other")
    assert load()["model"] == fingerprint(other)
    assert load(f"alice/one@{first}")["model"] == one


def test_a_private_model_opens_to_its_owners_token_which_the_cdn_never_sees(hub, one, load):
    hub.store.repos["models", "alice/one"].private = True
    assert load(token="hf_alice")["model"] == one
    assert hub.breakable.authorized
    assert all(line.endswith(f"at 127.0.0.1:{hub.port}") for line in hub.breakable.authorized)
    assert any(line.startswith(CDN) for line in hub.breakable.log)


def test_half_precision_comes_back_as_single(publish, make_model, load, tmp_path):
    import torch

    made = make_model()
    made.save_pretrained(tmp_path / "half", dtype=torch.float16)
    publish(tmp_path / "half")
    assert load()["model"] == fingerprint(made.half().float())


# -- the cache ---------------------------------------------------------------------------------------------------------


def test_the_second_time_nothing_is_fetched(hub, one, load):
    load()
    hub.breakable.log.clear()
    assert load()["model"] == one
    assert asked(hub) == ["GET  api models alice one revision main", "POST  api models alice one paths-info"]


def test_revisions_share_the_files_that_are_equal(hub, publish, one, load, make_model, tmp_path):
    load()
    make_model(seed=7).save_pretrained(tmp_path / "other")
    publish(tmp_path / "other", branch="step-500")
    hub.breakable.log.clear()
    load("alice/one@step-500")
    assert [line for line in asked(hub) if "resolve" in line] == ["GET  alice one resolve model.safetensors"]


def test_what_is_asked_for_anew_is_fetched_anew(hub, one, load):
    load()
    hub.breakable.log.clear()
    assert load(force_download=True)["model"] == one
    assert len([line for line in asked(hub) if "resolve" in line]) == 3


def test_the_cache_is_the_clients_own_both_ways(hub, one, load, client, cache):
    client("library", "snapshot_download", "alice/one", cache_dir=cache)
    hub.breakable.log.clear()
    assert load()["model"] == one
    assert [line for line in asked(hub) if "resolve" in line] == []
    shutil.rmtree(cache)
    commit = load()["commit"]
    for name in ("config.json", "model.safetensors"):
        there = client("library", "hf_hub_download", "alice/one", name, cache_dir=cache, local_files_only=True)
        assert there.endswith(f"models--alice--one/snapshots/{commit}/{name}")


@pytest.mark.parametrize("kind", ["drop", "status", "stall"])
def test_without_the_hub_it_is_what_was_fetched_before(hub, one, load, kind):
    load()
    hub.breakable.fail("", kind, times=99)
    found = load(limits={"wait": 0.3})
    assert found["model"] == one
    (said,) = found["warnings"]
    assert said.startswith("the Hub can't be reached (")
    assert said.endswith("); alice/one is the copy that was fetched before")


@pytest.mark.parametrize("how", [{}, {"local_files_only": True}], ids=["HF_HUB_OFFLINE", "local_files_only"])
def test_who_asks_nobody_gets_what_was_fetched_before_and_no_warning(hub, one, load, constant, tmp_path, how):
    load()
    hub.breakable.log.clear()
    with constant("HF_HUB_OFFLINE", True) if not how else nullcontext():
        found = load(**how)
        with pytest.raises(
            UnreachableError, match=r"reached \((HF_HUB_OFFLINE is set|local_files_only makes no request)\), and no"
        ):
            load(cache_dir=tmp_path / "other", **how)
    assert (found["model"], found["warnings"]) == (one, [])
    assert hub.breakable.log == []


@pytest.mark.parametrize(
    ("how", "reason"), [({}, "ReadError"), ({"local_files_only": True}, "local_files_only makes no request")]
)
def test_without_the_hub_and_a_copy_it_is_said(hub, one, load, how, reason):
    hub.breakable.fail(**GONE)
    words = rf"the Hub can't be reached \({reason}.*\), and no complete copy of alice/one is in the cache"
    with pytest.raises(UnreachableError, match=words):
        load(**how)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "training.json"])
@pytest.mark.parametrize("spoil", ["flip", "cut", "empty", "folder", "outside", "circle", "gone"])
def test_a_spoilt_cache_is_healed(hub, one, load, cache, tmp_path, name, spoil):
    load()
    place = blob(cache, name)
    content = place.read_bytes()
    place.unlink()
    (tmp_path / "outside").write_bytes(content)
    match spoil:
        case "flip":
            place.write_bytes(content[:36] + bytes([content[36] ^ 1]) + content[37:])
        case "cut":
            place.write_bytes(content[:-1])
        case "empty":
            place.write_bytes(b"")
        case "outside":
            place.symlink_to(tmp_path / "outside")
        case "circle":
            place.symlink_to(place)
        case "folder":
            place.mkdir()
    if spoil == "folder":
        with pytest.raises(CheckpointError, match=r"alice/one can't be kept in the cache .*: Is a directory"):
            load()
        place.rmdir()
    assert load()["model"] == one
    assert blob(cache, name).read_bytes() == content
    assert not blob(cache, name).is_symlink()
    assert (tmp_path / "outside").read_bytes() == content


def test_a_spoilt_copy_is_not_opened_where_the_hub_is_gone(hub, one, load, cache):
    load()
    place = blob(cache, "model.safetensors")
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    hub.breakable.fail(**GONE)
    with pytest.raises(UnreachableError, match="no complete copy of alice/one is in the cache"):
        load()


def test_a_repos_folder_that_leads_out_of_the_cache_is_not_written_to(one, load, cache, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    cache.mkdir()
    (cache / "models--alice--one").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"can't be kept in the cache .* leads out of the cache; remove it"):
        load()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_cache_that_can_not_be_written_is_said(one, load, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"alice/one can't be kept in the cache .*/file: Not a directory"):
        load(cache_dir=tmp_path / "file")


def test_a_full_disk_loses_the_models_that_were_not_used_for_the_longest_time(hub, publish, make_model, load, tmp_path):
    sizes = []
    for i in range(4):
        make_model(seed=i).save_pretrained(tmp_path / str(i))
        publish(tmp_path / str(i), repo=f"alice/m{i}")
        sizes.append((tmp_path / str(i) / "model.safetensors").stat().st_size)
    limits = {"disk": 3 * sizes[0]}  # two and what belongs to them
    for i in (0, 1, 0, 2):  # 1 is the one to go
        load(f"alice/m{i}", limits=limits)
        time.sleep(0.02)
    hub.breakable.log.clear()
    load("alice/m0", limits=limits)
    load("alice/m2", limits=limits)
    assert not any("resolve" in line for line in asked(hub))
    load("alice/m1", limits=limits)
    assert any(line.startswith(CDN) for line in hub.breakable.log)


# -- for strangers -----------------------------------------------------------------------------------------------------


def test_on_a_public_page_no_token_is_sent(hub, one, load, variables):
    with variables(HF_TOKEN="hf_alice"):
        assert load(limits=PUBLIC)["model"] == one
        hub.store.repos["models", "alice/one"].private = True
        for how in ({}, {"token": "hf_alice"}):
            with pytest.raises(HubError, match=r"there is no model alice/one on the Hub, or it is private$"):
                load(limits=PUBLIC, **how)
    assert hub.breakable.authorized == []


def test_what_the_owner_fetched_for_herself_is_not_shown_to_strangers(hub, one, client):
    hub.store.repos["models", "alice/one"].private = True
    client("opened", "alice/one", token="hf_alice")
    hub.breakable.fail(**GONE)
    assert client("opened", "alice/one")["model"] == one
    with pytest.raises(UnreachableError, match="no complete copy of alice/one is in the cache"):
        client("opened", "alice/one", limits=PUBLIC)


def test_on_a_public_page_no_folder_is_opened(hub, client, folder, tmp_path):
    with working_in(client, tmp_path):
        (tmp_path / "alice").mkdir()
        shutil.copytree(folder, tmp_path / "alice" / "one")
        assert client("opened", "alice/one")["commit"] is None
        with pytest.raises(HubError, match="there is no model alice/one on the Hub"):
            client("opened", "alice/one", limits=PUBLIC)
        for ref in (str(folder), ".", "alice", "~", "file:///etc"):
            with pytest.raises(
                CheckpointError,
                match="is no model: expected 'bundled', 'film', 'film@step-N', 'owner/name'",
            ):
                client("opened", ref, limits=PUBLIC)


def test_the_bundled_model_is_everybodys(client):
    assert client("opened", "bundled", limits=PUBLIC)["ref"] == "bundled"
