"""A deployment that breaks off, a Space that does not run; and the script that deploys."""

import time

import pytest

from strivelm.hub.client import HubError, UnreachableError
from strivelm.space import bundle, deploy

HERE = "/api/spaces/alice/space"

ROUTES = [
    "GET /api/whoami-v2",
    f"GET {HERE}$",
    "GET /api/models/alice/one/revision/main",
    "POST /api/repos/create",
    f"GET {HERE}/variables",
    f"GET {HERE}/runtime",
    f"GET {HERE}/tree/main",
    "POST /api/validate-yaml",
    f"POST {HERE}/preupload/main",
    "POST /spaces/alice/space.git/info/lfs",
    "PUT /lfs/",
    "POST /lfs-verify",
    f"POST {HERE}/commit/main",
]

AGAIN = [f"POST {HERE}/variables", f"POST {HERE}/hardware", f"GET {HERE}/auth-check/write"]
"""What is asked only of a Space that is there."""

REPEATED = ("PUT", "POST /lfs", "POST /spaces", f"GET {HERE}/tree", f"POST {HERE}/pre", f"GET {HERE}/runtime")
"""Where the client itself tries again and again, with pauses that grow; and the wait, which bears with some."""


@pytest.fixture
def there_at_last(hub, deployed, checkout, publish, folder, space, held):
    """The function that deploys until it succeeds, to one commit with all in it, and says why it did not before."""
    publish(folder)

    def call(hardware="t4-small"):
        reasons = []
        while len(reasons) < 20:
            try:
                deployed(model="alice/one", hardware=hardware)
                break
            except UnreachableError as error:
                reasons.append(str(error))
        assert all(fault.times == 0 for fault in hub.breakable.faults)
        assert held().keys() == {*bundle.names(checkout), bundle.PACKAGES}
        assert space().variables == {"STRIVELM_MODEL": "alice/one"}
        assert space().machine.current == hardware
        assert len(space().history("main")) == 3
        return reasons

    return call


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_that_is_lost_changes_nothing_in_the_end(hub, there_at_last, route):
    hub.breakable.fail(route, "lost")
    assert there_at_last() == []


@pytest.mark.parametrize("route", AGAIN)
@pytest.mark.parametrize("kind", ["lost", "drop"])
def test_an_update_bears_a_lost_answer_as_well(hub, deployed, there_at_last, route, kind):
    deployed(model="bundled")
    hub.breakable.fail(route, kind)
    deployed(model="alice/one", hardware="t4-small")
    hub.breakable.faults.clear()


@pytest.mark.parametrize("details", [{"kind": "drop"}, {"kind": "status", "status": 503}], ids=["drop", "503"])
def test_a_deployment_that_breaks_off_again_and_again_goes_on_each_time(hub, there_at_last, details):
    for route in ROUTES:
        hub.breakable.fail(route, times=1 if route.startswith(REPEATED) else 2, **details)
    reasons = there_at_last()
    assert reasons
    assert all(reason.endswith("what was sent is kept: deploy again to go on") for reason in reasons)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("route", [route for route in ROUTES if not route.startswith(REPEATED)])
def test_a_hub_that_is_down_is_said(hub, there_at_last, deployed, route, status):
    hub.breakable.fail(route, "status", times=2, status=status)
    with pytest.raises(
        UnreachableError, match=rf"^the Hub (can't be reached \(it )?answers {status} .*deploy again to"
    ):
        deployed(model="alice/one", hardware="t4-small")
    assert there_at_last() == []


@pytest.mark.parametrize("status", [401, 403, 404, 418])
@pytest.mark.parametrize("route", ["POST /api/repos/create", f"POST {HERE}/commit/main", f"GET {HERE}/runtime"])
def test_a_refusal_is_one_sentence_and_a_second_try_heals_it(hub, there_at_last, deployed, route, status):
    hub.breakable.fail(route, "status", times=1, status=status)
    with pytest.raises(HubError) as refusal:
        deployed(model="alice/one", hardware="t4-small")
    assert "alice/space" in str(refusal.value) or "token" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert there_at_last() == []


