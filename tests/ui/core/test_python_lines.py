"""The lines that open a model again: they run, and say nothing of where the page's machine keeps it."""

import pytest

import strivelm
from strivelm.loading import COME_ALONG
from strivelm.ui.core.python_lines import load_line, open_line


def ran(line):
    """What the line makes."""
    names = {"load_model": strivelm.load_model, "open_model": strivelm.open_model}
    exec(line, names)
    return names


def test_a_model_that_has_a_name_is_opened_by_it():
    assert load_line(strivelm.open_model("bundled")) == "model = load_model('bundled')"
    film = strivelm.open_model("film@step-55")
    assert open_line(film) == "opened = open_model('film@step-55')"
    assert ran(open_line(film))["opened"].training == film.training


def test_a_snapshot_of_a_model_that_comes_along_keeps_its_name_however_it_was_opened():
    line = load_line(strivelm.open_model(f"{COME_ALONG['film']}@step-55"))
    assert line == "model = load_model('film@step-55')"


@pytest.mark.parametrize("name", ["run", "a run's"])
def test_of_a_folder_only_the_name_is_shown_and_the_line_runs_beside_it(noise, tmp_path, monkeypatch, name):
    noise.model.save_pretrained(tmp_path / name)
    line = load_line(strivelm.open_model(str(tmp_path / name)))
    assert str(tmp_path) not in line
    monkeypatch.chdir(tmp_path)
    assert ran(line)["model"].num_parameters() == noise.model.num_parameters()


def test_a_snapshot_of_a_folder_keeps_its_step(noise, tmp_path, monkeypatch):
    noise.model.save_pretrained(tmp_path / "run" / "snapshots" / "step-5")
    noise.model.save_pretrained(tmp_path / "run")
    line = load_line(strivelm.open_model(f"{tmp_path / 'run'}@step-5"))
    assert "'./run@step-5'" in line
    assert str(tmp_path) not in line
    monkeypatch.chdir(tmp_path)
    assert ran(line)["model"].num_parameters() == noise.model.num_parameters()
