"""The line that opens a model, run where it says."""

import pytest

from strivelm import OpenModel, load_model, open_model
from strivelm.ui.core.python_lines import load_line


def run(line):
    exec(line, names := {"load_model": load_model})
    return names["model"]


@pytest.mark.parametrize("ref", ["bundled", "film", "film@step-55"])
def test_a_model_that_comes_along_is_opened_by_its_name(ref):
    opened = open_model(ref)
    assert load_line(opened) == f"model = load_model({ref!r})"
    assert run(load_line(opened)).num_parameters() == opened.model.num_parameters()


@pytest.mark.parametrize("snapshot", ["", "@step-3"])
def test_a_folder_is_opened_beside_it_and_its_place_is_not_told(noise, tmp_path, monkeypatch, snapshot):
    noise.model.save_pretrained(tmp_path / "run")
    noise.model.save_pretrained(tmp_path / "run" / "snapshots" / "step-3")
    line = load_line(open_model(f"{tmp_path / 'run'}{snapshot}"))
    assert str(tmp_path) not in line
    monkeypatch.chdir(tmp_path)
    assert run(line).config == noise.model.config


def test_a_repo_of_the_hub_is_opened_by_its_name(noise):
    assert load_line(OpenModel("me/o'neil@v1", noise.model, {})) == 'model = load_model("me/o\'neil@v1")'
