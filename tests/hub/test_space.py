"""A Space, made and brought up to date with the client that users have: what is sent, what is waited for."""

import os

import pytest
import yaml
from hub.space_machine import Machine
from hub.space_routes import card_errors
from hub.store import File

from strivelm.space import bundle

PLANTED = (
    ".env",
    ".git/config",
    "notes.ipynb",
    "runs/mine/model.safetensors",
    "runs/mine/resume/state.pt",
    "scripts/train.py",
    "tests/test_it.py",
    "app.pyc",
    "strivelm/.env",
    "strivelm/.hidden.py",
    "strivelm/__pycache__/model.cpython-311.pyc",
    "strivelm/__pycache__/model.py",
    "strivelm/mine/model.safetensors",
    "strivelm/ui/components/header.pyi",
    "strivelm/ui/components/.env.js",
    "strivelm/assets/weights.pkl",
    "strivelm/assets/.env.txt",
    "strivelm/assets/mine/model.safetensors",
    "strivelm/assets/bundled/pytorch_model.bin",
    "strivelm/assets/bundled/resume/state.pt",
    "strivelm/assets/film/snapshots/best/model.safetensors",
)
"""What lies about in a checkout and is nobody's business."""


def put(root, name, content=b"x"):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)


def metadata(readme):
    return yaml.safe_load(readme.decode().split("---\n")[1])


def changing(hub):
    """The requests since the log was cleared that change something."""
    words = ("/repos/create", "/commit/main", "/variables", "/hardware", "/restart")
    return [line for line in hub.breakable.log if line.startswith(("PUT", "DELETE", "POST")) and line.endswith(words)]


# -- the first time ----------------------------------------------------------------------------------------------------


def test_what_arrives_is_what_was_here_and_nothing_else(hub, deployed, checkout, space, held):
    ours = {name: (checkout / name).read_bytes() for name in bundle.names(checkout)}
    for name in PLANTED:
        put(checkout, name)
    (checkout / "strivelm" / "leak.py").symlink_to(checkout / ".env")
    os.symlink(checkout / "runs", checkout / "strivelm" / "assets" / "film" / "linked")
    address, heard = deployed()
    assert address == f"{hub.url}/spaces/alice/space"
    there = held()
    assert there.keys() == {*ours, bundle.PACKAGES}
    assert {name for name in ours if there[name] != ours[name]} == {"README.md"}
    assert there["README.md"].endswith(ours["README.md"].split(b"\n---\n", 1)[1])
    assert space().resolve("main").files["strivelm/assets/bundled/model.safetensors"].sha256
    assert len(space().history("main")) == 3  # the Hub's own two, and ours
    assert heard == ["creating alice/space", "sending 9 files (0.0 MB)", "building", "app starting", "running"]


def test_the_whole_checkout_arrives_and_each_byte_of_it(deployed, held):
    deployed(root=bundle.ROOT)
    ours = bundle.pack()
    there = held()
    assert there.keys() == {*ours, bundle.PACKAGES}
    assert {name for name in ours if there[name] != ours[name]} == {"README.md"}


def test_a_space_is_made_with_its_hardware_and_variables_at_once(hub, deployed, publish, folder, space):
    publish(folder)
    publish(folder, repo="alice/two", branch="step-5")
    deployed(model="alice/one", models="film, alice/two@step-5", hardware="t4-small", private=True)
    made = space()
    assert (made.sdk, made.private, made.machine.requested) == ("gradio", True, "t4-small")
    assert made.variables == {"STRIVELM_MODEL": "alice/one", "STRIVELM_MODELS": "film,alice/two@step-5"}
    assert not [
        line for line in hub.breakable.log if line.startswith("POST") and line.endswith(("hardware", "variables"))
    ]


def test_its_readme_names_its_models_and_picture_and_is_what_the_hub_takes(deployed, publish, folder, held, hub):
    publish(folder)
    deployed(model="alice/one", models="bundled,alice/one@main")
    readme = held()["README.md"]
    assert card_errors(readme.decode()) == []
    told = metadata(readme)
    assert told["models"] == ["alice/one"]
    assert told["thumbnail"] == f"{hub.url}/spaces/alice/space/resolve/main/strivelm/assets/screenshot.png"


