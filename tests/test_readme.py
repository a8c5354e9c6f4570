"""What the README promises: its commands are there, its Python runs, its pictures and files exist."""

import ast
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from commands import SMALL, run

from strivelm.cli.training_flags import parse

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BUNDLED = ROOT / "strivelm" / "assets" / "bundled"
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
RUN_HERE = [
    *("SamplingConfig", "AutoTokenizer", "logit_lens", "help(strivelm.inspection)"),
    *("notebook.attention(", 'save("map.html")', "gradio_client"),
]
"""Words by which the tests below find each block."""
KINDS = {
    # CI does of these what it can
    r"git clone |cd |source |git lfs install|wait$|python -m venv |pip install |python -m pytest": "machine",
    r"python app\.py\b": "app",
    r"(python|(hf jobs uv run|torchrun) .*) ?scripts/train\.py\b": "train",
    r"python scripts/generate\.py ": "generate",
    r"python scripts/push\.py ": "push",
    r"python scripts/verify\.py ": "verify",
    r"python scripts/deploy_space\.py ": "deploy",
    r"python scripts/import_checkpoint\.py ": "import",
    r"python -c ": "python",
}


def kind_of(command: str) -> str | None:
    """Which of the tests below tries a command."""
    return next((kind for pattern, kind in KINDS.items() if re.match(pattern, command)), None)


def commands() -> list[str]:
    """Every command of the indented blocks, continued lines joined, comments dropped, lists of commands apart."""
    prose = re.sub(r"^```.*?^```", "", README.split("---\n", 2)[2], flags=re.MULTILINE | re.DOTALL)
    found = []
    for block in re.findall(r"(?:^    .+\n)+", prose, re.MULTILINE):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            parts = re.split(r"\s(?:&&|&|;)(?:\s|$)|;\s", re.sub(r"\s+#.*", "", line.strip()))
            found += parts if '"' not in line else [re.sub(r"\s+#.*", "", line.strip())]
    return [part.strip() for part in found if part.strip()]


COMMANDS = commands()


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


# -- its Python --------------------------------------------------------------------------------------------------------


def cell(code: str, name: str = "README.md") -> object:
    """Runs lines as a notebook's cell; gives the value of its last line, which is what a notebook draws."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    names = {"__name__": "readme"}
    exec(compile(tree, name, "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), name, "eval"), names)


def code_with(words: str) -> str:
    """The only block of Python that holds these words."""
    (code,) = [code for code in PYTHON if words in code]
    return code


def test_every_block_of_python_is_run_here():
    assert sorted(map(code_with, RUN_HERE)) == sorted(PYTHON)


def test_the_python_that_writes_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    cell(code_with("SamplingConfig"))
    printed = capsys.readouterr().out
    assert len(printed.split("\n'")[0]) >= len("To be") + 200
    assert len(re.findall(r"^'.*' [01]\.\d\d \[\(\d+, ", printed, re.MULTILINE)) == 5


def test_the_python_of_transformers_runs(monkeypatch, capsys, transformers):
    monkeypatch.chdir(ROOT)
    cell(code_with("AutoTokenizer"))
    printed = capsys.readouterr().out
    assert printed.startswith("To be")
    assert len(printed) == (len("To be") + 200 + 1) + (256 + 1)


def test_the_python_that_looks_inside_runs(capsys):
    cell(code_with("logit_lens"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "torch.Size([6, 4, 5, 5])"
    assert "'token embedding'" in lines[-2]
    assert len(lines) == 5


def test_help_names_every_file_of_the_inspection_and_its_formulas(capsys):
    cell(code_with("help(strivelm.inspection)"))
    printed = capsys.readouterr().out
    assert "residual stream" in printed.lower()
    listed = re.findall(r"^ {4,8}(\w+)  +[a-z]", printed.split("In which file")[1].split("\n\n")[0], re.MULTILINE)
    files = {path.stem for path in (ROOT / "strivelm" / "inspection").glob("*.py")} - {"__init__"}
    assert set(listed) == files


def test_a_notebooks_cell_draws_a_view():
    drawn = cell(code_with("notebook.attention("))._repr_html_()
    assert drawn.startswith("<iframe srcdoc=")
    assert "To be, or not to be" in drawn


def test_a_view_becomes_a_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    cell(code_with('save("map.html")'))
    assert "film@step-55" in (tmp_path / "map.html").read_text("utf-8")


def test_the_python_that_calls_the_page_runs(capsys):
    from serving import served

    from strivelm import open_model

    opened = open_model("bundled")
    with served(opened) as address:
        code = code_with("gradio_client").replace("http://127.0.0.1:7860/", address)
        assert address in code
        cell(code)
    printed = capsys.readouterr().out
    assert opened.model.generate("To be", 60, seed=1)[len("To be") :] in printed
    assert re.search(r"^\['.'(, '.')*\]$", printed.splitlines()[-1])


# -- its commands ------------------------------------------------------------------------------------------------------


def test_every_command_is_one_that_is_tried_here():
    for command in COMMANDS:
        assert kind_of(command), f"{command} is tried by no test"


def commands_of(kind: str) -> list[str]:
    return [command for command in COMMANDS if kind_of(command) == kind]


@pytest.fixture(scope="module")
def bard(tmp_path_factory):
    """What the README's runs/bard stands for: a small run with snapshots, on a text that comes along."""
    out = tmp_path_factory.mktemp("readme") / "bard"
    done = run("train.py", "--out", out, *SMALL, "--max-steps", 20, "--snapshots", 3, "--threads", 1)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def standing(bard, tmp_path):
    """The function that puts what is here in the place of what the README's reader has."""
    (tmp_path / "text.txt").write_text("the fox and the crow\n" * 40)
    text = str(tmp_path / "text.txt")
    places = {"shakespeare": "bundled", "my-book.txt": text, "input.txt": text, "out.pt": str(tmp_path / "out.pt")}
    places |= dict.fromkeys(("runs/teacher-1", "runs/teacher-2", "runs/bard"), str(bard))

    def stand(words: list[str]) -> list[str]:
        made = [places.get(word, word).replace("runs/bard@step-242", f"{bard}@step-20") for word in words]
        for i, word in enumerate(made[:-1]):
            if word == "--out":
                made[i + 1] = str(tmp_path / "run")
        return made

    return stand


