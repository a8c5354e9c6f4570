"""What the package says that it needs is what it needs, and what it needs is enough."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from commands import ROOT

from strivelm.cli import console
from strivelm.space import bundle

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OPTIONAL = {"spaces", "plotly", "transformer-lens"}
"""What is imported only where somebody has installed it: spaces by the Hub, the others as peers to compare with."""
NEED_MORE = {"ui": "app", "cli": "train", "training": "train", "inspection/results": "app"} | {
    "export/onnx_graph": "onnx",
    "export/gguf_file": "gguf",
}
"""What of the package needs an extra; all else needs the dependencies alone."""


def requirements(name):
    return {line for line in (ROOT / name).read_text("utf-8").splitlines() if line and not line.startswith("#")}


def canonical(requirement):
    """A distribution's name as indexes compare it, without version and extras."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def imported(path):
    """The libraries that a file imports, wherever in it, by their first name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def needed(folder):
    """The distributions that a folder's files import, with the files: {"pyyaml": {"strivelm/hub/model_card.py"}}."""
    known, found = packages_distributions(), {}
    own = {path.stem for path in ROOT.rglob("*.py")} | {path.name for path in ROOT.glob("*/*") if path.is_dir()}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for name in set(imported(path)) - sys.stdlib_module_names - {"strivelm", folder}:
            if name not in known and name in own:
                continue  # a module beside the file
            names = {canonical(one) for one in known.get(name, [name])}
            found.setdefault(min(names, key=len), set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_the_requirements_are_the_dependencies_with_the_page_s_and_the_scripts():
    assert requirements("requirements.txt") == {*PROJECT["dependencies"], *EXTRAS["app"], *EXTRAS["train"]}


def test_one_extra_brings_all_others():
    assert EXTRAS["all"] == [f"strivelm[{','.join(name for name in EXTRAS if name != 'all')}]"]


def test_every_library_that_the_package_imports_is_declared():
    core = set(map(canonical, PROJECT["dependencies"]))
    for name, files in needed("strivelm").items():
        if name in core | OPTIONAL:
            continue
        extras = {extra for extra, what in EXTRAS.items() if name in map(canonical, what)}
        assert extras, f"{name} is imported by {sorted(files)}, and pyproject.toml does not name it"
        for file in files:
            part = next((part for part in NEED_MORE if file.startswith(f"strivelm/{part}")), None)
            assert part, f"{file} needs {name}, which only the extra {sorted(extras)} brings"


@pytest.mark.parametrize("folder", ["scripts", "tests"])
def test_every_library_that_scripts_and_tests_import_is_declared(folder):
    declared = set(map(canonical, requirements("requirements.txt") | requirements("tests/requirements.txt")))
    missing = {name: files for name, files in needed(folder).items() if name not in declared | OPTIONAL}
    assert not missing


def test_the_extras_of_the_error_messages_bring_what_they_say():
    known = packages_distributions()
    for module, extra in console.EXTRAS.items():
        assert canonical(known.get(module, [module])[0]) in map(canonical, EXTRAS[extra]), module


@pytest.mark.parametrize(
    ("command", "missing", "extra"),
    [("app", "gradio", "app"), ("train", "tqdm", "train"), ("generate", "tyro", "train")],
)
def test_a_command_without_its_libraries_says_what_to_install(command, missing, extra):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"  # an import of it fails as if it were not there
        f"sys.argv = ['strivelm', {command!r}]\n"
        "from strivelm.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert f'pip install "strivelm[{extra}]"' in done.stderr
    assert "Traceback" not in done.stderr


def closure(names):
    """These distributions and all that they need, extras aside, as this machine has them."""
    found, waiting = {}, list(names)
    while waiting:
        name = canonical(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # for another system, or another Python
            continue
        waiting += [line for line in found[name].requires or [] if "extra ==" not in line]
    return found.values()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The Python of an environment that holds the package's wheel and its dependencies, and nothing else.

    The dependencies are links to those of this environment, which spares a gigabyte.
    """
    root = tmp_path_factory.mktemp("alone")
    for name, content in bundle.pack().items():
        path = root / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    build = ["wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(root)]
    subprocess.run([*pip, *build, str(root / "source")], check=True)
    (wheel,) = root.glob("strivelm-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / "venv")], check=True)
    python = root / "venv" / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, "--python", str(python), *install], check=True)
    (site,) = (root / "venv" / "lib").glob("python*/site-packages")
    for found in closure(PROJECT["dependencies"]):
        for first in {Path(file).parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            place = Path(str(found.locate_file(first)))
            if place.exists() and not (site / first).exists():
                (site / first).symlink_to(place)
    return python


def said(command, cwd):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_opens_a_model_and_writes_where_nothing_else_is_installed(alone, tmp_path):
    script = (
        "import importlib.util\n"
        "names = ('gradio', 'matplotlib', 'tyro', 'transformers', 'pandas')\n"
        "present = [name for name in names if importlib.util.find_spec(name)]\n"
        "import strivelm\n"
        "from strivelm import load_model\n"
        "print(present, strivelm.__file__)\n"
        "print(len(load_model().generate('To be', 50)))\n"
        "load_model('film@step-55').save_pretrained('saved')\n"
        "print(strivelm.GPT.from_pretrained('saved').num_parameters())\n"
        "from strivelm import trace\n"
        "print(tuple(trace(load_model(), 'To be').attention.shape))\n"
    )
    lines = said([alone, "-c", script], tmp_path).splitlines()
    assert lines[0].startswith("[] ")
    assert str(alone.parents[1]) in lines[0]
    assert lines[1:] == ["55", "420480", "(6, 4, 5, 5)"]


@pytest.mark.slow
def test_the_wheel_brings_its_command_and_every_file(alone, tmp_path):
    assert "strivelm train" in said([alone.parent / "strivelm", "--help"], tmp_path)
    done = subprocess.run([alone.parent / "strivelm", "app"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, 'pip install "strivelm[app]"' in done.stderr) == (1, True)
    (site,) = alone.parents[1].glob("lib/python*/site-packages/strivelm")
    there = {path.relative_to(site.parent).as_posix() for path in site.rglob("*") if path.is_file()}
    ours = {name for name in bundle.names() if name.startswith("strivelm/")}
    assert {name for name in there if "__pycache__" not in name} == ours
