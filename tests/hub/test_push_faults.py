"""A push that is refused, that breaks off, that is only asked about; and the script that pushes."""

import time

import pytest
import torch
from hub.store import FILES, File
from safetensors.torch import save_file

from strivelm.hub.client import HubError, UnreachableError

# -- what goes wrong ---------------------------------------------------------------------------------------------------

REFUSED = {
    "one may only read": ({"token": "hf_reader"}, "this token of alice may only read; make one that may write at http"),
    "it is another's": ({"token": "hf_bob"}, "bob, whose token this is, may not write to alice's repos; push to bob/…"),
    "it is too narrow": (
        {"token": "hf_narrow"},
        "this token of alice may not write to alice/one; give it 'repo.write' there",
    ),
    "it is unknown": ({"token": "hf_old"}, "the Hub does not know this token; log in again with `hf auth login`"),
    "the organisation lets one read": (
        {"repo": "readers/one"},
        "alice, whose token this is, may not write to readers'",
    ),
    "the name is none": ({"repo": "one"}, "'one' is no name of a Hub repo; expected owner/name"),
    "the name is a path": ({"repo": "../one"}, "is no name of a Hub repo"),
    "the branch is none": ({"revision": "../main"}, "'../main' is no revision; expected a branch"),
    "the license is none": ({"license": "wtf"}, 'the Hub refuses the push to alice/one: .*"license" must be one of'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_push_is_refused_with_the_reason_when(hub, push, case):
    how, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        push(**how)
    assert not any(repo.history("main")[1:] for repo in hub.store.repos.values())


def test_without_a_token_a_push_says_how_to_get_one(hub, push):
    with pytest.raises(HubError, match=r"there is no token to push with: run `hf auth login`, or set HF_TOKEN"):
        push(token=None)
    assert hub.breakable.authorized == []


def test_the_token_comes_from_the_usual_place(push, variables, commits):
    with variables(HF_TOKEN="hf_alice"):
        push(token=None)
    assert commits() == 2


def test_a_name_that_another_model_has_is_taken(hub, push, commits):
    repo = hub.store.create("models", "alice/one", hub.store.people["hf_alice"])
    repo.commit("main", {"config.json": File(b'{"model_type": "bert"}')}, "a model")
    with pytest.raises(HubError, match="alice/one is taken: it holds another model, which is not StriveLM's; choose"):
        push()
    assert commits() == 2


def test_a_public_repo_is_not_pushed_to_by_one_who_wants_it_private(push):
    push()
    with pytest.raises(HubError, match="alice/one is on the Hub and public; make it private in its settings, or push"):
        push(private=True)


def test_a_damaged_model_is_not_pushed(hub, push, run_folder):
    save_file({"wte.weight": torch.zeros(1)}, run_folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors lacks h\.0"):
        push()
    assert hub.breakable.log == []


def test_a_folder_that_holds_no_model_is_not_pushed(hub, push, tmp_path):
    with pytest.raises(ValueError, match=r"holds no config\.json; is it a model folder\?"):
        push(tmp_path)
    assert hub.breakable.log == []


ROUTES = [
    "GET /api/whoami-v2",
    "GET /api/models/alice/one$",
    "POST /api/repos/create",
    "POST /api/models/alice/one/paths-info",
    "POST /api/validate-yaml",
    "POST /api/models/alice/one/preupload",
    "POST /alice/one.git/info/lfs",
    "PUT /lfs/",
    "POST /lfs-verify",
    "POST /api/models/alice/one/commit",
    "GET /api/models/alice/one/refs",
    "GET /api/models/alice/one/commits",
    "POST /api/models/alice/one/branch",
]


REPEATED = ("PUT", "POST /lfs", "POST /alice", "GET /api/models/alice/one/commits", "POST /api/models/alice/one/pre")
"""Where the client itself tries again and again, with pauses that grow to half a minute."""


@pytest.fixture
def there_at_last(hub, push, files, commits):
    """The function that pushes until it succeeds, to one commit with all in it, and says why it did not before."""

    def call():
        reasons = []
        while len(reasons) < len(ROUTES):
            try:
                push(revision="louder")
                break
            except UnreachableError as error:
                reasons.append(str(error))
        assert all(fault.times == 0 for fault in hub.breakable.faults)
        assert files("louder").keys() == FILES
        assert commits("louder") == 2
        assert commits() == 1
        return reasons

    return call


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_that_is_lost_changes_nothing_in_the_end(hub, there_at_last, route):
    hub.breakable.fail(route, "lost")
    assert there_at_last() == []


@pytest.mark.parametrize("details", [{"kind": "drop"}, {"kind": "status", "status": 503}], ids=["drop", "503"])
def test_a_push_that_breaks_off_again_and_again_goes_on_each_time(hub, there_at_last, details):
    for route in ROUTES:
        hub.breakable.fail(route, **details)
    reasons = there_at_last()
    assert reasons
    assert all(reason.endswith("what was sent is kept: push again to go on") for reason in reasons)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("route", [route for route in ROUTES if not route.startswith(REPEATED)])
def test_a_hub_that_is_down_is_said(hub, push, route, status):
    hub.breakable.fail(route, "status", times=9, status=status)
    with pytest.raises(
        UnreachableError, match=rf"^the Hub (can't be reached \(it )?answers {status} .*push again to go on"
    ):
        push(revision="louder")


def test_a_hub_that_answers_with_a_page_is_said(hub, push):
    hub.breakable.fail("validate-yaml", "page", times=9)
    with pytest.raises(
        UnreachableError, match="what answers is not the Hub, or the Hub is in trouble; what was sent is"
    ):
        push()


@pytest.mark.parametrize("route", ["GET /api/whoami-v2", "POST /api/repos/create", "POST /api/models/alice/one/commit"])
def test_a_hub_that_falls_silent_is_not_waited_for_long(hub, push, route):
    hub.breakable.fail(route, "stall", times=9)
    begun = time.monotonic()
    with pytest.raises(UnreachableError, match=r"the push to alice/one broke off \(ReadTimeout.*push again to go on"):
        push(wait=0.4)
    assert time.monotonic() - begun < 10


def test_an_upload_by_xet_that_breaks_off_is_said(push, constant):
    """The loopback Hub has no xet, which the client finds out only when it uploads."""
    with (
        constant("HF_HUB_DISABLE_XET", False),
        pytest.raises(UnreachableError, match=r"the push to alice/one broke off \(ConnectionError: .*push again to go"),
    ):
        push()
    push()


def test_without_a_network_a_push_says_so(push, constant):
    words = "HF_HUB_OFFLINE is set, so nothing can be pushed"
    with constant("HF_HUB_OFFLINE", True), pytest.raises(UnreachableError, match=words):
        push()


def test_what_has_a_files_name_but_is_none_is_not_pushed(push, run_folder, files):
    (run_folder / "loss.png").unlink()
    (run_folder / "loss.png").mkdir()
    push()
    assert "loss.png" not in files()


# -- before hours of training ------------------------------------------------------------------------------------------


def test_a_check_writes_nothing_and_says_where_the_model_would_be(hub, client):
    assert client("checked", "alice/one", token="hf_alice") == f"{hub.url}/alice/one"
    assert hub.store.repos == {}
    assert not any(line.startswith(("PUT", "POST")) for line in hub.breakable.log)


@pytest.mark.parametrize(
    "case", [case for case, (how, _) in REFUSED.items() if not how.keys() & {"revision", "license"}]
)
def test_a_check_refuses_what_a_push_would(client, case):
    how, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        client("checked", **{"repo": "alice/one", "token": "hf_alice"} | how)


def test_a_dry_run_says_what_a_push_would_send_and_writes_nothing(hub, client, push, run_folder, files):
    how = {"token": "hf_alice", "snapshots": True, "license": "cc0-1.0"}
    address, planned = client("planned_push", run_folder, "alice/one", **how)
    assert address == f"{hub.url}/alice/one"
    assert hub.store.repos == {}
    assert not any(line.startswith("PUT") or "create" in line for line in hub.breakable.log)
    assert [one.branch for one in planned] == ["main", "step-0", "step-10"]
    assert {one.license for one in planned} == {"cc0-1.0"}
    push(snapshots=True, license="cc0-1.0")
    for one in planned:
        there = {name: len(content) for name, content in files(one.branch).items() if name != ".gitattributes"}
        assert one.sent == there
    assert all(not one.sent and not one.removed for one in client("planned_push", run_folder, "alice/one", **how)[1])
    (run_folder / "loss.png").unlink()
    (run_folder / "training.json").write_text("{}")
    (main,) = client("planned_push", run_folder, "alice/one", token="hf_alice")[1]
    assert (main.sent, main.removed) == ({"training.json": 2}, ("loss.png",))


@pytest.mark.parametrize("case", REFUSED)
def test_a_dry_run_refuses_what_a_push_would(hub, client, run_folder, case):
    how, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        client("planned_push", run_folder, **{"repo": "alice/one", "token": "hf_alice"} | how)
    assert hub.store.repos == {}


@pytest.mark.parametrize("case", REFUSED)
def test_a_push_that_is_refused_makes_no_repo(hub, push, case):
    how, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        push(**how)
    assert hub.store.repos == {}


# -- the script --------------------------------------------------------------------------------------------------------


def test_the_script_pushes_and_prints_the_address(hub, client, variables, run_folder):
    with variables(HF_TOKEN="hf_alice"):
        code, out, err = client("script", "push.py", str(run_folder), "alice/one", "--snapshots", "--private")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "1 of 3: main",
        "2 of 3: step-0",
        "3 of 3: step-10",
        f"The model is at {hub.url}/alice/one",
    ]
    assert hub.store.repos["models", "alice/one"].private


def test_the_script_ends_with_one_sentence_where_it_can_not_push(client, run_folder):
    code, out, err = client("script", "push.py", str(run_folder), "alice/one")
    assert (code, out) == (1, "")
    assert err.startswith("error: there is no token to push with: run `hf auth login`")
    assert err.count("\n") == 1


def test_a_license_that_the_hub_lacks_is_found_before_a_training(hub, client, variables, tmp_path):
    flags = ["--out", str(tmp_path / "run"), "--push", "alice/one", "--license", "wtf", "--dry-run"]
    with variables(HF_TOKEN="hf_alice"):
        code, _, err = client("script", "train.py", *flags)
    assert code == 1
    assert '"license" must be one of' in err
    assert hub.store.repos == {}


def test_the_script_shows_what_would_go(hub, client, variables, run_folder):
    with variables(HF_TOKEN="hf_alice"):
        flags = ["--license", "mit", "--dry-run"]
        code, out, err = client("script", "push.py", str(run_folder), "alice/one", *flags)
    assert (code, err) == (0, "")
    assert f"{(run_folder / 'model.safetensors').stat().st_size:>14,}  model.safetensors" in out.splitlines()
    assert "license mit" in out.splitlines()
    assert out.splitlines()[-1] == f"Nothing was sent. Without --dry-run it goes to {hub.url}/alice/one"
    assert hub.store.repos == {}


def test_the_scripts_help_names_every_flag(client):
    code, out, _ = client("script", "push.py", "--help")
    assert code == 0
    assert all(flag in out for flag in ("--private", "--revision", "--snapshots", "--license"))
