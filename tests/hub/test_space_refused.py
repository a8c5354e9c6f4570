"""A deployment that is refused, and the reason that is given; nothing is made or changed then."""

import pytest
from hub.space_machine import Machine
from hub.store import File

from strivelm.hub.client import HubError

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


def test_the_script_ends_with_one_sentence_where_it_can_not_deploy(client):
    code, out, err = client("script", "deploy_space.py", "alice/space")
    assert (code, out) == (1, "")
    assert err.startswith("error: there is no token to deploy with: run `hf auth login`")
    assert err.count("\n") == 1
