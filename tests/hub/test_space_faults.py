"""A deployment that is refused, that breaks off, whose Space does not run; and the script that deploys."""

import time

import pytest
from hub.space_machine import Machine
from hub.store import File

from strivelm.hub.client import HubError, UnreachableError
from strivelm.space import bundle, deploy

# -- what is refused ---------------------------------------------------------------------------------------------------

REFUSED = {
    "the token may only read": (
        {"token": "hf_reader"},
        "this token of alice may only read; make one that may write at",
    ),
    "it is another's": ({"token": "hf_bob"}, "may not write to alice's repos; deploy to bob/… instead"),
    "the token is too narrow": ({"token": "hf_narrow"}, "may not write to alice/space; give it 'repo.write' there, at"),
    "the token is unknown": (
        {"token": "hf_old"},
        "the Hub does not know this token; log in again with `hf auth login`",
    ),
    "there is no token": ({"token": None}, "there is no token to deploy with: run `hf auth login`, or set HF_TOKEN to"),
    "the name is none": ({"repo": "space"}, "'space' is no name of a Hub repo; expected owner/name"),
    "the hardware is none": (
        {"hardware": "t4-smal"},
        "there is no hardware 't4-smal'; huggingface_hub .* knows cpu-basic",
    ),
    "the model's name is none": (
        {"model": "../x"},
        "'../x' is no model: expected 'bundled', 'film'",
    ),
    "the model is a folder": ({"model": "tests"}, "'tests' is no model"),
    "a model is not there": (
        {"models": "film,alice/none"},
        "there is no model alice/none on the Hub, or it is private",
    ),
    "the timeout is none": ({"timeout": float("nan")}, "the timeout is nan seconds; expected more than 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_deployment_is_refused_with_the_reason_when(hub, deployed, case):
    how, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as refusal:
        deployed(**how)
    assert "\n" not in str(refusal.value)
    assert hub.store.repos == {}


@pytest.mark.parametrize(
    ("hardware", "words"),
    [
        (
            None,
            "the Hub refuses cpu-basic for bob/space: 402 .*PRO.*; subscribe at https://huggingface.co/subscribe/pro",
        ),
        ("zero-a10g", "the Hub refuses zero-a10g for bob/space: 402 .*; subscribe at .* such as --hardware t4-small"),
        (
            "t4-small",
            "the Hub refuses t4-small for bob/space: 402 .*; add a means of payment at https://huggingface.co/",
        ),
    ],
)
def test_hardware_that_one_does_not_pay_for_is_said_to_be_so(hub, deployed, hardware, words):
    with pytest.raises(HubError, match=words):
        deployed("bob/space", "hf_bob", hardware=hardware)
    assert hub.store.repos == {}


def test_other_hardware_can_be_refused_too_and_then_nothing_else_is_changed(hub, deployed, checkout, space):
    deployed()
    hub.store.people["hf_alice"].pays = False
    (checkout / "strivelm" / "new.py").touch()
    with pytest.raises(HubError, match="the Hub refuses t4-small for alice/space: 402 A payment method is required"):
        deployed(hardware="t4-small")
    assert len(space().history("main")) == 3


@pytest.mark.parametrize("sdk", ["gradio", "docker"])
def test_a_name_that_another_space_has_is_taken(hub, deployed, space, sdk):
    hub.store.create("spaces", "alice/space", hub.store.people["hf_alice"], sdk=sdk, machine=Machine())
    space().commit("main", {"app.py": File(b"import gradio")}, "an app")
    with pytest.raises(HubError, match="alice/space is taken: it holds another Space, which is not StriveLM's; choose"):
        deployed()
    assert len(space().history("main")) == 2


def test_a_public_space_is_not_deployed_to_by_one_who_wants_it_private(hub, deployed):
    deployed()
    with pytest.raises(HubError, match="alice/space is on the Hub and public; make it private in its settings"):
        deployed(private=True)


def test_a_private_model_is_not_opened_by_a_space(hub, deployed, publish, folder):
    publish(folder)
    hub.store.repos["models", "alice/one"].private = True
    with pytest.raises(HubError, match="there is no model alice/one on the Hub, or it is private"):
        deployed(model="alice/one")


def test_a_token_in_a_file_is_not_published(hub, deployed, checkout):
    (checkout / "strivelm" / "mine.py").write_text(f'TOKEN = "hf_{"a1B2" * 9}"')
    with pytest.raises(ValueError, match=r"strivelm/mine\.py holds what looks like a token of the Hub; remove it"):
        deployed()
    assert hub.breakable.log == []


@pytest.mark.parametrize("name", ["app.py", "LICENSE", "strivelm/__init__.py"])
def test_an_incomplete_checkout_is_not_deployed(hub, deployed, checkout, name):
    (checkout / name).unlink()
    with pytest.raises(ValueError, match=rf"holds no {name}; deploy from a checkout of StriveLM"):
        deployed()
    assert hub.breakable.log == []


# -- what breaks off ---------------------------------------------------------------------------------------------------

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


# -- a Space that does not run -----------------------------------------------------------------------------------------


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


# -- the script --------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("case", [case for case, (how, _) in REFUSED.items() if "timeout" not in how])
def test_a_dry_run_refuses_what_a_deployment_would(hub, client, checkout, case):
    how, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        client("planned", **{"repo": "alice/space", "root": checkout, "token": "hf_alice"} | how)
    assert hub.store.repos == {}


def test_metadata_that_the_hub_does_not_take_is_said_before_anything_is_made(hub, deployed, checkout):
    readme = (checkout / "README.md").read_text("utf-8").replace("colorTo: gray", "colorTo: beige")
    (checkout / "README.md").write_text(readme, "utf-8")
    with pytest.raises(HubError, match=r"the Hub refuses the deployment to alice/space: .*\"colorTo\" is 'beige'"):
        deployed()
    assert hub.store.repos == {}


def test_a_readme_without_metadata_is_said_before_the_hub_is_asked(hub, deployed, checkout):
    (checkout / "README.md").write_text("# Mine\n", "utf-8")
    with pytest.raises(ValueError, match=r"README\.md does not begin with a Space's metadata"):
        deployed()
    assert hub.breakable.log == []


def test_a_clone_with_the_line_ends_of_windows_is_deployed_as_the_repository_has_it(
    deployed, checkout, held, publish, folder
):
    publish(folder)
    deployed(model="alice/one")
    before = held()
    for path in checkout.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    _, heard = deployed(model="alice/one")
    assert not any(line.startswith("sending") for line in heard)
    assert held() == before
    deployed("alice/another", model="alice/one")
    assert held("alice/another").keys() == before.keys()
    assert held("alice/another")["app.py"] == before["app.py"]


def test_the_script_ends_with_one_sentence_where_it_can_not_deploy(client):
    code, out, err = client("script", "deploy_space.py", "alice/space")
    assert (code, out) == (1, "")
    assert err.startswith("error: there is no token to deploy with: run `hf auth login`")
    assert err.count("\n") == 1
