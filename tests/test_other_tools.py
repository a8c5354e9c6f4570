"""The page "With other tools": its table and its lines belong together, and it comes along with the package."""

import importlib.util
import re
import sys

import numpy as np
import pytest
from commands import ROOT

PAGE = ROOT / "strivelm" / "docs" / "with_other_tools.md"
TEXT = PAGE.read_text("utf-8")


@pytest.fixture(scope="module")
def ecosystem():
    """scripts/ecosystem.py as a module."""
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("ecosystem", ROOT / "scripts" / "ecosystem.py")
    module = sys.modules["ecosystem"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "scripts"))
    del sys.modules["ecosystem"]


def rows():
    table = TEXT.split("<!-- table: scripts/ecosystem.py -->")[1].split("<!-- end of table -->")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_section_has_lines_and_says_what_is_installed_in_which_version(ecosystem):
    tools = ecosystem.tools()
    assert set(tools) == set(re.findall(r"^## (\S+)$", TEXT, re.M))
    for tool in tools.values():
        assert all(re.search(r"[=<>@\]]|ipython", package) for package in tool.packages), tool
        if tool.language == "python":
            compile(tool.lines, tool.name, "exec")


def test_the_table_holds_what_was_run_with_the_versions_of_the_lines(ecosystem):
    tools = ecosystem.tools()
    assert rows()
    for name, versions, result, date in rows():
        assert versions == ", ".join(package.replace("==", " ") for package in tools[name].packages), name
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", date)
        assert result


def test_a_table_keeps_the_rows_of_tools_that_are_not_run_again(ecosystem, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{ecosystem.BEGIN}\n{ecosystem.END}\nafter\n")
    monkeypatch.setattr(ecosystem, "PAGE", page)
    known = {"a": None, "b": None}
    ecosystem.written({"b": "| b | 1 | x | day |"}, known)
    ecosystem.written({"a": "| a | 1 | y | day |"}, known)
    ecosystem.written({"b": "| b | 2 | z | day |"}, known)
    lines = page.read_text().splitlines()
    assert lines[:2] + lines[-1:] == ["before", "", "after"]
    assert [line for line in lines if "day" in line] == ["| a | 1 | y | day |", "| b | 2 | z | day |"]


def test_numbers_are_compared_as_far_as_they_are_ours(ecosystem):
    ours = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert ecosystem._distance(ours[None].copy(), ours) == "equal to the bit"
    assert ecosystem._distance(np.pad(ours, ((0, 0), (0, 1))), ours) == "equal to the bit"
    assert ecosystem._distance(ours + np.float32(1e-3), ours) == "equal to 1e-03"
    with pytest.raises(AssertionError, match="differ by 1"):
        ecosystem._distance(ours + 1, ours)
    with pytest.raises(AssertionError, match="shape"):
        ecosystem._distance(ours[:1], ours)


def test_the_page_is_linked_where_it_is_looked_for():
    assert "(strivelm/docs/with_other_tools.md)" in (ROOT / "README.md").read_text("utf-8")
    for card in [ROOT / "strivelm/assets/model_card.md", *(ROOT / "strivelm/assets").rglob("README.md")]:
        assert "/strivelm/blob/main/strivelm/docs/with_other_tools.md)" in card.read_text("utf-8")
