"""The decoder for the web: made of these sources, and the same when it is made anew."""

import pytest
from web.node import Node
from web.test_web_writing import asked

from strivelm import SamplingConfig
from strivelm.loading import COME_ALONG
from strivelm.web import build, script


def test_what_lies_in_the_package_is_made_of_these_sources():
    assert build.is_current(), "decoder.wasm is of other sources; make it anew: python -m strivelm.web.build"


def test_a_file_of_other_sources_is_noticed(tmp_path, monkeypatch):
    changed = tmp_path / "decoder.c"
    changed.write_bytes(build.SOURCES[0].read_bytes() + b"\n")
    monkeypatch.setattr(build, "SOURCES", [changed, *build.SOURCES[1:]])
    assert not build.is_current()


def test_made_anew_it_writes_the_same(node, tmp_path):
    if build.compiler() is None:
        pytest.skip("clang and wasm-ld were not found; install clang and lld")
    anew = Node(tmp_path)
    build.build(tmp_path / "decoder.wasm")
    texts = [asked([1, 2, 3], SamplingConfig(300, temperature, 40, 0.9, 5)) for temperature in (0, 0.8)]
    asks = {"do": "open", "at": str(COME_ALONG["film"])}, {"do": "write", "texts": texts}
    here, there = node.one(*asks), anew.one(*asks)
    assert [[one[0] for one in text] for text in here] == [[one[0] for one in text] for text in there]


def test_without_a_compiler_a_sentence_says_what_is_needed(monkeypatch):
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="clang and wasm-ld are needed"):
        build.build()


def test_the_worker_s_script_holds_all_of_its_modules():
    names = {path.stem for path in script.HERE.glob("*.js")}
    assert {*script.MODULES, *script.OUTSIDE} == names
    made = script.worker({"SECONDS": 60})
    assert all(name in made for name in ("uniforms", "strivelm-models", '"SECONDS": 60'))
    assert "import {" not in made