@pytest.mark.parametrize("route", ["validate-yaml", f"GET {HERE}/runtime", f"GET {HERE}/variables", "whoami"])
def test_a_hub_that_answers_with_a_page_is_said(hub, there_at_last, deployed, route):
    hub.breakable.fail(route, "page")
    with pytest.raises(
        UnreachableError, match="what answers is not the Hub, or the Hub is in trouble; what was sent is"
    ):
        deployed(model="alice/one", hardware="t4-small")
    assert there_at_last() == []


@pytest.mark.parametrize("route", ["GET /api/whoami-v2", "POST /api/repos/create", f"POST {HERE}/commit/main"])
def test_a_hub_that_falls_silent_is_not_waited_for_long(hub, there_at_last, deployed, route):
    hub.breakable.fail(route, "stall", times=2)
    begun = time.monotonic()
    with pytest.raises(
        UnreachableError, match=r"the deployment to alice/space broke off \(ReadTimeout.*deploy again to"
    ):
        deployed(model="alice/one", hardware="t4-small", wait=0.4)
    assert time.monotonic() - begun < 10
    assert there_at_last() == []


def test_an_answer_without_what_the_client_reads_in_it_is_asked_for_again(hub, there_at_last):
    hub.breakable.fail("POST /api/repos/create", "status", status=409)
    assert there_at_last() == []


def test_without_a_network_it_says_so(deployed, constant):
    words = "HF_HUB_OFFLINE is set, so nothing can be deployed"
    with constant("HF_HUB_OFFLINE", True), pytest.raises(UnreachableError, match=words):
        deployed()


@pytest.mark.parametrize(
    ("stage", "log", "words"),
    [
        ("BUILD_ERROR", "build", r"alice/space can't be built \(it broke\); correct it and deploy again, or see http"),
        ("RUNTIME_ERROR", "run", r"alice/space was built, but its app ended \(it broke\); correct it"),
        ("CONFIG_ERROR", "build", r"alice/space is refused for its README's metadata \(it broke\); correct it"),
    ],
)
def test_the_end_of_the_log_says_why_and_a_second_try_heals_it(hub, deployed, space, stage, log, words):
    lines = [f"line {i}" for i in range(100)] + ["\x1b[31mERROR: no torch\x1b[0m"]
    hub.store.machine = {"end": stage, "error": "it\nbroke", "logs": {"build": [], "run": []} | {log: lines}}
    with pytest.raises(deploy.FailedError, match=words) as failure:
        deployed()
    assert failure.value.log == [*(f"line {i}" for i in range(61, 100)), "ERROR: no torch"]
    space().machine.end = "RUNNING"
    deployed()
    assert space().machine.restarts


@pytest.mark.parametrize("details", [{"kind": "status", "status": 403}, {"kind": "drop"}, {"kind": "cut", "after": 9}])
def test_a_log_that_can_not_be_had_does_not_hide_the_failure(hub, deployed, details):
    hub.store.machine = {"end": "BUILD_ERROR"}
    hub.breakable.fail(f"GET {HERE}/logs/build", times=9, **details)
    with pytest.raises(deploy.FailedError, match="alice/space can't be built; correct it") as failure:
        deployed()
    assert failure.value.log[-1].startswith("(the rest of the log can't be read: ")


def test_a_log_that_never_ends_is_not_read_for_ever(hub, deployed):
    hub.store.machine = {"end": "BUILD_ERROR", "log_ends": False}
    begun = time.monotonic()
    with pytest.raises(deploy.FailedError, match="alice/space can't be built; correct it") as failure:
        deployed()
    assert failure.value.log == ["Building"]
    assert time.monotonic() - begun < 5


def test_a_paused_space_is_brought_up_to_date_and_left_to_its_owner(hub, deployed, checkout, space, held):
    deployed()
    space().machine.stages = ["PAUSED"]
    (checkout / "strivelm" / "new.py").touch()
    with pytest.raises(HubError, match=r"alice/space is paused: it has the new files, and only its owner .*/settings"):
        deployed()
    assert "strivelm/new.py" in held()
    assert space().machine.restarts == []


