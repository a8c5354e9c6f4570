"""The scripts that views share: put together for the page, and what they compute, run by Node without a browser."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from strivelm.inspection.vectors import CLASSES
from strivelm.ui.components import scripts
from strivelm.ui.core import codec
from strivelm.web import script

HERE = Path(__file__).parent
NODE = shutil.which("node")
NUMBERS = {
    "u8": [0, 1, 127, 128, 255],
    "u16": [0, 1, 255, 256, 65_535],
    "u32": [0, 1, 65_536, 2**31, 2**32 - 1],
    "f32": [float(x) for x in np.float32([0, 1, -1, 1e-30, 3.4e38, 0.1])],
    "probabilities": [0.0, 1e-12, 1e-6, 0.001, 0.5, 0.999, 1.0],
    "cosines": [-1.0, -0.5, -1e-5, 0.0, 0.3333, 1.0],
}
ROWS = [["char", "said"], [",", 'he said "no"'], ["\n", "a\r\nb"], ["é😀", -1.5], ["", "x y"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The scripts, where Node takes them for ES modules, and what their tests are given."""
    if NODE is None:
        pytest.skip("node was not found; install Node.js 20 or later to test what the scripts compute")
    top = tmp_path_factory.mktemp("scripts")
    at = top / "ui" / "components"
    shutil.copytree(script.HERE, top / "web", ignore=shutil.ignore_patterns("*.py*", "*.wasm"))
    for name in ("common", "plots"):
        shutil.copytree(scripts.HERE / name, at / name)
    (top / "package.json").write_text('{"type": "module"}')
    written = {kind: getattr(codec, kind)(numbers) for kind, numbers in NUMBERS.items()} | {"nothing": codec.f32([])}
    given = {"numbers": NUMBERS, "written": written, "rows": ROWS, "classes": CLASSES}
    (at / "given.json").write_text(json.dumps(given), "utf-8")
    return at


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_what_scripts_compute(folder, name):
    done = subprocess.run(
        [NODE, "--test", str(HERE / name)],
        env={"STRIVELM_SCRIPTS": str(folder), "PATH": str(Path(NODE).parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if name == "export.test.mjs":
        with (folder / "rows.csv").open(encoding="utf-8", newline="") as file:
            assert list(csv.reader(file)) == [[str(cell) for cell in row] for row in ROWS]


def test_no_two_scripts_give_the_same_name():
    names = []
    for module in scripts.MODULES:
        source = (scripts.HERE / f"{module}.js").read_text("utf-8")
        names += [name.strip() for name in script.EXPORT.search(source)[1].split(",") if name.strip()]
    assert sorted(names) == sorted(set(names))
    assert {"ask", "view", "heatMap", "scatter", "lineChart", "bars"} <= set(names)


def test_every_shared_script_is_part_of_the_page():
    folders = {name.split("/")[0] for name in scripts.MODULES}
    files = {f"{folder}/{path.stem}" for folder in folders for path in (scripts.HERE / folder).glob("*.js")}
    assert files == set(scripts.MODULES)


@pytest.mark.parametrize(
    "source",
    [
        "const a = 1;\n",
        'import a from "./b.js";\nexport { a };\n',
        'import { a } from "https://example.org/b.js";\nexport { a };\n',
        "export const a = 1;\nexport { a };\n",
    ],
)
def test_a_script_that_a_file_could_not_hold_is_refused(monkeypatch, tmp_path, source):
    (tmp_path / "odd.js").write_text(source)
    monkeypatch.setattr(scripts, "HERE", tmp_path)
    with pytest.raises(ValueError, match=r"odd\.js must import as"):
        scripts._module("odd")
