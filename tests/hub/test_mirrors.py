"""The Hub where it is not the Hub: mirrors, no network, a proxy that can't be used, a disk that is full or was left."""

import os
import time

import pytest

from strivelm import CheckpointError
from strivelm.hub.cache import sweep_downloads
from strivelm.hub.client import HubError, NotFoundError, UnreachableError

PUBLIC = {"public": True, "disk": 1 << 20}


# -- mirrors -----------------------------------------------------------------------------------------------------------


def test_a_mirror_that_does_not_know_expand_still_serves_models(hub, one, load):
    hub.mirror = True
    assert load()["model"] == one
    asked = [line for line in hub.breakable.log if "/revision/" in line]
    assert len(asked) == 2


def test_what_a_mirror_has_not_is_told_apart(hub, one, load):
    hub.mirror = True
    with pytest.raises(NotFoundError, match="there is no model alice/none on the Hub, or it is private"):
        load("alice/none")


def test_the_hubs_own_no_is_not_asked_for_twice(hub, one, load):
    with pytest.raises(NotFoundError, match="there is no model alice/none on the Hub"):
        load("alice/none")
    assert len([line for line in hub.breakable.log if "/revision/" in line]) == 1


def test_a_model_is_pushed_to_a_mirror(hub, push, files):
    hub.mirror = True
    assert push() == f"{hub.url}/alice/one"
    push()
    assert "model.safetensors" in files()
    with pytest.raises(HubError, match="alice/one is on the Hub and public"):
        push(private=True)


# -- no network --------------------------------------------------------------------------------------------------------


def test_offline_answers_at_once(one, load, constant):
    load()
    patient = {"retry_delay": 2.0, "max_attempts": 3}
    with constant("HF_HUB_OFFLINE", True):
        begun = time.monotonic()
        assert load(limits=patient)["model"] == one
        with pytest.raises(UnreachableError, match="HF_HUB_OFFLINE is set"):
            load("alice/none", limits=patient)
        assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "nonsense"])
@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "http_proxy"])
def test_a_proxy_that_can_not_be_used_is_named_at_once(one, load, client, variables, name, scheme):
    with variables(**{"no_proxy": None, name: f"{scheme}://127.0.0.1:9"}):
        client("forget_session")
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match=f"{name} can't be used") as refusal:
            load(limits={"retry_delay": 2.0, "max_attempts": 3})
        assert time.monotonic() - begun < 1.5
    client("forget_session")
    assert "\n" not in str(refusal.value)
    assert ("pip install socksio" in str(refusal.value)) == scheme.startswith("socks")
    assert load()["model"] == one


# -- the disk ----------------------------------------------------------------------------------------------------------


def test_strangers_are_not_told_where_the_cache_is(one, load, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="alice/one can't be kept here now") as refusal:
        load(cache_dir=tmp_path / "file", limits=PUBLIC)
    assert str(tmp_path) not in str(refusal.value)


def test_what_was_left_half_fetched_is_swept(one, load, cache):
    load()
    blobs = cache / "models--alice--one" / "blobs"
    old, new, theirs = (blobs / f"{'0' * 40}.{rest}incomplete" for rest in ("0123abcd.", "4567abcd.", ""))
    for path in (old, new, theirs):
        path.write_text("half")
        if path != new:
            os.utime(path, (1, 1))
    sweep_downloads(cache)
    assert [path.exists() for path in (old, new, theirs)] == [False, True, True]
    assert load()["model"] == one