def test_on_zerogpu_torch_is_kept_to_what_that_takes(deployed, held):
    deployed(hardware="zero-a10g")
    assert b"\ntorch>=2.8,<=2.11.0\n" in held()["requirements.txt"]
    deployed()  # the hardware that it has counts, not the one that this call names
    assert b"\ntorch>=2.8,<=2.11.0\n" in held()["requirements.txt"]
    deployed(hardware="t4-small")
    assert held()["requirements.txt"] == (bundle.ROOT / "requirements.txt").read_bytes()


def test_an_organisations_space_and_a_narrow_token_will_do(deployed, held):
    deployed(repo="choir/space")
    assert held("choir/space")
    deployed(token="hf_fine")


# -- again -------------------------------------------------------------------------------------------------------------


def test_a_second_time_nothing_is_sent_and_nothing_waited_for(hub, deployed, space):
    deployed(model="bundled", hardware="t4-small")
    hub.breakable.log.clear()
    _, heard = deployed(model="bundled", hardware="t4-small")
    assert heard == ["running"]
    assert changing(hub) == []
    assert len(space().history("main")) == 3


def test_what_changed_is_sent_what_vanished_goes_and_what_somebody_else_put_there_stays(
    hub, deployed, checkout, space, held
):
    put(checkout, "strivelm/old.py")
    deployed()
    space().commit("main", {"mine.txt": File(b"mine"), "strivelm/x.pyc": File(b"x"), "LICENSE": File(b"no")}, "by hand")
    (checkout / "strivelm" / "old.py").unlink()
    put(checkout, "strivelm/new.py", b"new = True\n")
    hub.breakable.log.clear()
    _, heard = deployed()
    assert heard[0].startswith("sending 2 files")
    assert heard[0].endswith("removing 2")
    assert held().keys() == {*bundle.names(checkout), bundle.PACKAGES, "mine.txt"}
    assert held()["LICENSE"] == (checkout / "LICENSE").read_bytes()
    assert not [line for line in hub.breakable.log if line.startswith("PUT")]


def test_variables_that_are_named_change_and_others_stay(deployed, space):
    deployed(model="film", models="bundled")
    space().variables["THEIRS"] = "1"
    _, heard = deployed(model="bundled")
    assert space().variables == {"STRIVELM_MODEL": "bundled", "STRIVELM_MODELS": "bundled", "THEIRS": "1"}
    assert heard == ["setting STRIVELM_MODEL=bundled", "running app starting", "running"]
    deployed(models="")
    assert space().variables == {"STRIVELM_MODEL": "bundled", "THEIRS": "1"}


def test_hardware_changes_only_where_that_is_asked_for(deployed, space):
    deployed(hardware="t4-small")
    deployed()
    assert space().machine.requested == "t4-small"
    _, heard = deployed(hardware="cpu-basic")
    assert space().machine.requested == "cpu-basic"
    assert heard[0] == "asking for cpu-basic"


def test_hardware_that_the_hub_forgot_at_creation_is_asked_for_again(hub, deployed, space):
    """As happened: https://github.com/huggingface/huggingface_hub/issues/1477."""
    hub.store.create("spaces", "alice/space", hub.store.people["hf_alice"], sdk="gradio", machine=Machine())
    deployed(hardware="t4-small")
    assert space().machine.requested == "t4-small"


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


# -- waiting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("says_commit", [True, False])
def test_the_state_of_before_is_not_taken_for_that_of_now(hub, deployed, checkout, space, says_commit):
    hub.store.machine = {"late": 5, "says_commit": says_commit}
    deployed()
    put(checkout, "strivelm/new.py")
    _, heard = deployed()
    assert heard[1:] == ["running", "building", "app starting", "running"]
    assert len(space().machine.stages) == 1


def test_a_space_that_sleeps_is_woken(deployed, space):
    deployed()
    space().machine.stages = ["SLEEPING"]
    _, heard = deployed()
    assert heard == ["sleeping", "restarting it", "building", "app starting", "running"]
    assert space().machine.restarts == [False]


@pytest.mark.parametrize(("stage", "anew"), [("BUILD_ERROR", True), ("RUNTIME_ERROR", False)])
def test_what_had_failed_is_started_anew_where_nothing_changed(deployed, space, stage, anew):
    deployed()
    space().machine.stages = [stage]
    deployed()
    assert space().machine.restarts == [anew]