@pytest.mark.parametrize("command", commands_of("train"))
def test_a_training_starts(command, standing):
    words = shlex.split(command)
    flags = standing(words[words.index("scripts/train.py") + 1 :])
    if "--push" in flags:  # a dry run asks the Hub
        at = flags.index("--push")
        flags[at : at + 2] = []
    if "--resume" in flags:  # tests/hub/test_resume_from_hub.py tries it, on a Hub of its own
        assert parse(flags).folder.source == "owner/name"
        return
    settled = ["--threads", "1"] * ("--threads" not in flags) + ["--precision", "float32"] * (
        "--precision" not in flags
    )
    done = run("train.py", *flags, *settled, "--dry-run")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_run_of_1500_steps_keeps_the_snapshots_that_are_named(tmp_path):
    named = re.search(r"of 1,500 steps ((?:\d+, )+\d+ and \d+)\.", " ".join(README.split()))[1]
    sizes = ["--n-layer", 1, "--n-head", 1, "--n-embd", 8, "--block-size", 8, "--batch-size", 2]
    quick = ["--eval-interval", 1500, "--sample", 0, "--threads", 1, "--precision", "float32"]
    done = run("train.py", "--out", tmp_path / "run", "--max-steps", 1500, "--snapshots", 6, *sizes, *quick)
    assert done.returncode == 0, done.stderr
    kept = {path.name.removeprefix("step-") for path in (tmp_path / "run" / "snapshots").iterdir()}
    assert kept == set(re.findall(r"\d+", named))
    assert set(re.findall(r"runs/bard@step-(\d+)", README)) <= kept


@pytest.mark.parametrize("command", commands_of("generate"))
def test_a_text_is_written(command, standing):
    flags = standing(shlex.split(command)[2:])
    done = run("generate.py", *flags)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 100


def test_a_deployment_takes_its_flags():
    """tests/hub/test_space.py tries it, on a Hub of its own: a dry run asks the Hub as well."""
    import tyro

    from strivelm.cli.deploy import Flags

    found = [tyro.cli(Flags, args=shlex.split(command)[2:]) for command in commands_of("deploy")]
    assert [(one.space, one.model, one.dry_run) for one in found] == [
        ("owner/space", "owner/name", True),
        ("owner/space", "owner/name", False),
    ]


def test_a_checkpoint_is_imported(standing, tmp_path, make_model):
    from test_scripts import seed_checkpoint

    seed_checkpoint(make_model(), tmp_path / "out.pt")
    (command,) = commands_of("import")
    source, _ = standing(shlex.split(command)[2:])
    done = run("import_checkpoint.py", source, tmp_path / "imported")
    assert done.returncode == 0, done.stderr


def test_a_push_takes_its_flags():
    import tyro

    from strivelm.cli.push import Flags

    for command in commands_of("push"):
        assert tyro.cli(Flags, args=shlex.split(command)[2:]).repo == "owner/name"


@pytest.mark.parametrize("command", commands_of("verify"))
def test_snapshots_are_verified(command, standing):
    """tests/hub/test_verify.py tries it with a repo, on a Hub of its own."""
    flags = [word.replace("owner/name", "film") for word in standing(shlex.split(command)[2:])]
    done = run("verify.py", *flags[:1])
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing wrong was found" in done.stdout


def test_the_page_takes_its_flags():
    command = [sys.executable, "app.py", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    flags = set(re.findall(r"--[a-z-]+", " ".join(commands_of("app"))))
    assert flags
    assert all(flag in shown for flag in flags)


def test_the_lines_of_a_space_as_a_package_run(capsys):
    (command,) = commands_of("python")
    cell(shlex.split(command)[2])
    assert len(capsys.readouterr().out) == len("To be") + 100 + 1


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
