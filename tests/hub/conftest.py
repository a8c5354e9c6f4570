"""A loopback Hub, and beside it a process in which the real client believes that it is the Hub."""

import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import pytest
from hub import client_process
from hub.server import LoopbackHub
from hub.store import File, Person

from strivelm.space import bundle


@pytest.fixture(scope="session")
def _hub():
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def hub(_hub):
    """The loopback Hub, with nothing in it but people, and nothing broken yet."""
    _hub.store.repos.clear(), _hub.store.large.clear(), _hub.store.machine.clear(), _hub.breakable.reset()
    _hub.mirror = False
    _hub.store.people = {
        "hf_alice": Person("alice", orgs={"choir": "write", "readers": "read"}),
        "hf_bob": Person("bob", pro=False, pays=False),
        "hf_reader": Person("alice", role="read"),
        "hf_fine": Person("alice", "fineGrained", scopes=[_scope("user", "alice", "repo.write")]),
        "hf_narrow": Person("alice", "fineGrained", scopes=[_scope("model", "alice/one", "repo.content.read")]),
    }
    return _hub


def _scope(kind: str, name: str, permission: str) -> dict:
    return {"entity": {"type": kind, "name": name}, "permissions": [permission]}


@pytest.fixture(scope="session")
def _pool(_hub, tmp_path_factory):
    """One process for all tests: what it imports takes seconds."""
    variables = {
        "HF_ENDPOINT": _hub.url,
        "HF_HOME": str(tmp_path_factory.mktemp("hf")),
        "STRIVELM_CACHE": str(tmp_path_factory.mktemp("strivelm")),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "OMP_NUM_THREADS": "1",
        "no_proxy": "*",
    }
    gone = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        for name in gone:
            patch.delenv(name, raising=False)
        pool = ProcessPoolExecutor(1, get_context("spawn"))
        pool.submit(os.getpid).result(120)
    yield pool
    pool.shutdown()


@pytest.fixture
def client(_pool):
    """The function that calls one of client_process.py there: client("opened", "owner/name")."""

    def call(name: str, *args, **how):
        return _pool.submit(client_process.call, name, *args, **how).result(120)

    return call


@pytest.fixture
def variables(client):
    """A block in which the client's process has other environment variables; None removes one."""

    @contextmanager
    def block(**values):
        before = client("environment", **values)
        try:
            yield
        finally:
            client("environment", **before)

    return block


@pytest.fixture
def constant(client):
    """A block in which a constant of huggingface_hub has another value."""

    @contextmanager
    def block(name, value):
        before = client("set_constant", name, value)
        try:
            yield
        finally:
            client("set_constant", name, before)

    return block


@pytest.fixture
def publish(hub):
    """The function that puts a folder's files on the Hub at once, as another program would have: a commit's id."""

    def put(folder, repo="alice/one", branch="main", **changed):
        there = hub.store.repos.get(("models", repo)) or hub.store.create("models", repo, Person(repo.split("/")[0]))
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder else {}
        files |= {name.replace("__", "."): content for name, content in changed.items()}
        there.branches.setdefault(branch, there.branches["main"])
        kept = {n: None if c is None else File.of(c, n.endswith((".safetensors", ".bin"))) for n, c in files.items()}
        return there.commit(branch, kept, "put there").id

    return put


@pytest.fixture(scope="session")
def _folder(make_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "saved"
    make_model().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(_folder, tmp_path):
    """The folder in which `model` is saved; a copy, as saving makes sure that all is on the disk, which takes long."""
    return shutil.copytree(_folder, tmp_path / "saved")


@pytest.fixture
def run_folder(_run_folder, tmp_path):
    """A folder like a run's: a model, its record, its curve, two snapshots, and what must never leave the machine."""
    return shutil.copytree(_run_folder, tmp_path / "run")


@pytest.fixture(scope="session")
def _run_folder(make_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    best = {"step": 40, "train": 2.0, "validation": 2.125, "seconds": 9.0}
    corpus = {"name": "a text", "sha256": "0" * 64, "characters": 1000}
    record = {"corpus": corpus, "best": best, "finished": True, "command": "python scripts/train.py"}
    for place, seed, step in ((folder, 1, 40), (_snapshot(folder, 0), 2, 0), (_snapshot(folder, 10), 3, 10)):
        found = record | {"best": best | {"step": step}}
        make_model(seed=seed).save_pretrained(place, model_card_kwargs={"corpus": corpus, "best": found["best"]})
        (place / "training.json").write_text(json.dumps(found))
    (folder / "loss.png").write_bytes(b"\x89PNG\r\n\x1a\n\0 a picture")
    (folder / "resume").mkdir()
    (folder / "resume" / "state.pt").write_bytes(b"the state of a run")
    (folder / ".env").write_text("HF_TOKEN=hf_secret")
    (folder / "notes.txt").write_text("not for the Hub")
    return folder


def _snapshot(folder, step: int):
    return folder / "snapshots" / f"step-{step}"


# -- pushing -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def push(hub, client, run_folder):
    """The function that pushes the run as alice does."""

    def call(folder=run_folder, repo="alice/one", token="hf_alice", **how):
        return client("pushed", folder, repo, token=token, **how)

    return call


@pytest.fixture
def files(hub):
    """The function that says what a revision holds: bytes by name."""

    def held(revision="main", repo="alice/one"):
        return {name: file.content for name, file in hub.store.repos["models", repo].resolve(revision).files.items()}

    return held


@pytest.fixture
def commits(hub):
    """The function that says how many commits a revision of alice/one has, the Hub's own first one included."""
    return lambda revision="main": len(hub.store.repos["models", "alice/one"].history(revision))


# -- Spaces -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path):
    """A checkout in small: all that a Space must have, one model, and two modules."""
    root, small = tmp_path / "checkout", ("__init__.py", "model.py")
    (root / "strivelm" / "assets" / "bundled").mkdir(parents=True)
    for name in (*bundle.NEEDED, *(f"strivelm/{name}" for name in small)):
        shutil.copyfile(bundle.ROOT / name, root / name)
    (root / "strivelm" / "assets" / "bundled" / "model.safetensors").write_bytes(b"\0weights")
    return root


@pytest.fixture
def deployed(client, checkout):
    """The function that deploys the checkout as alice does: an address, and what was heard."""

    def call(repo="alice/space", token="hf_alice", **how):
        return client("deployed", repo, how.pop("root", checkout), token=token, **how)

    return call


@pytest.fixture
def space(hub):
    """The function that gives a Space as the Hub has it."""
    return lambda repo="alice/space": hub.store.repos["spaces", repo]


@pytest.fixture
def held(space):
    """The function that says what a Space holds: bytes by name, but for what is git's own."""

    def call(repo="alice/space"):
        files = space(repo).resolve("main").files
        return {name: file.content for name, file in files.items() if name != ".gitattributes"}

    return call


# -- loading -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path):
    """A cache with nothing in it."""
    return tmp_path / "cache"


@pytest.fixture
def one(publish, folder, model):
    """The fingerprint of the model that is at alice/one, with a record of its training."""
    (folder / "training.json").write_text(json.dumps({"best": {"step": 5, "validation": 2.25}}))
    publish(folder)
    return client_process.fingerprint(model)


@pytest.fixture
def load(client, cache):
    """The function that opens alice/one, with one cache for all calls."""

    def call(ref="alice/one", **how):
        return client("opened", ref, **{"cache_dir": cache} | how)

    return call
