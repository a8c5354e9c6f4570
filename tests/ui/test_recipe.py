"""CONTRIBUTING.md's recipe for a question and its view, followed to the letter in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAB = Path("strivelm/ui/tabs/predictions")
TEST = Path("tests/ui/tabs/predictions/test_sureness.py")
BLOCK = re.compile(r"^```(?:python|js|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[str]:
    """The recipe's code: the question and its view, the script, the import, the row of SECTIONS, and the test."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.partition("## Add a question and its view\n")[2].partition("\n## ")[0]
    return BLOCK.findall(section)


@pytest.mark.slow
def test_the_recipe_for_a_question_and_its_view_works_as_it_stands(tmp_path):
    question, script, line, row, test = blocks()
    for name in ("strivelm", "tests", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    (tmp_path / TAB / "sureness.py").write_text(question, "utf-8")
    (tmp_path / TAB / "sureness.js").write_text(script, "utf-8")
    tab = tmp_path / TAB / "tab.py"
    text = tab.read_text("utf-8")
    imports, sections = "\nSECTIONS = (\n", '    ("ablation", "Switch parts off", (ablation.VIEW,)),\n'
    assert text.count(imports) == text.count(sections) == 1
    tab.write_text(text.replace(imports, f"{line}{imports}").replace(sections, sections + row), "utf-8")
    (tmp_path / TEST).write_text(test, "utf-8")
    # The environment names no other checkout, so that the copy is what is imported and what is tested.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "sureness", str(TEST), "tests/browser/test_gallery.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # The recipe's test, and the view in the gallery, light and dark, where there is a Chromium.
    assert re.search(r"\b3 passed|\b1 passed, 2 skipped", done.stdout), done.stdout