def test_one_that_takes_too_long_is_said_and_can_be_waited_for_again(hub, deployed, space):
    hub.store.machine = {"end": "APP_STARTING"}
    with pytest.raises(HubError, match=r"after 0 seconds alice/space is still .*, or deploy again to go on waiting"):
        deployed(timeout=0.2)
    space().machine.stages = ["APP_STARTING", "RUNNING"]
    deployed()


@pytest.mark.parametrize(
    "details", [{"kind": "status", "status": 503}, {"kind": "status", "status": 429}, {"kind": "drop"}]
)
def test_the_wait_bears_with_a_hub_that_is_down_for_a_while(hub, deployed, details):
    hub.breakable.fail(f"GET {HERE}/runtime", times=4, skip=2, **details)
    _, heard = deployed()
    assert heard[-1] == "running"
    assert hub.breakable.faults[0].times == 0


def test_and_not_for_ever(hub, deployed):
    hub.breakable.fail(f"GET {HERE}/runtime", "status", times=99, skip=2)
    with pytest.raises(
        UnreachableError, match="the Hub answers 503 Service Unavailable; what was sent is kept: deploy"
    ):
        deployed()


def test_the_script_deploys_and_prints_the_address(hub, client, variables, space):
    with variables(HF_TOKEN="hf_alice"):
        code, out, err = client("script", "deploy_space.py", "alice/space", "--model", "film", "--private")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"The Space runs at {hub.url}/spaces/alice/space"
    assert space().private
    assert space().variables == {"STRIVELM_MODEL": "film"}


def test_the_script_shows_the_log_of_a_failure(hub, client, variables):
    hub.store.machine = {"end": "BUILD_ERROR", "logs": {"build": ["one", "two"], "run": []}}
    with variables(HF_TOKEN="hf_alice"):
        code, _, err = client("script", "deploy_space.py", "alice/space")
    assert code == 1
    *log, sentence = err.splitlines()
    assert log == ["one", "two"]
    assert sentence.startswith("error: alice/space can't be built; correct it and deploy again, or see ")


def test_a_dry_run_shows_what_would_go_and_changes_nothing(hub, client, variables, publish, folder):
    publish(folder)
    publish(folder, repo="alice/two")
    flags = ("--model", "alice/one", "--models", "film,alice/two", "--hardware", "zero-a10g", "--dry-run")
    with variables(HF_TOKEN="hf_alice"):
        code, out, err = client("script", "deploy_space.py", "alice/space", *flags)
        assert (code, err) == (0, "")
        assert ("spaces", "alice/space") not in hub.store.repos
        assert not any(line.startswith(("PUT", "DELETE")) or "create" in line for line in hub.breakable.log)
        lines = out.splitlines()
        sent = (*bundle.names(), bundle.PACKAGES)
        shown = {line.split()[1]: line.split()[0] for line in lines if line.endswith(sent)}
        client("script", "deploy_space.py", "alice/space", *flags[:-1])
        there = hub.store.repos["spaces", "alice/space"].resolve("main").files
        assert shown == {n: f"{len(f.content):,}" for n, f in there.items() if n != ".gitattributes"}
        assert lines[len(shown) :] == [
            f"{sum(len(there[name].content) for name in shown):>12,}  bytes in {len(shown)} files would go to "
            "alice/space, which would be made",
            "variable STRIVELM_MODEL=alice/one",
            "variable STRIVELM_MODELS=film,alice/two",
            "hardware zero-a10g",
            "visibility as it is (of a new Space: your default, mostly public)",
            f"Nothing was changed. Without --dry-run it goes to {hub.url}/spaces/alice/space",
        ]
        again = client("script", "deploy_space.py", "alice/space", *flags)[1].splitlines()
        assert again[0].split() == [
            *["0", "bytes", "in", "0", "files", "would", "go", "to", "alice/space,", "which", "is", "there"]
        ]
        assert again[1].startswith("hardware as it is")
