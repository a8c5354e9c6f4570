"""Who writes a page's texts, and which files a visitor's browser may have."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from strivelm.loading import OpenModel, open_model
from strivelm.ui.core import gpu, in_browser
from strivelm.ui.tabs.generate.in_browser import LIMITS
from strivelm.web import CHOSEN


@pytest.fixture(scope="module")
def client():
    """What asks for the page's own addresses."""
    return TestClient(Starlette(routes=in_browser.routes(LIMITS)))


def test_the_server_writes_unless_the_owner_says_otherwise(monkeypatch):
    monkeypatch.delenv(CHOSEN, raising=False)
    assert in_browser.writer() == "server"
    monkeypatch.setattr(gpu, "lent", lambda: True)  # then a text would cost the visitor's quota
    assert in_browser.writer() == "browser"
    monkeypatch.setenv(CHOSEN, "faster")
    assert in_browser.writer() == "faster"
    monkeypatch.setenv(CHOSEN, "me")
    with pytest.raises(ValueError, match=r"STRIVELM_WRITER is 'me'; expected one of server, browser, faster"):
        in_browser.writer()


def test_a_model_of_the_package_comes_from_the_page(client):
    for ref in ("bundled", "film", "film@step-0"):
        opened = open_model(ref)
        files = in_browser.files_of(opened)
        assert set(files) >= {"config", "weights"}
        for key, address in files.items():
            answer = client.get(f"/{address}")
            assert answer.status_code == 200
            assert answer.content == (opened.folder / in_browser.FILES[key]).read_bytes()
            assert "immutable" in answer.headers["cache-control"]


def test_nothing_else_of_the_machine_does(client):
    address = in_browser.files_of(open_model("bundled"))["weights"]
    digest = address.split("/")[2]
    for name in (
        "bundled/README.md",
        "bundled/../bundled/training.json",
        "../web/decoder.wasm",
        "bundled/none/config.json",
        "film/config.json",  # another model's digest
        "%2e%2e/%2e%2e/pyproject.toml",
        "/etc/passwd",
        "",
    ):
        assert client.get(f"/strivelm/models/{digest}/{name}").status_code == 404, name


def test_a_hub_model_comes_from_the_hub_at_the_commit_that_is_open(tmp_path):
    opened = open_model("film")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes(b"")
    there = OpenModel("owner/name@main", opened.model, {}, "c" * 40, tmp_path)
    assert in_browser.files_of(there) == {
        "config": f"https://huggingface.co/owner/name/resolve/{'c' * 40}/config.json",
        "weights": f"https://huggingface.co/owner/name/resolve/{'c' * 40}/model.safetensors",
    }


def test_the_owner_s_folder_stays_where_it_is(tmp_path):
    opened = open_model("film")
    assert in_browser.model(OpenModel(str(tmp_path), opened.model, {}, None, tmp_path))["files"] is None
    assert in_browser.model(OpenModel("noise", opened.model, {}))["files"] is None


def test_the_worker_s_script_is_small_packed_and_asked_for_once(client):
    answer = client.get("/strivelm/worker.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "web.serve(" in answer.text
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 50_000
    plain = client.get("/strivelm/worker.js", headers={"accept-encoding": "identity"})
    assert plain.text == answer.text
    again = client.get("/strivelm/worker.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
