"""The gallery: every view alone, with sample data, on this machine."""

import threading
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from strivelm import open_model
from strivelm.ui import gallery
from strivelm.ui.components import scripts, view
from strivelm.ui.components.view import VIEWS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served():
    """The gallery of the film, on a port that is free."""
    found = gallery.Gallery(open_model("film"), 0)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_view_has_a_sample_and_draws_it(served, browser, name, theme):
    page, wrong = browser.new_page(viewport={"width": 390, "height": 700}), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{served.address}view/{name}?__theme={theme}")
    assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
    if VIEWS[name].template:  # else it shows nothing by itself
        assert page.locator("main").bounding_box()["height"] > 10
        assert page.inner_text("main").strip()
    assert wrong == []
    page.close()


def test_all_are_on_one_page(served, browser):
    page = browser.new_page()
    page.goto(served.address)
    assert page.locator("section").count() == len(VIEWS)
    assert page.locator("#message iframe").count() == len(gallery.FRAMES)
    frame = page.frame_locator("#message iframe >> nth=1")
    page.locator("#message").scroll_into_view_if_needed()
    assert "é" in frame.locator(".message").inner_text()
    page.close()


def test_a_style_is_read_anew_and_a_view_that_is_not_there_is_named(served, tmp_path, monkeypatch):
    for file in view.HERE.glob("*.*s"):
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(view, "HERE", tmp_path)
    monkeypatch.setitem(VIEWS, "message", message := VIEWS["message"])
    view.View(tmp_path, "message", message.template)  # which takes its place
    address = f"{served.address}view/message"
    assert b"rebeccapurple" not in urlopen(address).read()
    (tmp_path / "message.css").write_text(".message { color: rebeccapurple; }", "utf-8")
    assert b"rebeccapurple" in urlopen(address).read()
    with pytest.raises(HTTPError) as wrong:
        urlopen(f"{served.address}view/nobody")
    assert wrong.value.code == 404
    assert "expected one of " in wrong.value.read().decode()
    view.read.cache_clear()
    scripts.shared.cache_clear()


def test_a_port_that_is_taken_is_said(served, capsys):
    with pytest.raises(SystemExit):
        gallery.main(["--model", "film", "--port", str(served.server_port)])
    assert "choose another one with --port" in capsys.readouterr().err
