"""The plan of the package: which part may import which, and what an import brings along."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiers import SLOW

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "strivelm"

# A part is a file beside model.py, a folder beside it, or a folder of ui/. What each may import of the others; the
# map in CONTRIBUTING.md is this one.
ARROWS = {
    "config": set(),
    "words": set(),
    "steps": set(),
    "native": {"data"},
    "guessing": {"data", "native"},
    "streams": {"guessing", "native"},
    "decoder": {"guessing", "native", "streams"},
    "generation": set(),
    "scheduler": {"generation", "guessing", "native", "streams"},
    "web": {"native"},
    "tokenizer": {"words"},
    "files": set(),
    "gpt2_layout": {"config", "files"},
    "checkpoint": {"config", "files", "gpt2_layout", "tokenizer"},
    "foreign": {"config", "files", "gpt2_layout", "tokenizer"},
    "manifest": {"checkpoint", "files", "steps"},
    "data": {"checkpoint", "tokenizer"},
    "hub": {"checkpoint", "config", "data", "files", "gpt2_layout", "manifest", "steps"},
    "model": {"checkpoint", "config", "decoder", "generation", "hub", "tokenizer"},
    "loading": {"checkpoint", "data", "guessing", "hub", "model", "steps"},
    "snapshots": {"checkpoint", "hub", "loading", "steps"},
    "inspection": {"config", "data", "generation", "model", "tokenizer", "words"},
    "training": {"checkpoint", "config", "data", "generation", "manifest", "model", "steps", "words"},
    "verification": {"checkpoint", "data", "files", "hub", "loading", "manifest", "model", "steps", "training"},
    "space": {"checkpoint", "hub", "loading"},
    "export": {"checkpoint", "config", "files", "gpt2_layout"},
    "ui": {"loading", "ui.api", "ui.components", "ui.core", "ui.limits", "ui.tabs"},  # app, notebook, theme
    "cli": {
        *("checkpoint", "config", "data", "export", "foreign", "generation", "hub", "loading"),
        *("model", "space", "steps", "training", "ui", "verification", "web", "words"),
    },
    "__main__": {"cli"},
    "ui.limits": {"generation"},
    "ui.core": {
        *("checkpoint", "data", "generation", "hub", "inspection", "loading", "model", "snapshots", "ui.limits"),
        *("web", "words"),
    },
    "ui.components": {"loading", "ui.core", "web", "words"},
    "ui.api": {"decoder", "generation", "inspection", "loading", "ui.core", "ui.limits", "ui.tabs", "words"},
    "ui.tabs": {
        *("config", "data", "decoder", "generation", "inspection", "loading", "model", "scheduler", "steps"),
        *("training", "ui.components", "ui.core", "ui.limits", "words"),
    },
}
FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"
}
SCRIPTS = sorted(file for kind in ("js", "css") for file in PACKAGE.rglob(f"*.{kind}"))


def part_of(name):
    """The part in which a dotted name of the package lies."""
    first, *rest = name.split(".")
    return inner if first == "ui" and rest and (inner := f"ui.{rest[0]}") in ARROWS else first


def imports(path):
    """Every dotted name that a file imports, wherever in the file; `from strivelm import x` as strivelm.x."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_the_package(name):
    """The files of the package that a file imports; "" where it takes something from strivelm/__init__.py."""
    for imported in imports(FILES[name]):
        package, *parts = imported.split(".")
        if package == "strivelm":
            prefixes = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
            yield next((prefix for prefix in prefixes if prefix in FILES), "")


def libraries(name):
    return {imported.split(".")[0] for imported in imports(FILES[name])} - {"strivelm"}


def test_the_plan_names_every_part():
    assert {part_of(name) for name in FILES} == ARROWS.keys()


def test_contributing_shows_the_same_map():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    shown = re.search(r"^```\n(config →.*?)^```", text, re.MULTILINE | re.DOTALL)[1].splitlines()
    found = {part: set(filter(None, arrows.split(", "))) for part, arrows in (re.split(" → ?", line) for line in shown)}
    assert found == ARROWS


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_imports_only_what_its_part_may(name):
    own = part_of(name)
    used = {part_of(other) if other else "the package's face" for other in of_the_package(name)}
    if own.startswith(("ui", "cli")):
        used.discard("the package's face")
    assert used <= ARROWS[own] | {own}, f"{name} imports {sorted(used - ARROWS[own] - {own})}"


@pytest.mark.parametrize("name", sorted(name for name in FILES if not name.startswith(("ui", "cli.page"))))
def test_only_the_page_needs_the_page_s_libraries(name):
    assert not libraries(name) & {"gradio", "spaces", "fastapi", "transformers"}


def test_arrows_run_one_way():
    arrows, open_files = {name: set(of_the_package(name)) for name in FILES} | {"": set()}, []

    def walk(name):
        assert name not in open_files, f"a circle: {' → '.join([*open_files[open_files.index(name) :], name])}"
        open_files.append(name)
        for other in sorted(arrows[name]):
            walk(other)
        open_files.pop()

    for name in FILES:
        walk(name)


def test_the_list_of_slow_tests_names_tests():
    for name in SLOW:
        file, test = name.split("::")
        assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8"), f"SLOW in tiers.py names {name}"


@pytest.mark.parametrize("path", [*FILES.values(), *SCRIPTS], ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_one_subject(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_importing_strivelm_is_light_and_leaves_the_random_state():
    script = """
import sys, torch
before = torch.get_rng_state()
import strivelm
assert torch.equal(torch.get_rng_state(), before)
assert "torch.nn" in sys.modules and "safetensors" not in sys.modules, "names are imported when they are used"
assert all(hasattr(strivelm, name) for name in strivelm.__all__) and set(strivelm.__all__) <= set(dir(strivelm))
assert torch.equal(torch.get_rng_state(), before)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    brought = set(done.stdout.split())
    assert {"strivelm", "torch", "huggingface_hub"} <= brought
    assert not brought & {"gradio", "transformers", "spaces", "tokenizers", "matplotlib", "pandas", "fastapi"}


def test_each_file_of_tests_has_a_name_of_its_own():
    """Pytest knows them by their names alone."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
