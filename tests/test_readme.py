"""What the README promises: its commands are there, its Python runs, its pictures and files exist."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BUNDLED = ROOT / "strivelm" / "assets" / "bundled"
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def front_matter() -> dict[str, str]:
    head = README.split("---\n")[1]
    return dict(re.findall(r"^(\w+): (.*)$", head, re.MULTILINE))


def test_the_two_commands_stand_there_as_ci_runs_them():
    assert "    pip install -r requirements.txt && python app.py\n" in README
    assert "    pip install -r requirements.txt -r tests/requirements.txt && python -m pytest\n" in README


def test_front_matter_is_what_a_space_takes():
    said = front_matter()
    assert said["sdk"] == "gradio"
    assert said["sdk_version"] == version("gradio")
    assert f"gradio=={said['sdk_version']}\n" in (ROOT / "requirements.txt").read_text()
    assert (ROOT / said["app_file"]).is_file()
    assert len(said["short_description"]) <= 60
    assert said["python_version"] == '"3.12"'


def test_pictures_and_scripts_exist():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README) + re.findall(r"scripts/\w+\.py", README):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("code", PYTHON[:2], ids=["strivelm", "transformers"])
def test_the_python_runs(code, monkeypatch, capsys, transformers):
    monkeypatch.chdir(ROOT)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert printed.startswith("To be")
    assert len(printed.split("\n'")[0]) >= len("To be") + 200


def test_the_python_that_looks_inside_runs(capsys):
    exec(compile(PYTHON[2], "README.md", "exec"), {"__name__": "readme"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "torch.Size([6, 4, 5, 5])"
    assert "'token embedding'" in lines[-2]
    assert len(lines) == 5


def test_the_python_for_notebooks_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON[3], "README.md", "exec"), {"__name__": "readme"})
    assert "film@step-55" in (tmp_path / "map.html").read_text("utf-8")


def test_the_python_that_calls_the_page_runs(capsys):
    from serving import served

    from strivelm import open_model

    opened = open_model("bundled")
    with served(opened) as address:
        code = PYTHON[4].replace("http://127.0.0.1:7860/", address)
        assert code != PYTHON[4]
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert opened.model.generate("To be", 60, seed=1)[len("To be") :] in printed
    assert re.search(r"^\['.'(, '.')*\]$", printed.splitlines()[-1])


def test_every_preset_is_in_the_table_with_its_sizes_and_purpose():
    from strivelm.config import GPTConfig
    from strivelm.training.presets import PRESETS

    rows = re.findall(r"^\| `(\w+)` \| (\d+), (\d+), (\d+), (\d+) \| ([\d,]+) \| ([^|]+) \|", README, re.MULTILINE)
    said = {name: (*map(int, sizes), parameters, purpose) for name, *sizes, parameters, purpose in rows}
    made = {}
    for name, preset in PRESETS.items():
        s, characters = preset.sizes, 40 if name == "seed" else 58 if name == "small" else 65
        parameters = f"{GPTConfig(vocab_size=characters, **vars(s)).num_parameters:,}"
        made[name] = (s.n_layer, s.n_head, s.n_embd, s.block_size, parameters, preset.purpose)
    assert said == made


def test_the_losses_stated_are_those_of_the_models_that_come_along():
    from strivelm import open_model

    for name in ("bundled", "film"):
        opened = open_model(name)
        row = re.search(rf"^\| `{name}` .*\| ([\d.]+) in [^|]+\|$", README, re.MULTILINE)
        assert row[1] == f"{opened.validation_loss:.3f}"
